/* Figures with their unit, level, source and vintage. */

import { el, table } from "./dom.js";
import { label, level, formatFigure } from "./format.js";

/** Return the tags of a figure: its level, and whether it is an estimate or live. */
export function tags(figure) {
  const levelName = level(figure);
  return [
    levelName && el("span", { class: "tag" }, levelName),
    figure.source.startsWith("estimate") && el("span", { class: "tag" }, "estimate"),
    figure.live && el("span", { class: "tag live" }, "live"),
  ];
}

/** Return a table of figures, one row each. */
export function figureTable(figures, caption) {
  const rows = Object.entries(figures).map(([key, figure]) => {
    const [value, unit] = formatFigure(figure);
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

/** Return the source and the date of a figure as text. */
export function provenance(figure) {
  return `${figure.source}, ${figure.vintage}${figure.live ? "" : " (dated snapshot)"}`;
}
