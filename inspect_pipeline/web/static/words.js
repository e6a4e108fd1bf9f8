// The texts of an area of the pages in the reader's language.

/** Return a function `t(key, places)` for an area; an unknown key is an error, so that no page shows a bare key. */
export async function words(area) {
  const answer = await fetch(`/words/${document.documentElement.lang}/${area}.json`);
  if (!answer.ok) throw new Error(`the words of ${area} cannot be read`);
  const texts = await answer.json();
  return (key, places = {}) => {
    if (!(key in texts)) throw new Error(`no text ${area}.${key}`);
    return texts[key].replace(/\{(\w+)\}/g, (_, name) => String(places[name]));
  };
}
