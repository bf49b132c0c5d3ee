/* The figures of a district by subject, each with its source and its percentile in London. */

import { el } from "./dom.js";
import { provenance, tags } from "./figures.js";
import { label, percent, sentence, formatFigure } from "./format.js";

const SUBJECTS = {
  "Cost of a home": [
    "rent_1bed",
    "rent_2bed",
    "rent_3bed",
    "rent_all",
    "rent_growth_1y_pct",
    "median_price",
    "sales_12m",
    "price_growth_1y_pct",
    "price_growth_5y_pct",
  ],
  Safety: ["imd_crime_decile", "burglaries_per_1000", "crimes_per_1000", "violent_crimes_per_1000"],
  Schools: [
    "schools_count",
    "primary_count",
    "secondary_count",
    "schools_rated",
    "good_or_outstanding_share",
    "outstanding_share",
  ],
  "Getting around": ["ptal_score", "nearest_station_km", "stations_within_1km", "min_zone"],
  "Green space and going out": [
    "open_space_pct",
    "food_venues",
    "food_venues_per_km2",
    "pubs_bars",
    "pubs_bars_per_km2",
    "borough_food_venues_per_1000",
  ],
  "People and place": ["population", "density_per_km2", "area_km2", "london_pop_share"],
};

/** Return a section per subject; figures of no subject get a section of their own at the end. */
export function subjects(area) {
  const figures = {
    ...area.figures,
    ...area.crime?.figures,
    ...area.schools?.figures,
    ...area.amenities?.figures,
  };
  const assigned = new Set(Object.values(SUBJECTS).flat());
  const rest = Object.keys(figures).filter((key) => !assigned.has(key));
  const sections = { ...SUBJECTS, ...(rest.length ? { "Other figures": rest } : {}) };
  return Object.entries(sections).map(([title, keys]) => {
    const present = keys.filter((key) => figures[key]);
    const missing = keys.filter((key) => !figures[key]);
    return el(
      "section",
      { class: "panel" },
      el("h2", {}, title),
      notes(title, figures),
      present.map((key) => row(key, figures[key], area.percentiles?.[key])),
      missing.length > 0 &&
        el(
          "p",
          { class: "hint" },
          `No source for: ${missing.map((key) => label(key).toLowerCase()).join(", ")}.`,
        ),
      extra(title, area),
    );
  });
}

/** Return a note on what the figures of a subject do not cover, with their dates. */
function notes(title, figures) {
  const text = {
    "Cost of a home":
      figures.rent_all?.level === "borough" &&
      `Rents are means for the whole borough (${figures.rent_all.vintage}), without bills, council tax or travel.`,
    "Getting around":
      figures.ptal_score &&
      `Accessibility is as of ${figures.ptal_score.vintage}; it does not include lines opened since, such as the Elizabeth line.`,
    "Green space and going out":
      figures.open_space_pct &&
      `Open space is as of ${figures.open_space_pct.vintage}; later changes are not included.`,
    Schools:
      figures.outstanding_share &&
      `Grades are Ofsted’s legacy overall grades (${figures.outstanding_share.vintage}), which ended in September 2024.`,
  }[title];
  return text && el("p", { class: "hint" }, text);
}

function row(key, figure, percentile) {
  const [value, unit] = formatFigure(figure);
  return el(
    "div",
    { class: "figure", "data-figure": key },
    el("p", { class: "label" }, label(key), tags(figure)),
    el("p", { class: "value" }, el("strong", {}, value), el("span", { class: "soft" }, ` ${unit}`)),
    percentile !== undefined && percentileStrip(percentile),
    el("p", { class: "hint" }, provenance(figure)),
  );
}

/** Return a figure's percentile among all districts as a strip, and as a sentence for screen readers and everyone else. */
function percentileStrip(percentile) {
  const mark = el("span", { class: "mark" });
  mark.style.setProperty("--at", `${percentile}%`);
  const share = Math.floor(percentile); // equal figures do not count as lower
  return el(
    "div",
    { class: "standing" },
    el("div", { class: "strip", "aria-hidden": "true" }, mark),
    el("p", {}, share ? `higher than ${share}% of districts` : "among the lowest of all districts"),
  );
}

function extra(title, area) {
  if (title === "Safety") return [breakdown(area.crime), trend(area.crime)];
  if (title === "Schools") return schoolList(area.schools?.schools);
  return null;
}

function breakdown(crime) {
  const kinds = Object.entries(crime?.breakdown ?? {}).sort(([, a], [, b]) => b - a);
  if (kinds.length === 0)
    return el("p", { class: "hint" }, "No live counts of offences by kind at the moment.");
  const highest = kinds[0][1];
  const rows = kinds.map(([kind, count]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, sentence(kind.replaceAll(/[-_]/g, " "))),
      el("td", { class: "number" }, count.toLocaleString("en-GB")),
      el("td", { class: "wide" }, el("meter", { min: 0, max: highest, value: count, "aria-hidden": "true" })),
    ),
  );
  const where = crime.radiusMiles
    ? ` within ${crime.radiusMiles} mile${crime.radiusMiles === 1 ? "" : "s"} of the centre`
    : "";
  const when = crime.period ? `, ${crime.period}` : "";
  return el(
    "table",
    {},
    el("caption", {}, `Recorded offences by kind${where}${when}`),
    el("tbody", {}, rows),
  );
}

function trend(crime) {
  if (!crime?.trend) return null;
  const change =
    crime.trendPct === undefined
      ? ""
      : ` (${crime.trendPct < 0 ? "−" : "+"}${percent(Math.abs(crime.trendPct))} in the last six months compared with the previous six)`;
  return el("p", {}, el("strong", {}, "Trend: "), `${crime.trend}${change}`);
}

/** Return Ofsted's result as text: a legacy grade, or since 2025 a report card with several grades. */
function grade({ rating, reportCard, outcome, inspected }) {
  const gradeList = Object.entries(reportCard ?? {})
    .map(([subject, result]) => `${subject}: ${result}`)
    .join("; ");
  const text = rating ? `${rating} (legacy grade)` : gradeList || outcome || "no grade";
  return inspected ? `${text}, ${inspected}` : text;
}

function schoolList(schools) {
  if (!schools?.length) return el("p", { class: "hint" }, "No individual schools are available at the moment.");
  const rows = schools.map((school) =>
    el(
      "tr",
      {},
      el(
        "th",
        { scope: "row" },
        school.name,
        el("span", { class: "soft" }, ` ${(school.stages ?? []).join(", ")}`),
      ),
      el("td", {}, grade(school)),
      el("td", { class: "number" }, school.distance === undefined ? "" : `${school.distance.toFixed(1)} km`),
    ),
  );
  return el("table", {}, el("caption", {}, "Schools nearby"), el("tbody", {}, rows));
}
