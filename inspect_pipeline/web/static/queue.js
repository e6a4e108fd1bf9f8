// The queue page: groups, the finding that is looked at, and what a person says of it. The keyboard does everything.

import { element, fill } from "./elements.js";
import { FrameViewer } from "./frame-viewer.js";
import { keyboard } from "./queue-keys.js";
import { why } from "./queue-why.js";
import { BoxTool, BrushTool } from "./region-tools.js";
import { notify, send } from "./requests.js";
import { words } from "./words.js";

const GROUPS_A_PAGE = 30, ITEMS_A_GROUP = 60, BRUSH_REACH_PX = 600;
const byId = (id) => document.getElementById(id);
const bench = byId("bench");
const line = bench.dataset.line, recipe = bench.dataset.recipe;
const t = await words("queue");
const viewer = new FrameViewer(byId("stage"));
const state = { groups: [], types: [], group: null, items: [], item: null, ticked: new Set(), last: null, tool: null };

const query = (values) => new URLSearchParams(values).toString();
const nameOf = (item) => (item.name === "unknown" ? t("unknown") : item.name);

async function guarded(work) {
  try {
    return await work();
  } catch (error) {
    notify(error.status === 409 ? `${t("taken")}: ${error.message}` : t("failed", { detail: error.message }), "bad");
    if (error.status === 409) await openGroup(state.group, state.item?.id);
    return null;
  }
}

async function loadGroups(offset = 0) {
  const answer = await send("GET", `/api/v1/queue/groups?${query({ line, recipe, offset, limit: GROUPS_A_PAGE })}`);
  state.groups = offset ? [...state.groups, ...answer.groups] : answer.groups;
  byId("waiting").textContent = t("waiting", { n: answer.waiting });
  byId("more-groups").hidden = answer.groups.length < GROUPS_A_PAGE;
  showGroups();
}

async function loadTypes() {
  const types = await send("GET", `/api/v1/types?${query({ line })}`);
  state.types = types.filter((one) => one.life_cycle !== "retired");
  const buttons = state.types.map((one, at) => element("button", {
    on: { click: () => label("defect", one.name) }, "aria-keyshortcuts": at < 9 ? String(at + 1) : null,
  }, [element("span", { class: "name", text: one.name }), at < 9 ? element("kbd", { text: String(at + 1) }) : null]));
  fill(byId("types"), buttons);
}

function showGroups() {
  const rows = state.groups.map((group) => element("li", {}, [
    element("button", { "aria-current": group.id === state.group ? "true" : null, "aria-pressed": String(group.id === state.group),
      on: { click: () => openGroup(group.id) } }, [
      element("img", { src: group.lead.crop, alt: "", loading: "lazy" }),
      element("span", { class: "say" }, [
        element("b", { text: nameOf(group.lead) }),
        element("span", { class: "small muted", text: t("group", { n: group.size }) }),
        element("span", { class: `badge ${group.reason === "unknown" ? "UNKNOWN" : "provisional"}`, text: t(`reason_${group.reason}`) }),
      ]),
    ]),
  ]));
  fill(byId("groups"), rows.length ? rows : [element("li", { class: "notice good", text: t("empty") })]);
  bench.dataset.ready = "groups";
}

async function openGroup(id, itemId = null) {
  state.group = id;
  state.ticked = new Set();
  showGroups();
  if (id === null) return showNothing();
  const answer = await send("GET", `/api/v1/queue/groups/${id}/items?${query({ offset: 0, limit: ITEMS_A_GROUP })}`);
  state.items = answer.items;
  const wanted = state.items.find((one) => one.id === itemId) ?? state.items.find((one) => !one.label) ?? state.items[0];
  if (!wanted) return showNothing();
  await openItem(wanted.id);
}

function showNothing() {
  state.items = [];
  state.item = null;
  byId("item-title").textContent = t("empty");
  fill(byId("strip"), []);
  fill(byId("why"), []);
  showScope();
}

async function openItem(id) {
  setTool(null);
  const item = await send("GET", `/api/v1/queue/items/${encodeURIComponent(id)}`);
  state.item = item;
  history.replaceState(null, "", `?${query({ line, recipe, group: state.group, item: id })}`);
  const where = t("item_title", {
    name: nameOf(item), coil: item.coil, downweb: item.downweb_m.toFixed(2), crossweb: item.crossweb_mm.toFixed(0),
  });
  const stage = item.name === "unknown" ? null
    : element("span", { class: `badge ${item.life_cycle}`, text: t(`stage_${item.life_cycle}`) });
  fill(byId("item-title"), [where, " ", stage]);
  showStrip();
  fill(byId("why"), why(item, t, (other) => guarded(() => openItem(other))));
  showBoxes();
  const image = item.image;
  await viewer.show({ ...item.frame_size, overview: image.overview_url, partTemplate: image.part_url_template, heatmap: image.heatmap_url }, item.box);
  bench.dataset.ready = id;
}

