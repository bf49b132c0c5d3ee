/* What each family of questions does, and whether its answers should live longer. */

import { bars, share } from "./chart.js";
import { count, ms, spokenDay, spokenFigure, FIGURES, NOTHING, usd } from "./days.js";
import { el, table } from "./dom.js";
import { number } from "./words.js";

const WEEK = "Hit rate, seven days";

/** Give the families of the chosen day, each with its hit rate over all days; or say that there are none. */
export function familyTable(days, chosen) {
  const families = days[chosen].figures?.families ?? {};
  if (Object.keys(families).length === 0) return el("p", { class: "soft" }, nothing(days[chosen]));
  const rows = Object.entries(families).map(([name, figures]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, name),
      el("td", { class: "number rate" }, spokenFigure(FIGURES[0], figures), share(figures.cache_hit_rate ?? 0)),
      el("td", { class: "week" }, week(days, chosen, name)),
      FIGURES.slice(1).map((figure) => el("td", { class: "number" }, spokenFigure(figure, figures))),
    ),
  );
  const caption = `Families on ${spokenDay(days[chosen].day)}`;
  return table(caption, ["Family", "Hit rate", WEEK, ...FIGURES.slice(1).map(({ name }) => name)], rows);
}

function week(days, chosen, name) {
  const rates = days.map(({ figures }) => figures?.families[name]?.cache_hit_rate ?? null);
  const words = rates.map((rate, at) => rate !== null && `${spokenDay(days[at].day)} ${Math.floor(rate * 100)}%`);
  const label = `${name}: ${words.filter(Boolean).join(", ") || NOTHING}`;
  return bars(rates, { label, chosen, most: 1 });
}

const nothing = ({ figures }) =>
  figures === null ? "This day cannot be told." : "No data yet: nothing was asked on this day.";

/** Give the advice of the chosen day as a table. */
export function adviceTable({ told }) {
  const advice = told?.advice ?? [];
  if (advice.length === 0) return el("p", { class: "soft" }, "No advice yet: nothing was asked on this day.");
  const rows = advice.map((one) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, one.family),
      el("td", {}, el("span", { class: one.advice === "keep" ? "tag" : "tag live" }, one.advice)),
      el("td", { class: "number" }, life(one)),
      el("td", { class: "reason" }, one.reason),
      el("td", { class: "number" }, saving(one)),
    ),
  );
  return table("Advice on lifetimes", ["Family", "Advice", "Fresh for", "Why", "Saves a day"], rows);
}

function life({ advice, fresh_for_s: now, suggested_s: then }) {
  return advice === "keep" ? length(now) : `${length(now)} → ${length(then)}`;
}

function saving({ advice, expected_saving: { calls, usd: money } }) {
  return advice === "keep" ? "–" : `${number(calls)} calls, ${usd(money)}`;
}

/** Say seconds in the longest unit that fits. */
export function length(seconds) {
  const units = [
    [86_400, "day"],
    [3_600, "hour"],
    [60, "minute"],
  ];
  const [unit, name] = units.find(([one]) => seconds >= 2 * one || seconds === one) ?? [1, "second"];
  return `${number(seconds / unit)} ${name}${seconds === unit ? "" : "s"}`;
}

/** Say what a question of a family costs when the cache does not have it, as seen on a day. */
export function costOfMiss(day, family) {
  const seen = day.told?.advice.find((one) => one.family === family);
  if (!seen || seen.miss_ms === null) return "What an answer without the cache takes was not seen today.";
  const paid = seen.miss_usd > 0 ? `${usd(seen.miss_usd)} of paid calls` : "no paid call";
  return `Its next reader waits for the source: ${ms(seen.miss_ms)} on average today, with ${paid}.`;
}

/** Give the keys that were asked most; each is a button for `choose(key)`. */
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
