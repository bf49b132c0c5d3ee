/* The figures of each family of questions, and the advice on its lifetime. */

import { bars, share } from "./chart.js";
import { count, ms, formatDay, figureText, FIGURES, NOTHING, usd } from "./days.js";
import { el, table } from "./dom.js";
import { number } from "./format.js";

const WEEK = "Hit rate, seven days";

/** Return the families of the chosen day, each with its hit rate over all days, or a note that there are none. */
export function familyTable(days, chosen) {
  const families = days[chosen].figures?.families ?? {};
  if (Object.keys(families).length === 0) return el("p", { class: "soft" }, nothing(days[chosen]));
  const rows = Object.entries(families).map(([name, figures]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, name),
      el("td", { class: "number rate" }, figureText(FIGURES[0], figures), share(figures.cache_hit_rate ?? 0)),
      el("td", { class: "week" }, week(days, chosen, name)),
      FIGURES.slice(1).map((figure) => el("td", { class: "number" }, figureText(figure, figures))),
    ),
  );
  const caption = `Families on ${formatDay(days[chosen].day)}`;
  return table(caption, ["Family", "Hit rate", WEEK, ...FIGURES.slice(1).map(({ name }) => name)], rows);
}

function week(days, chosen, name) {
  const rates = days.map(({ figures }) => figures?.families[name]?.cache_hit_rate ?? null);
  const values = rates.map((rate, at) => rate !== null && `${formatDay(days[at].day)} ${Math.floor(rate * 100)}%`);
  const label = `${name}: ${values.filter(Boolean).join(", ") || NOTHING}`;
  return bars(rates, { label, chosen, most: 1 });
}

const nothing = ({ figures }) =>
  figures === null ? "The figures of this day are not available." : "No data yet: there were no requests on this day.";

/** Return the advice of the chosen day as a table. */
export function adviceTable({ stats }) {
  const advice = stats?.advice ?? [];
  if (advice.length === 0) return el("p", { class: "soft" }, "No advice yet: there were no requests on this day.");
  const rows = advice.map((one) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, one.family),
      el("td", {}, el("span", { class: one.advice === "keep" ? "tag" : "tag live" }, one.advice)),
      el("td", { class: "number" }, lifetime(one)),
      el("td", { class: "reason" }, one.reason),
      el("td", { class: "number" }, saving(one)),
    ),
  );
  return table("Advice on lifetimes", ["Family", "Advice", "Fresh for", "Why", "Saves a day"], rows);
}

function lifetime({ advice, fresh_for_s: current, suggested_s: suggested }) {
  return advice === "keep" ? duration(current) : `${duration(current)} → ${duration(suggested)}`;
}

function saving({ advice, expected_saving: { calls, usd: money } }) {
  return advice === "keep" ? "–" : `${number(calls)} calls, ${usd(money)}`;
}

/** Format seconds in the longest suitable unit. */
export function duration(seconds) {
  const units = [
    [86_400, "day"],
    [3_600, "hour"],
    [60, "minute"],
  ];
  const [unit, name] = units.find(([one]) => seconds >= 2 * one || seconds === one) ?? [1, "second"];
  return `${number(seconds / unit)} ${name}${seconds === unit ? "" : "s"}`;
}

/** Describe what a cache miss of a family costs, as observed on a day. */
export function costOfMiss(day, family) {
  const observed = day.stats?.advice.find((one) => one.family === family);
  if (!observed || observed.miss_ms === null) return "The duration of a cache miss was not observed today.";
  const paid = observed.miss_usd > 0 ? `${usd(observed.miss_usd)} of paid calls` : "no paid call";
  return `Its next request waits for the source: ${ms(observed.miss_ms)} on average today, with ${paid}.`;
}

/** Return the most requested keys, each as a button that calls `choose(key)`. */
export function popular({ figures }, choose) {
  const keys = (figures?.popular ?? []).slice(0, 8);
  if (keys.length === 0) return el("p", { class: "soft" }, "No data yet.");
  return el(
    "ol",
    { class: "keys" },
    keys.map(({ key, asked }) =>
      el(
        "li",
        {},
        el("button", { type: "button", class: "plain", onclick: () => choose(key) }, key),
        el("span", { class: "soft number" }, ` ${count(asked)}`, el("span", { class: "hidden" }, " times")),
      ),
    ),
  );
}