function showBoxes() {
  const others = state.items.filter((one) => one.frame === state.item.frame && one.id !== state.item.id);
  viewer.boxes = [
    ...others.map((one) => ({ box: one.box, colour: "#c9d3dd", dashed: true })),
    { box: state.item.box, colour: "#ffb000", text: nameOf(state.item) },
  ];
  viewer.draw();
}

function showStrip() {
  const rows = state.items.map((item) => element("li", { class: item.label ? "labelled" : "" }, [
    element("button", { class: "thumb", "aria-current": item.id === state.item?.id ? "true" : null,
      "aria-label": `${nameOf(item)} ${item.downweb_m.toFixed(2)} m`, on: { click: () => guarded(() => openItem(item.id)) } },
    [element("img", { src: item.crop, alt: "", loading: "lazy" })]),
    item.label ? element("span", { class: "said", text: item.label.defect_type ?? t("not_a_defect") })
      : element("label", { class: "tick" }, [element("input", { type: "checkbox", "aria-label": t("tick"),
        ...(state.ticked.has(item.id) ? { checked: true } : {}), on: { change: () => toggleTick(item.id) } })]),
  ]));
  fill(byId("strip"), rows);
  byId("strip").querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  showScope();
}

function toggleTick(id) {
  if (!state.ticked.delete(id)) state.ticked.add(id);
  showStrip();
}

function tickAll() {
  const open = state.items.filter((one) => !one.label).map((one) => one.id);
  state.ticked = state.ticked.size < open.length ? new Set(open) : new Set();
  showStrip();
}

/** Return the findings that a decision applies to: the ticked ones, else the one that is looked at. */
const meant = () => (state.ticked.size ? state.items.filter((one) => state.ticked.has(one.id)) : state.item ? [state.item] : []);

function showScope() {
  const open = state.items.filter((one) => !one.label).length;
  byId("strip-title").textContent = t("strip_title", { n: open, ticked: state.ticked.size });
  byId("scope").textContent = state.ticked.size ? t("scope_many", { n: state.ticked.size }) : t("scope_one");
  for (const button of document.querySelectorAll("#types button, #not-a-defect, #new-type, #later")) button.disabled = !state.item;
}

async function label(kind, defectType = null) {
  const items = meant();
  if (!items.length) return null;
  const severity = document.querySelector('[name="severity"]:checked').value;
  const drawn = items.length === 1 ? await drawnRegion() : {};
  const body = {
    items: items.map((one) => ({ item: one.id, expected: one.label?.id ?? null })),
    kind, defect_type: defectType, severity: severity ? Number(severity) : null, ...drawn,
  };
  return guarded(async () => {
    const { labels } = await send("POST", "/api/v1/labels", body);
    state.last = labels.map((one) => one.id);
    byId("undo").disabled = false;
    labels.forEach((one, at) => { state.items.find((item) => item.id === items[at].id).label = one; });
    state.ticked = new Set();
    const said = kind === "defect" ? t("said", { what: defectType, n: labels.length }) : t("said_not", { n: labels.length });
    notify(said, "good", { text: t("undo"), run: undo });
    await goOn();
    return labels;
  });
}

async function drawnRegion() {
  if (state.tool instanceof BoxTool) return { box: state.tool.box };
  if (!(state.tool instanceof BrushTool)) return {};
  const region = await state.tool.region();
  return region ? { box: region.box, mask: region.png } : {};
}

/** Go to the next finding that is not settled; when the group is, to the next group. */
async function goOn() {
  const at = state.items.findIndex((one) => one.id === state.item.id);
  const next = [...state.items.slice(at + 1), ...state.items.slice(0, at)].find((one) => !one.label);
  if (next) return openItem(next.id);
  await loadGroups();
  return openGroup(state.groups.find((group) => group.id !== state.group)?.id ?? state.groups[0]?.id ?? null);
}

async function undo() {
  if (!state.last) return;
  const ids = state.last;
  state.last = null;
  byId("undo").disabled = true;
  await guarded(async () => {
    for (const id of ids) await send("POST", `/api/v1/labels/${encodeURIComponent(id)}/undo`);
    notify(t("undone"));
    await loadGroups();
    await openGroup(state.groups.some((group) => group.id === state.group) ? state.group : state.groups[0]?.id ?? null);
  });
}

async function later() {
  if (!state.item) return;
  const skipped = state.item.id;
  await guarded(async () => {
    await send("POST", `/api/v1/queue/items/${encodeURIComponent(skipped)}/skip`);
    notify(t("skipped"));
    const at = state.items.findIndex((one) => one.id === skipped);
    state.items.splice(at, 1);
    state.ticked.delete(skipped);
    const next = state.items.slice(at).concat(state.items.slice(0, at)).find((one) => !one.label);
    if (next) await openItem(next.id);
    else { await loadGroups(); await openGroup(state.groups[0]?.id ?? null); }
  });
}

