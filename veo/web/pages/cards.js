/* The card of a recommended area. */

import { add, el, icon, ICONS } from "./dom.js";
import { figureTable, provenance, tags } from "./figures.js";
import { FACTORS, HOMES, lineName, percent, pounds, formatFigure } from "./format.js";

const ROBUSTNESS = { robust: "Steady", sensitive: "Depends on your weights" };

/** Return the card of an area; its name links to the area's page, with the destination kept. */
export function card(area, destination) {
  const query = destination ? `?${new URLSearchParams({ destination })}` : "";
  return el(
    "li",
    {},
    el(
      "article",
      {
        class: "card",
        id: `area-${area.areaCode}`,
        "data-code": area.areaCode,
        "aria-labelledby": `name-${area.areaCode}`,
      },
      heading(area, `/areas/${encodeURIComponent(area.areaCode)}${query}`),
      el("div", { class: "facts" }, cost(area.cost), area.commute && commute(area.commute)),
      reasons(area),
      el("p", { class: "badges" }, robustness(area.robustness), coverage(area.coverage)),
      more(area),
    ),
  );
}

function heading(area, href) {
  return el(
    "header",
    {},
    el("span", { class: "rank", "aria-hidden": "true" }, String(area.rank)),
    el(
      "div",
      {},
      el(
        "h3",
        { id: `name-${area.areaCode}` },
        el("span", { class: "hidden" }, `${area.rank}. `),
        el("a", { href }, area.name),
      ),
      el("p", { class: "soft" }, `${area.areaCode} · ${area.borough}`),
    ),
    el(
      "p",
      { class: "score" },
      el("span", { class: "hidden" }, "Score "),
      el("strong", {}, area.score.toFixed(1)),
      el("span", { class: "soft" }, " of 100"),
    ),
  );
}

/** Return the cost compared with the budget: the bar is full at the limit, and an excess is highlighted. */
function cost({ figure, limit, home, overBudgetPct }) {
  const over = overBudgetPct > 0;
  const against = over ? `${percent(overBudgetPct)} over ${pounds(limit)}` : `of ${pounds(limit)}`;
  const bar = el("meter", {
    min: 0,
    max: limit,
    value: Math.min(figure.value, limit),
    "aria-label": "Cost against budget",
    class: over ? "over" : null,
  });
  const [value, unit] = formatFigure(figure);
  return el(
    "div",
    { class: "fact" },
    el("p", { class: "label" }, home ? HOMES[home] : "Median price", tags(figure)),
    el(
      "p",
      {},
      el("strong", {}, value),
      el("span", { class: "soft" }, ` ${unit}`),
      el("span", { class: over ? "over" : "soft" }, ` ${against}`),
    ),
    bar,
  );
}

function commute({ destination, minutes, legs, source }) {
  return el(
    "div",
    { class: "fact" },
    el("p", { class: "label" }, `To ${destination}`, el("span", { class: "tag" }, source)),
    el("p", {}, el("strong", {}, `${minutes} min`), el("span", { class: "soft" }, " door to door")),
    legList(legs),
  );
}

/** Return the legs of a journey in order. */
export function legList(legs) {
  const parts = legs.map((leg) =>
    el(
      "li",
      { class: leg.mode === "walk" ? "leg walk" : "leg", title: `${leg.start} to ${leg.end}` },
      lineName(leg),
      el("span", { class: "minutes" }, ` ${Math.round(leg.minutes)}`),
      el("span", { class: "hidden" }, " minutes"),
    ),
  );
  return el("ol", { class: "legs", "aria-label": "Route" }, parts);
}

function reasons(area) {
  const row = (kind) => (text) =>
    el(
      "li",
      { class: kind },
      icon(ICONS[kind]),
      el("span", { class: "hidden" }, kind === "yes" ? "For: " : "Against: "),
      el("span", {}, text),
    );
  const rows = [...area.strengths.map(row("yes")), ...area.weaknesses.map(row("no"))];
  return rows.length > 0 && el("ul", { class: "reasons" }, rows);
}

function robustness({ verdict, share, band }) {
  const title = ROBUSTNESS[verdict] ?? verdict;
  return el(
    "span",
    { class: `badge ${verdict === "robust" ? "good" : "caution"}` },
    el("strong", {}, title),
    ` in the top ${band} in ${Math.floor(share * 100)}% of weightings tried`,
  );
}

function coverage(share) {
  return (
    share < 1 &&
    el("span", { class: "badge caution" }, `Figures for ${Math.round(share * 100)}% of the weights only`)
  );
}

function more(area) {
  const { figure } = area.cost;
  const box = el("details", {}, el("summary", {}, "Score, figures and sources"));
  // filled when first opened, because ten unseen tables would slow down the first view
  box.addEventListener(
    "toggle",
    () =>
      box.childElementCount === 1 &&
      add(
        box,
        factors(area),
        figureTable({ cost: figure, ...area.figures }, `Figures of ${area.name}`),
        el(
          "p",
          { class: "soft" },
          `Commute: ${area.commute ? area.commute.source : "none"}. Cost: ${provenance(figure)}.`,
        ),
      ),
  );
  return box;
}

function factors({ factors: scores, contributions }) {
  const rows = Object.entries(scores).map(([name, score]) => {
    const points = contributions[name];
    const signed = points === undefined ? "" : `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, FACTORS[name] ?? name),
      el("td", {}, el("meter", { min: 0, max: 100, value: score, "aria-hidden": "true" })),
      el("td", { class: "number" }, score.toFixed(1)),
      el("td", { class: "number soft" }, signed),
    );
  });
  const head = ["Factor", "", "0 to 100", "Points"].map((name) =>
    name ? el("th", { scope: "col" }, name) : el("td", {}),
  );
  return el(
    "table",
    { class: "factors" },
    el("caption", {}, "How the score is composed: points above or below a neutral score of 50"),
    el("thead", {}, el("tr", {}, head)),
    el("tbody", {}, rows),
  );
}
