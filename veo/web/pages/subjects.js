/* The figures of one district by subject, each with its source and its place among London's. */

import { el } from "./dom.js";
import { provenance, tags } from "./figures.js";
import { label, percent, sentence, spoken } from "./words.js";

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

/** Give a section for each subject; a figure that belongs to none is shown with the last. */
export function subjects(area) {
  const figures = {
    ...area.figures,
    ...area.crime?.figures,
    ...area.schools?.figures,
    ...area.amenities?.figures,
  };
  const placed = new Set(Object.values(SUBJECTS).flat());
  const rest = Object.keys(figures).filter((key) => !placed.has(key));
  const parts = { ...SUBJECTS, ...(rest.length ? { "Also known": rest } : {}) };
  return Object.entries(parts).map(([title, keys]) => {
    const known = keys.filter((key) => figures[key]);
    const missing = keys.filter((key) => !figures[key]);
    return el(
      "section",
      { class: "panel" },
      el("h2", {}, title),
      notes(title, figures),
      known.map((key) => row(key, figures[key], area.percentiles?.[key])),
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

/** Say in plain words what the figures of a subject do not say, with their own dates. */
function notes(title, figures) {
  const said = {
    "Cost of a home":
      figures.rent_all?.level === "borough" &&
      `Rents are means for the whole borough (${figures.rent_all.vintage}), without bills, council tax or travel.`,
    "Getting around":
      figures.ptal_score &&
      `Accessibility is as of ${figures.ptal_score.vintage}; lines opened since, such as the Elizabeth line, are not in it.`,
    "Green space and going out":
      figures.open_space_pct &&
      `Open space is as of ${figures.open_space_pct.vintage}: what changed since is not in it.`,
    Schools:
      figures.outstanding_share &&
      `Grades are Ofsted’s legacy overall grades (${figures.outstanding_share.vintage}), which ended in September 2024.`,
  }[title];
  return said && el("p", { class: "hint" }, said);
}

function row(key, figure, percentile) {
  const [value, unit] = spoken(figure);
  return el(
    "div",
    { class: "figure", "data-figure": key },
    el("p", { class: "label" }, label(key), tags(figure)),
    el("p", { class: "value" }, el("strong", {}, value), el("span", { class: "soft" }, ` ${unit}`)),
    percentile !== undefined && strip(percentile),
    el("p", { class: "hint" }, provenance(figure)),
  );
}

/** Mark a place among all districts; the strip is for the eye, the sentence for everybody. */
function strip(percentile) {
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
  const most = kinds[0][1];
  const rows = kinds.map(([kind, count]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, sentence(kind.replaceAll(/[-_]/g, " "))),
      el("td", { class: "number" }, count.toLocaleString("en-GB")),
      el("td", { class: "wide" }, el("meter", { min: 0, max: most, value: count, "aria-hidden": "true" })),
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
      : ` (${crime.trendPct < 0 ? "−" : "+"}${percent(Math.abs(crime.trendPct))} in the last six months against the six before)`;
  return el("p", {}, el("strong", {}, "Trend: "), `${crime.trend}${change}`);
}

/** Say what Ofsted found: a legacy grade, or since 2025 a grade for each of several things. */
function grade({ rating, reportCard, outcome, inspected }) {
  const card = Object.entries(reportCard ?? {})
    .map(([what, found]) => `${what}: ${found}`)
    .join("; ");
  const found = rating ? `${rating} (legacy grade)` : card || outcome || "no grade";
  return inspected ? `${found}, ${inspected}` : found;
}

function schoolList(schools) {
  if (!schools?.length) return el("p", { class: "hint" }, "No single schools at hand at the moment.");
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
