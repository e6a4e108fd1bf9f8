// Judging blind: one picture, an answer by key or touch, confirmed, and on to the next. What was given stays given.
import { notify, send } from "/static/requests.js";

const root = document.getElementById("judge");
const part = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll(".choice-button")];
const study = root.dataset.study;
const items = Number(root.dataset.items);
let task = { trial: Number(root.dataset.trial) || null, position: Number(root.dataset.position) || null };
let shownAt = 0;
let busy = false;

const filled = (text, places) => text.replace(/\{(\w+)\}/g, (_, name) => String(places[name]));
const picture = (trial, position) => `/studies/${study}/trials/${trial}/${position}.png`;
const chosen = () => buttons.find((button) => button.getAttribute("aria-pressed") === "true");

function show(which) {
  for (const id of ["work", "pause", "end"]) part(id).hidden = id !== which;
}

function choose(button) {
  if (busy || part("work").hidden) return;
  for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
  part("confirm").disabled = button === null;
}

function showProgress() {
  const done = task.trial === null ? items * Number(root.dataset.trials) : (task.trial - 1) * items + task.position - 1;
  part("done").value = done;
  part("at").textContent = task.trial === null ? "" : filled(root.dataset.at, { trial: task.trial, trials: root.dataset.trials, position: task.position, items });
}

function showItem() {
  show("work");
  choose(null);
  const image = part("item");
  image.alt = filled(root.dataset.alt, { position: task.position });
  image.src = picture(task.trial, task.position);
  shownAt = performance.now();
}

function ahead() {
  if (task.position < items) new Image().src = picture(task.trial, task.position + 1);
}

function proceed(before) {
  showProgress();
  if (task.trial === null) {
    show("end");
    part("end-title").focus();
  } else if (before !== null && task.trial !== before) {
    part("pause-title").textContent = filled(root.dataset.trialDone, { n: before });
    show("pause");
    part("begin").focus();
  } else {
    showItem();
  }
}

async function confirm() {
  const button = chosen();
  if (busy || !button || part("work").hidden) return;
  busy = true;
  part("confirm").disabled = true;
  const before = task.trial;
  const given = { trial: task.trial, position: task.position, answer: button.dataset.answer || null, seconds: (performance.now() - shownAt) / 1000 };
  try {
    task = await send("POST", `/api/v1/studies/${study}/judgements`, given);
  } catch (problem) {
    notify(problem.message, "bad");
    try { task = await send("GET", `/api/v1/studies/${study}/task`); } catch { /* the line above is on the screen */ }
  } finally {
    busy = false;
  }
  proceed(before);
}

for (const button of buttons) button.addEventListener("click", () => choose(button));
part("confirm").addEventListener("click", confirm);
part("begin").addEventListener("click", showItem);
part("item").addEventListener("load", () => { shownAt = performance.now(); ahead(); });
part("item").addEventListener("error", () => notify(root.dataset.lost, "bad"));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || part("work").hidden) return;
  if (event.key === "Enter" && chosen()) {
    event.preventDefault();
    confirm();
    return;
  }
  const button = buttons.find((one) => one.dataset.keys.includes(event.key.toLowerCase()) && event.key.length === 1);
  if (button) choose(button);
  else if (event.key === "Escape" || event.key === "Backspace") choose(null);
});
proceed(null);
