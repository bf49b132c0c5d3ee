/* The owner's figures of the last seven days (UTC), as the ledger tells them. */

import { bars } from "./chart.js";
import { el, table } from "./dom.js";
import { isOver } from "./session.js";
import { number } from "./words.js";

const DAYS = 7; // as long as the ledger is kept
const DAY_MS = 86_400_000;
export const NOTHING = "no data yet";

export const ms = (value) => `${number(value, value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
export const count = (value) => number(value, 0);

/** Say US dollars: in cents, or where that is next to nothing as exactly as the price of one call. */
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

/** Give a figure in words: null is said, never shown as nothing. */
export function spokenFigure(figure, figures) {
  if (figures === null) return "cannot be told";
  return figures[figure.key] === null ? NOTHING : figure.text(figures);
}

/** Give the days from the oldest to today, each with what was told of it; `told` is the answer for today. */
export async function lastDays(session, told) {
  const today = { day: (told.fleet ?? told.here).day, told, figures: told.fleet ?? told.here };
  const names = Array.from({ length: DAYS - 1 }, (_, at) => before(today.day, DAYS - 1 - at));
  const past = told.fleet ? await Promise.all(names.map((day) => readDay(session, day))) : names.map(unknown);
  return [...past, today];
}

const unknown = (day) => ({ day, told: null, figures: null });

/** Read one day; where the fleet's cannot be read the server tells of this process today, which is no such day. */
async function readDay(session, day) {
  try {
    const told = await session.ask(`stats?day=${day}`);
    return told.fleet?.day === day ? { day, told, figures: told.fleet } : unknown(day);
  } catch (error) {
    if (isOver(error)) throw error;
    return unknown(day);
  }
}

function before(day, days) {
  return new Date(Date.parse(`${day}T00:00Z`) - days * DAY_MS).toISOString().slice(0, 10);
}

/** Say a date as in "Tue 24 Nov". */
export function spokenDay(day) {
  const told = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" };
  return new Date(`${day}T00:00Z`).toLocaleDateString("en-GB", told).replace(",", "");
}

/** Give one tile a figure: its value on the chosen day, large, over a bar for each day. */
export function tiles(days, chosen) {
  return FIGURES.map((figure) => {
    const text = spokenFigure(figure, days[chosen].figures);
    const known = days[chosen].figures?.[figure.key] ?? null;
    return el(
      "li",
      { class: "tile", "data-figure": figure.key },
      el("p", { class: "label" }, figure.name),
      el("p", { class: known === null ? "large none" : "large" }, text),
      el("p", { class: "hint" }, figure.about),
      bars(series(days, figure), { label: described(days, figure), chosen, most: figure.most }),
      el("p", { class: "axis hint", "aria-hidden": "true" }, [days[0], days.at(-1)].map(ends)),
    );
  });
}

const ends = ({ day }) => el("span", {}, spokenDay(day).replace(/^\w+ /, ""));
const series = (days, { key }) => days.map(({ figures }) => figures?.[key] ?? null);

function described(days, figure) {
  const known = days.filter(({ figures }) => (figures?.[figure.key] ?? null) !== null);
  const words = known.map(({ day, figures }) => `${spokenDay(day)} ${figure.text(figures)}`);
  return `${figure.name}, the last seven days: ${words.join(", ") || NOTHING}`;
}

/** Give the same figures as a table, one row a day, the newest first. */
export function dayTable(days) {
  const rows = days.toReversed().map(({ day, figures }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, spokenDay(day)),
      FIGURES.map((figure) => el("td", { class: "number" }, spokenFigure(figure, figures))),
    ),
  );
  return table("The last seven days (UTC)", ["Day", ...FIGURES.map(({ name }) => name)], rows);
}
