// Teaching: ticks and keys on the page of a type; on the page of a job, its state until it ends.

import { notify, send } from "/static/requests.js";

const ENOUGH = 3, MANY = 5;
const POLL_MS = 400;
const PREPARE_AFTER_MS = 500;

const failed = (problem) => notify(problem.message, "bad");

function picking(form, place) {
  const boxes = [...form.querySelectorAll('input[name="label"]')];
  const button = form.querySelector("button[type=submit]");
  if (!button) return;
  const count = form.querySelector("#picked-count");
  const prepared = new Set();
  let timer = null;

  const picked = () => boxes.filter((box) => box.checked && !box.disabled);

  const prepare = () => {
    const labels = picked().map((box) => box.value).filter((id) => !prepared.has(id));
    if (!labels.length) return;
    labels.forEach((id) => prepared.add(id));
    // What is looked at now is not looked at again; where it fails the teaching itself says why.
    send("POST", "/api/v1/teachings/prepare", { line: place.line, recipe: place.recipe, labels }).catch(failed);
  };

  const show = () => {
    const samples = picked().filter((box) => !("good" in box.dataset)).length;
    const text = samples === 0 ? count.dataset.none : samples < ENOUGH ? count.dataset.few : samples > MANY ? count.dataset.many : count.dataset.right;
    count.textContent = text.replace("{n}", String(samples));
    button.disabled = picked().length === 0;
    clearTimeout(timer);
    timer = setTimeout(prepare, PREPARE_AFTER_MS);
  };

  form.addEventListener("change", show);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    button.disabled = true;
    try {
      const body = { line: place.line, recipe: place.recipe, defect_type: form.elements.name.value, labels: picked().map((box) => box.value) };
      const job = await send("POST", "/api/v1/teachings", body);
      location.assign(job.page);
    } catch (problem) {
      failed(problem);
      button.disabled = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
    const box = /^[1-9]$/.test(event.key) ? boxes[Number(event.key) - 1] : null;
    if (box && !box.disabled) {
      box.checked = !box.checked;
      box.focus();
      show();
    } else if (event.key.toLowerCase() === "t" && !button.disabled) {
      form.requestSubmit();
    } else return;
    event.preventDefault();
  });
  show();
}

function steps(place) {
  for (const button of document.querySelectorAll("button[data-step]")) {
    button.addEventListener("click", async () => {
      const reason = button.closest("details").querySelector("[data-reason]");
      if (!reason.value.trim()) {
        reason.focus();
        return;
      }
      const { name, step } = button.dataset;
      button.disabled = true;
      try {
        const url = `/api/v1/types/${encodeURIComponent(place.line)}/${encodeURIComponent(name)}/${step}`;
        await send("POST", url, { reason: reason.value, recipe: place.recipe });
        location.reload();
      } catch (problem) {
        failed(problem);
        button.disabled = false;
      }
    });
  }
}

async function watch(part) {
  const shown = () => part.querySelector(".state").dataset;
  while (shown().open === "yes") {
    await new Promise((done) => setTimeout(done, POLL_MS));
    const answer = await fetch(`/teach/jobs/${part.dataset.job}/part`).catch(() => null);
    if (!answer || !answer.ok) continue;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    const state = next.querySelector(".state");
    const { stage, open } = state.dataset;
    if (stage === shown().stage && open === shown().open) {
      part.querySelector(".state").replaceWith(document.adoptNode(state));
    } else {
      part.replaceChildren(...[...next.childNodes].map((node) => document.adoptNode(node)));
    }
  }
}

function takingBack(part) {
  part.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-take-back]");
    if (!button) return;
    button.disabled = true;
    try {
      const job = await send("POST", `/api/v1/teachings/${button.dataset.takeBack}/take-back`);
      location.assign(job.page);
    } catch (problem) {
      failed(problem);
      button.disabled = false;
    }
  });
}

const place = document.querySelector(".teach");
if (place) {
  steps(place.dataset);
  const form = document.querySelector("#picking-form");
  if (form) picking(form, place.dataset);
}
const part = document.querySelector("#job");
if (part) {
  takingBack(part);
  watch(part).catch(failed);
}
