// Elements from descriptions: text is always text, so a type named as markup shows as its letters.

/** Return an element; `options` are attributes, except `class`, `text`, `on` ({event: listener}) and `data` ({key: value}). */
export function element(name, options = {}, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") made.className = value;
    else if (key === "text") made.textContent = value;
    else if (key === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (key === "data") Object.assign(made.dataset, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Put children in the place of what an element holds. */
export function fill(parent, children) {
  parent.replaceChildren(...children.filter((child) => child !== null));
}
