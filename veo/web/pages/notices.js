/* Notices: what the figures of an answer mean, with the dates that the answer gives. */

import { el } from "./dom.js";

/** Check whether a budget to buy with counts as a monthly payment. */
export function isMonthlyPayment(budget) {
  return Number(budget) < 50_000;
}

/** Return the sentences that qualify the figures of an answer. */
export function caveats(question, areas) {
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
      isMonthlyPayment(question.budget) &&
      "A monthly payment is turned into a price by the assumptions listed here. That is arithmetic, not financial advice.",
    green && `Green space is measured as of ${green.vintage}: what was planted or built since is not included.`,
    grades &&
      `School grades are Ofsted’s legacy overall grades (${grades.vintage}), which ended in September 2024.`,
    "A score is relative to London’s districts. Areas a point or two apart are practically equal.",
  ].filter(Boolean);
}

/** Return sentences as a list under a heading, or null if there are none. */
export function notice(title, sentences, kind = "") {
  if (sentences.length === 0) return null;
  return el(
    "section",
    { class: `notice ${kind}`.trim() },
    el("h2", {}, title),
    el(
      "ul",
      {},
      sentences.map((text) => el("li", {}, text)),
    ),
  );
}
