/* The key figures of the last seven days (UTC), from the ledger. */

import { bars } from "./chart.js";
import { el, table } from "./dom.js";
import { isOver } from "./session.js";
import { number } from "./format.js";

const DAYS = 7; // the ledger's retention
const DAY_MS = 86_400_000;
export const NOTHING = "no data yet";

export const ms = (value) => `${number(value, value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
export const count = (value) => number(value, 0);

/** Format US dollars to the cent, or below one cent to a hundredth of a cent. */
export function usd(value) {
  const digits = Math.abs(value) < 0.01 ? 4 : 2;
  return `$${value.toLocaleString("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: digits })}`;
}

export const FIGURES = [
  {
    key: "cache_hit_rate",
    name: "Cache hit rate",
    text: ({ cache_hit_rate_text: text }) => text,
    most: 1,
    about: "of lookups",
  },
  {
    key: "avg_cache_response_ms",
    name: "Cached answer",
    text: ({ avg_cache_response_ms: value }) => ms(value),
    about: "on average",
  },
  {
    key: "avg_uncached_response_ms",
    name: "Uncached answer",
    text: ({ avg_uncached_response_ms: value }) => ms(value),
    about: "on average",
  },
  {
    key: "daily_api_calls_saved",
    name: "API calls saved",
    text: ({ daily_api_calls_saved: value }) => count(value),
    about: "that day",
  },
  {
    key: "estimated_cost_savings",
    name: "Cost saved",
    text: ({ estimated_cost_savings: value }) => usd(value),
    about: "US dollars",
  },
];

/** Return a figure as text; missing data are stated, never shown as zero. */
export function figureText(figure, figures) {
  if (figures === null) return "not available";
  return figures[figure.key] === null ? NOTHING : figure.text(figures);
}

/** Return the days from the oldest to today, each with its statistics; `stats` are today's. */
export async function lastDays(session, stats) {
  const figures = stats.fleet ?? stats.here;
  const today = { day: figures.day, stats, figures };
  const dates = Array.from({ length: DAYS - 1 }, (_, at) => before(today.day, DAYS - 1 - at));
  const past = stats.fleet ? await Promise.all(dates.map((day) => readDay(session, day))) : dates.map(unknown);
  return [...past, today];
}

const unknown = (day) => ({ day, stats: null, figures: null });

/** Load one day; without the fleet's statistics the server returns this process's of today, which do not count. */
async function readDay(session, day) {
  try {
    const stats = await session.ask(`stats?day=${day}`);
    return stats.fleet?.day === day ? { day, stats, figures: stats.fleet } : unknown(day);
  } catch (error) {
    if (isOver(error)) throw error;
    return unknown(day);
  }
}

function before(day, days) {
  return new Date(Date.parse(`${day}T00:00Z`) - days * DAY_MS).toISOString().slice(0, 10);
}

/** Format a date as in "Tue 24 Nov". */
export function formatDay(day) {
  const options = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" };
  return new Date(`${day}T00:00Z`).toLocaleDateString("en-GB", options).replace(",", "");
}

/** Return a tile per figure: its value on the chosen day, above a bar for each day. */
export function tiles(days, chosen) {
  return FIGURES.map((figure) => {
    const text = figureText(figure, days[chosen].figures);
    const value = days[chosen].figures?.[figure.key] ?? null;
    return el(
      "li",
      { class: "tile", "data-figure": figure.key },
      el("p", { class: "label" }, figure.name),
      el("p", { class: value === null ? "large none" : "large" }, text),
      el("p", { class: "hint" }, figure.about),
      bars(series(days, figure), { label: chartLabel(days, figure), chosen, most: figure.most }),
      el("p", { class: "axis hint", "aria-hidden": "true" }, [days[0], days.at(-1)].map(ends)),
    );
  });
}

const ends = ({ day }) => el("span", {}, formatDay(day).replace(/^\w+ /, ""));
const series = (days, { key }) => days.map(({ figures }) => figures?.[key] ?? null);

function chartLabel(days, figure) {
  const withData = days.filter(({ figures }) => (figures?.[figure.key] ?? null) !== null);
  const values = withData.map(({ day, figures }) => `${formatDay(day)} ${figure.text(figures)}`);
  return `${figure.name}, the last seven days: ${values.join(", ") || NOTHING}`;
}

/** Return the same figures as a table with a row per day, the newest first. */
export function dayTable(days) {
  const rows = days.toReversed().map(({ day, figures }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, formatDay(day)),
      FIGURES.map((figure) => el("td", { class: "number" }, figureText(figure, figures))),
    ),
  );
  return table("The last seven days (UTC)", ["Day", ...FIGURES.map(({ name }) => name)], rows);
}
