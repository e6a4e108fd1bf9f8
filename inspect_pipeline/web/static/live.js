// The live page asks again and again for what a line does; not while nobody looks, and it says when it could not.

const place = document.getElementById("now");
const state = document.getElementById("live-state");
const EVERY_MS = 4000, SLOWEST_MS = 60000;
let wait = EVERY_MS, timer = 0;

async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    const answer = await fetch(place.dataset.from, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    place.replaceChildren(...fresh.body.childNodes);
    if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    wait = EVERY_MS;
    state.textContent = state.dataset.fresh;
    state.className = "badge good";
  } catch {
    wait = Math.min(wait * 2, SLOWEST_MS);
    state.textContent = state.dataset.stale;
    state.className = "badge bad";
  }
  timer = setTimeout(refresh, wait);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
timer = setTimeout(refresh, wait);
