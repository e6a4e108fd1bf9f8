// The gate: put a version in force or go back, with a reason in writing.

import { notify, send } from "/static/requests.js";

const deciding = document.querySelector("#deciding");
const reason = document.querySelector("#reason");

async function decide(act) {
  if (!reason.value.trim()) {
    notify(reason.dataset.missing, "bad");
    reason.focus();
    return;
  }
  const { model, version } = deciding.dataset;
  const override = document.querySelector("#override");
  const body = act === "promote" ? { version, reason: reason.value, override: override ? override.value : null } : { reason: reason.value };
  const buttons = [...deciding.querySelectorAll("button[data-act]")];
  buttons.forEach((button) => { button.disabled = true; });
  try {
    await send("POST", `/api/v1/models/${encodeURIComponent(model)}/${act}`, body);
    document.querySelector("#done").hidden = false;
    setTimeout(() => location.assign(`/models?name=${encodeURIComponent(model)}`), 1500);
  } catch (problem) {
    notify(problem.message, "bad");
    buttons.forEach((button) => { button.disabled = false; });
  }
}

if (deciding) {
  for (const button of deciding.querySelectorAll("button[data-act]")) {
    button.addEventListener("click", () => decide(button.dataset.act));
  }
}
