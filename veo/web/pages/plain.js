/* What an answer's figures mean, in plain words, with the dates that the answer itself gives. */

import { el } from "./dom.js";

/** Tell whether a budget to buy with is read as a monthly payment. */
export function isPayment(budget) {
  return Number(budget) < 50_000;
}

/** Give the sentences that an answer calls for. */
export function plainWords(question, areas) {
  const find = (key) => areas.map(({ figures }) => figures[key]).find(Boolean);
  const renting = question.locationType === "rent";
  const cost = areas[0].cost.figure;
  const green = find("open_space_pct");
  const grades = find("outstanding_share");
  return [
    renting
      ? "The budget is set against the rent alone. Bills, council tax and travel come on top."
      : "The budget is set against the median sale price. Stamp duty, fees, bills, council tax and travel come on top.",
    renting &&
      cost.level === "borough" &&
      `Rents are means for whole boroughs (${cost.vintage}), not for the district: within a borough they cannot tell one street from another.`,
    !renting &&
      isPayment(question.budget) &&
      "A monthly payment is turned into a price by the assumptions listed here. That is arithmetic, not financial advice.",
    green && `Green space is measured as of ${green.vintage}: what was planted or built since is not in it.`,
    grades &&
      `School grades are Ofsted’s legacy overall grades (${grades.vintage}), which ended in September 2024.`,
    "A score compares with London’s districts. Two areas a point or two apart are as good as level.",
  ].filter(Boolean);
}

/** Give a list of sentences under a heading, or nothing when there are none. */
export function said(title, sentences, kind = "") {
  if (sentences.length === 0) return null;
  return el(
    "section",
    { class: `said ${kind}`.trim() },
    el("h2", {}, title),
    el(
      "ul",
      {},
      sentences.map((text) => el("li", {}, text)),
    ),
  );
}
