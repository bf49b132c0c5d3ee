/* One recommended area as a card. */

import { add, el, sign, SIGNS } from "./dom.js";
import { figureTable, provenance, tags } from "./figures.js";
import { FACTORS, HOMES, lineOf, percent, pounds, spoken } from "./words.js";

const ROBUST = { robust: "Steady", sensitive: "Depends on your weights" };

/** Give the card of an area; its name links to the area's own page, with the destination kept. */
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

/** Set the cost against the limit: the bar is full at the limit, and what is over it stands out. */
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
  const [value, unit] = spoken(figure);
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

/** Give the parts of a way in order. */
export function legList(legs) {
  const parts = legs.map((leg) =>
    el(
      "li",
      { class: leg.mode === "walk" ? "leg walk" : "leg", title: `${leg.start} to ${leg.end}` },
      lineOf(leg),
      el("span", { class: "minutes" }, ` ${Math.round(leg.minutes)}`),
      el("span", { class: "hidden" }, " minutes"),
    ),
  );
  return el("ol", { class: "legs", "aria-label": "The way" }, parts);
}

function reasons(area) {
  const row = (kind) => (text) =>
    el(
      "li",
      { class: kind },
      sign(SIGNS[kind]),
      el("span", { class: "hidden" }, kind === "yes" ? "For: " : "Against: "),
      el("span", {}, text),
    );
  const rows = [...area.strengths.map(row("yes")), ...area.weaknesses.map(row("no"))];
  return rows.length > 0 && el("ul", { class: "reasons" }, rows);
}

function robustness({ verdict, share, band }) {
  const title = ROBUST[verdict] ?? verdict;
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
  // drawn when it is first opened: ten tables that nobody looks at would cost the first view
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
          `Way: ${area.commute ? area.commute.source : "not asked"}. Cost: ${provenance(figure)}.`,
        ),
      ),
  );
  return box;
}

function factors({ factors: scores, contributions }) {
  const rows = Object.entries(scores).map(([name, score]) => {
    const points = contributions[name];
    const said = points === undefined ? "" : `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, FACTORS[name] ?? name),
      el("td", {}, el("meter", { min: 0, max: 100, value: score, "aria-hidden": "true" })),
      el("td", { class: "number" }, score.toFixed(1)),
      el("td", { class: "number soft" }, said),
    );
  });
  const head = ["Factor", "", "0 to 100", "Points"].map((name) =>
    name ? el("th", { scope: "col" }, name) : el("td", {}),
  );
  return el(
    "table",
    { class: "factors" },
    el("caption", {}, "How the score is made: points above or below the middle of London"),
    el("thead", {}, el("tr", {}, head)),
    el("tbody", {}, rows),
  );
}
