// Why the model says what it says: in words, with the nearest labelled examples and what lies nearby on the coil.

import { element } from "./elements.js";

const short = (number) => (number === null ? "–" : number.toFixed(2));

/** Return the elements that explain a finding; `open` is called with the id of another one. */
export function why(item, t, open) {
  return [
    element("h3", { text: t("why") }),
    ...sentences(item.why, item.name, t).map((text) => element("p", { text })),
    element("h3", { text: t("examples") }),
    item.examples.length ? element("ul", { class: "near" }, item.examples.map((one) => example(one)))
      : element("p", { class: "muted", text: t("no_examples") }),
    item.neighbours.length ? element("h3", { text: t("neighbours") }) : null,
    item.neighbours.length ? element("ul", { class: "near" }, item.neighbours.slice(0, 6).map((one) => neighbour(one, t, open))) : null,
    item.history.length ? element("h3", { text: t("history") }) : null,
    ...item.history.map((label) => element("p", { text: t("history_row", {
      who: label.operator, what: label.role === "withdrawn" ? t("undone") : label.defect_type ?? t("not_a_defect"),
      when: new Date(label.labelled_at).toLocaleString(document.documentElement.lang),
    }) })),
  ];
}

function sentences(reasons, name, t) {
  if (!reasons) return [];
  const said = [t("why_anomaly", { anomaly: short(reasons.anomaly) })];
  if (reasons.note) said.push(t("why_note", { note: reasons.note }));
  if (reasons.named_by === "channel") {
    said.push(reasons.nearest_type ? t("why_channel", { type: reasons.nearest_type }) : t("why_channel_none"));
  } else {
    const places = { type: reasons.nearest_type, distance: short(reasons.distance), limit: short(reasons.limit) };
    said.push(t(name === "unknown" ? "why_unknown" : "why_known", places));
  }
  if (reasons.margin !== null) said.push(t("why_margin", { margin: short(reasons.margin) }));
  return said;
}

function example(one) {
  return element("li", {}, [
    element("img", { src: one.crop, alt: one.defect_type, loading: "lazy" }),
    element("span", { text: one.defect_type, title: one.defect_type }),
    element("span", { class: "muted", text: short(one.distance) }),
  ]);
}

function neighbour(one, t, open) {
  const link = element("a", { href: `?item=${encodeURIComponent(one.id)}`, on: { click: (event) => { event.preventDefault(); open(one.id); } } }, [
    element("img", { src: one.crop, alt: "", loading: "lazy" }),
    element("span", { text: one.name === "unknown" ? t("unknown") : one.name }),
    element("span", { class: "muted", text: `${one.downweb_m.toFixed(2)} m` }),
  ]);
  return element("li", {}, [link]);
}
