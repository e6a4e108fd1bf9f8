// Requests to the interface: JSON both ways, the page's token with every change, errors as one line for a person.

const token = () => document.querySelector('meta[name="csrf-token"]').content;

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Send a request and return the parsed answer (null for 204); throws Problem with the server's own words. */
export async function send(method, url, body) {
  const headers = { accept: "application/json", "x-csrf-token": token() };
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (answer.status === 204) return null;
  const document = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, document.detail ?? answer.statusText);
  return document;
}

/** Show one line to the reader for some seconds; `kind` is "good" or "bad". `action` is {text, run} for an undo. */
export function notify(text, kind = "good", action = null) {
  const note = document.createElement("div");
  note.className = `note ${kind}`;
  note.append(text);
  if (action) {
    const button = document.createElement("button");
    button.textContent = action.text;
    button.addEventListener("click", () => { note.remove(); action.run(); });
    note.append(button);
  }
  document.getElementById("notices").append(note);
  setTimeout(() => note.remove(), action ? 12000 : 6000);
}