function askName() {
  const n = meant().length;
  if (!n) return;
  byId("name-scope").textContent = n === 1 ? t("name_scope_one") : t("name_scope_many", { n });
  byId("type-name").value = "";
  byId("name-dialog").showModal();
}

async function named(event) {
  event.preventDefault();
  byId("name-dialog").close();
  const name = byId("type-name").value.trim();
  const labels = await label("defect", name);
  if (!labels) return;
  await loadTypes();
  offerTeaching(labels);
}

function offerTeaching(labels) {
  const name = labels[0].defect_type;
  byId("teach-title").textContent = t("teach_title", { n: labels.length, type: name });
  byId("teach-text").textContent = labels.length < 3 ? t("teach_few") : t("teach_text");
  byId("teach-choose").href = `/teach?${query({ line, recipe, type: name })}`;
  byId("teach-form").onsubmit = (event) => { event.preventDefault(); guarded(() => teach(name, labels)); };
  byId("teach-dialog").showModal();
  byId("teach-now").focus();
}

async function teach(name, labels) {
  const body = { line, recipe, defect_type: name, labels: labels.map((one) => one.id) };
  const { job } = await send("POST", "/api/v1/teachings", body);
  location.assign(`/teach/jobs/${encodeURIComponent(job)}`);
}

function setTool(name) {
  const same = name !== null && byId(name).getAttribute("aria-pressed") === "true";
  for (const each of ["box", "brush"]) byId(each).setAttribute("aria-pressed", String(each === name && !same));
  byId("erase").hidden = name !== "brush" || same;
  viewer.canvas.classList.toggle("tooling", name !== null && !same);
  state.tool = null;
  if (name === "box" && !same) state.tool = new BoxTool(state.item.box, state.item.frame_size, () => {});
  if (name === "brush" && !same) state.tool = new BrushTool(brushArea(), Math.max(4, 10 / viewer.view.scale), () => {});
  viewer.tool = state.tool;
  viewer.draw();
}

function brushArea() {
  const { box, frame_size: size } = state.item;
  return {
    left: Math.max(0, box.left - BRUSH_REACH_PX), top: Math.max(0, box.top - BRUSH_REACH_PX),
    right: Math.min(size.width, box.right + BRUSH_REACH_PX), bottom: Math.min(size.height, box.bottom + BRUSH_REACH_PX),
  };
}

function erase() {
  state.tool.erasing = !state.tool.erasing;
  byId("erase").setAttribute("aria-pressed", String(state.tool.erasing));
}

function heat() {
  viewer.showHeat = !viewer.showHeat;
  byId("heat").setAttribute("aria-pressed", String(viewer.showHeat));
  viewer.draw();
}

function step(by) {
  const at = state.items.findIndex((one) => one.id === state.item?.id);
  const next = state.items[at + by];
  if (next) guarded(() => openItem(next.id));
}

function nextGroup() {
  const at = state.groups.findIndex((group) => group.id === state.group);
  const next = state.groups[at + 1] ?? state.groups[0];
  if (next) guarded(() => openGroup(next.id));
}

const actions = {
  heat, later, undo, askName, tickAll, step, nextGroup,
  tick: () => state.item && !state.item.label && toggleTick(state.item.id),
  type: (at) => state.types[at] && label("defect", state.types[at].name),
  notADefect: () => label("not a defect"),
  box: () => state.item && setTool("box"), brush: () => state.item && setTool("brush"), erase,
  zoomIn: () => viewer.zoom(1.4), zoomOut: () => viewer.zoom(1 / 1.4), whole: () => viewer.frame && viewer.whole(),
  pan: (dx, dy) => viewer.pan(dx, dy), keys: () => byId("keys-dialog").showModal(),
};

const clicks = {
  heat, later, undo, box: actions.box, brush: actions.brush, erase, whole: actions.whole, keys: actions.keys, "zoom-in": actions.zoomIn,
  "zoom-out": actions.zoomOut, "tick-all": tickAll, "not-a-defect": actions.notADefect, "new-type": askName,
  "more-groups": () => guarded(() => loadGroups(state.groups.length)),
};
for (const [id, run] of Object.entries(clicks)) byId(id).addEventListener("click", run);
for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
byId("name-form").addEventListener("submit", named);
document.querySelector("[data-choice]")?.addEventListener("change", (event) => {
  const chosen = event.target.selectedOptions[0].dataset;
  location.assign(`/queue?${query({ line: chosen.line, recipe: chosen.recipe })}`);
});
keyboard(actions);

const asked = new URLSearchParams(location.search);
await guarded(async () => {
  await Promise.all([loadGroups(), loadTypes()]);
  await openGroup(asked.get("group") ?? state.groups[0]?.id ?? null, asked.get("item"));
});
