// The page of one coil: fetches its findings, draws the map, shows the chosen finding, keeps what is seen in the URL.

import { CoilMap } from "./coil-map.js";
import { send, notify } from "./requests.js";

const holder = document.getElementById("coil-map");
const canvas = holder.querySelector("canvas");
const panel = document.getElementById("finding");
const switches = [...holder.querySelectorAll("button[data-type]")];
const kindSwitches = [...holder.querySelectorAll("button[data-kind]")];
const words = holder.dataset;
let map = null, columns = null, later = 0;

/** Return what the map needs to draw a type: its outline from the page's shapes, its colour from the style sheet. */
function kindOf(name) {
  const button = switches.find((one) => one.dataset.type === name);
  const shape = document.getElementById(button.dataset.shape);
  return {
    path: shape.getAttribute("d"),
    circle: Number(shape.getAttribute("r")) || 0,
    ink: getComputedStyle(button.querySelector("svg")).color,
    sign: button.dataset.shape === "shape-unknown" ? document.getElementById("question").getAttribute("d") : null,
  };
}

async function begin() {
  const base = `/api/v1/coils/${encodeURIComponent(words.coil)}`;
  const chosen = words.detector ? `?detector=${encodeURIComponent(words.detector)}` : "";
  const [coil, found] = await Promise.all([send("GET", base + chosen), send("GET", `${base}/findings${chosen}`)]);
  columns = found;
  map = new CoilMap(canvas, coil, coil.stretches, found, found.types.map(kindOf));
  canvas.addEventListener("selected", (event) => { show(event.detail.index); remember(); });
  canvas.addEventListener("hovered", (event) => { if (map.selected < 0) show(event.detail.index); });
  canvas.addEventListener("viewed", () => remember());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { map.kinds = found.types.map(kindOf); map.restyle(); });
  recall();
  holder.dataset.ready = "yes";
}

// ---- the chosen finding

const number = (value, digits) => value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });

function show(index) {
  panel.querySelector(".none").hidden = index >= 0;
  panel.querySelector(".one").hidden = index < 0;
  if (index < 0) return;
  const item = columns.items[index], type = columns.types[columns.type_of[index]];
  const put = (name, text) => { panel.querySelector(`[data-of="${name}"]`).textContent = text; };
  const button = switches.find((one) => one.dataset.type === type);
  panel.querySelector('[data-of="type"]').replaceChildren(button.querySelector("svg").cloneNode(true), button.querySelector("bdi").cloneNode(true));
  put("stage", button.dataset[`stage${columns.life_cycles[index]}`] ?? columns.life_cycles[index]);
  put("score", `${number(columns.score[index], 2)} ×`);
  put("place", `${number(columns.downweb_m[index], 3)} m, ${number(columns.crossweb_mm[index], 1)} mm`);
  put("size", `${number(columns.length_mm[index], 1)} × ${number(columns.width_mm[index], 1)} mm`);
  put("number", `${index + 1} / ${columns.items.length}`);
  panel.querySelector("a.open").href = `/queue?item=${encodeURIComponent(item)}`;
  picture(item, type);
}

function picture(item, type) {
  clearTimeout(later);
  const image = panel.querySelector("img"), missing = panel.querySelector(".no-picture");
  const address = `/images/items/${encodeURIComponent(item)}/crop.png`;
  if (image.getAttribute("src") === address) return;
  image.hidden = true;
  missing.hidden = true;
  image.removeAttribute("src");
  image.alt = words.pictureOf.replace("{type}", type);
  later = setTimeout(() => { // a pointer that only passes over marks asks for no picture
    image.onload = () => { image.hidden = false; };
    image.onerror = () => { missing.hidden = false; };
    image.src = address;
  }, 120);
}

// ---- what is seen is in the URL, so that a link shows the same

let remembering = 0;
function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    const url = new URL(location.href), query = url.searchParams;
    const whole = map.to - map.from >= map.size.length_m * 0.999;
    for (const name of ["from", "to", "finding", "hide"]) query.delete(name);
    if (!whole) { query.set("from", map.from.toFixed(3)); query.set("to", map.to.toFixed(3)); }
    if (map.selected >= 0) query.set("finding", columns.items[map.selected]);
    for (const button of [...switches, ...kindSwitches]) {
      if (button.getAttribute("aria-pressed") === "false") query.append("hide", button.dataset.type ?? `:${button.dataset.kind}`);
    }
    history.replaceState(null, "", url);
  }, 200);
}

function recall() {
  const query = new URLSearchParams(location.search);
  const hidden = new Set(query.getAll("hide"));
  for (const button of [...switches, ...kindSwitches]) {
    button.setAttribute("aria-pressed", String(!hidden.has(button.dataset.type ?? `:${button.dataset.kind}`)));
  }
  filter();
  const from = Number(query.get("from")), to = Number(query.get("to"));
  if (to > from) map.look(from, to);
  const index = columns.items.indexOf(query.get("finding"));
  if (index >= 0) map.select(index); else show(-1);
}

function filter() {
  const off = (button) => button.getAttribute("aria-pressed") === "false";
  const types = switches.filter(off).map((button) => columns.types.indexOf(button.dataset.type));
  map.hide(types, kindSwitches.filter(off).map((button) => button.dataset.kind));
}

for (const button of [...switches, ...kindSwitches]) {
  button.addEventListener("click", () => {
    if (!map) return;
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") === "false"));
    filter();
    remember();
  });
}
for (const button of holder.querySelectorAll("button[data-verdict]")) {
  button.addEventListener("click", () => { // one verdict alone, or all of them
    if (!map) return;
    for (const one of switches) {
      const verdict = one.dataset.type === "unknown" ? "UNKNOWN" : "DEFECT";
      one.setAttribute("aria-pressed", String(["all", verdict].includes(button.dataset.verdict)));
    }
    filter();
    remember();
  });
}
const acts = { closer: () => map.zoom(0.5), wider: () => map.zoom(2), whole: () => map.showAll(), next: () => map.step(1), previous: () => map.step(-1) };
for (const button of document.querySelectorAll("button[data-act]")) {
  button.addEventListener("click", () => { if (map) acts[button.dataset.act](); });
}
document.getElementById("copy-link").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    notify(words.copied);
  } catch {
    notify(`${words.notCopied} ${location.href}`, "bad");
  }
});
begin().catch((error) => notify(error.message, "bad"));
