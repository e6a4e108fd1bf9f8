// Making and closing a study.
import { notify, send } from "/static/requests.js";

const form = document.getElementById("new-study");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  const button = form.querySelector("button.primary");
  button.disabled = true;
  try {
    const made = await send("POST", "/api/v1/studies", {
      name: fields.get("name"),
      line: fields.get("line"),
      people: fields.getAll("person").map((name) => name.trim()).filter(Boolean),
      trials: Number(fields.get("trials")),
      items: Number(fields.get("items")),
      seed: Number(fields.get("seed")),
      with_reference: fields.has("with_reference"),
      recipe: fields.get("recipe"),
      champion: fields.has("champion"),
      challenger: fields.has("challenger"),
    });
    location.assign(`/studies/${made.id}`);
  } catch (problem) {
    notify(problem.message, "bad");
    button.disabled = false;
  }
});

const close = document.getElementById("close-study");
let sure = false;
close?.addEventListener("click", async () => {
  if (close.dataset.incomplete && !sure) {
    sure = true;
    close.textContent = close.dataset.ask;
    return;
  }
  close.disabled = true;
  close.textContent = close.dataset.busy;
  try {
    await send("POST", `/api/v1/studies/${close.dataset.study}/close`, { incomplete: Boolean(close.dataset.incomplete) });
    location.reload();
  } catch (problem) {
    notify(problem.message, "bad");
    close.disabled = false;
  }
});

document.getElementById("print")?.addEventListener("click", () => window.print());
