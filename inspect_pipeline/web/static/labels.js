// Files of labels, and the correction of doubted ones.
import { notify, Problem, send } from "/static/requests.js";

const filled = (text, places) => text.replace(/\{(\w+)\}/g, (_, name) => String(places[name]));

const form = document.getElementById("import-labels");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const outcome = document.getElementById("outcome");
  button.disabled = true;
  outcome.hidden = true;
  try {
    const headers = { accept: "application/json", "x-csrf-token": document.querySelector('meta[name="csrf-token"]').content };
    const answer = await fetch("/api/v1/labels/import", { method: "POST", headers, body: new FormData(form) });
    const done = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Problem(answer.status, done.detail ?? answer.statusText);
    outcome.className = "notice good";
    outcome.textContent = filled(form.dataset.done, done);
  } catch (problem) {
    outcome.className = "notice bad";
    outcome.textContent = problem.message;
  }
  outcome.hidden = false;
  button.disabled = false;
});

const look = document.getElementById("look");
look?.addEventListener("submit", () => {
  const button = look.querySelector("button");
  button.textContent = look.dataset.busy;
  setTimeout(() => { button.disabled = true; });
});

const doubted = document.getElementById("doubted");
doubted?.addEventListener("click", async (event) => {
  const button = event.target.closest("button.correct");
  if (!button) return;
  button.disabled = true;
  try {
    const right = { line: doubted.dataset.line, name: button.dataset.name || null };
    await send("POST", `/api/v1/labels/noise/${encodeURIComponent(button.dataset.label)}/correct`, right);
    button.closest("article").classList.add("settled");
    button.textContent = doubted.dataset.done;
  } catch (problem) {
    notify(problem.message, "bad");
    button.disabled = false;
  }
});
