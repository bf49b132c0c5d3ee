/* Figures with where they come from: unit, level, source, vintage. */

import { el, table } from "./dom.js";
import { label, level, spoken } from "./words.js";

/** Give the tags of a figure: what it describes, and whether it is live. */
export function tags(figure) {
  const about = level(figure);
  return [
    about && el("span", { class: "tag" }, about),
    figure.source.startsWith("estimate") && el("span", { class: "tag" }, "estimate"),
    figure.live && el("span", { class: "tag live" }, "live"),
  ];
}

/** Give a table of figures, one row each. */
export function figureTable(figures, caption) {
  const rows = Object.entries(figures).map(([key, figure]) => {
    const [value, unit] = spoken(figure);
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, label(key)),
      el(
        "td",
        {},
        el("span", { class: "number" }, value),
        " ",
        el("span", { class: "soft" }, unit),
        " ",
        tags(figure),
      ),
      el("td", { class: "soft" }, provenance(figure)),
    );
  });
  return table(caption, ["Figure", "Value", "Source and date"], rows);
}

/** Say where a figure comes from, and of when it is. */
export function provenance(figure) {
  return `${figure.source}, ${figure.vintage}${figure.live ? "" : " (dated snapshot)"}`;
}
