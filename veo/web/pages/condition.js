/* How the service is now: its health, asked calmly, and its shared tier. */

import { ask } from "./api.js";
import { count } from "./days.js";
import { byId, el, replace } from "./dom.js";

const EVERY = 30_000; // ms; a poll probes nothing, so that asking more often would tell no more
const STATES = ["up", "degraded", "down"];
const NAMES = { cache: "cache, with its breaker" };
const BREAKER = {
  closed: "closed: calls go through",
  "half-open": "half-open: one call tries whether it is back",
  open: "open: it is left alone for a while, memory answers",
};

let timer = null;

/** Ask for the health now and every half minute after, but not while nobody looks. */
export function watchHealth() {
  document.addEventListener("visibilitychange", poll);
  addEventListener("online", poll);
  poll();
}

async function poll() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    show(await ask("/api/health"));
  } catch (error) {
    say("The health cannot be told.", true);
    replace(byId("seen"), `${error.message} What is listed is older.`);
  }
  timer = setTimeout(poll, EVERY);
}

function show({ status, services, version, uptime }) {
  const away = services.filter((service) => service.status !== "up").length;
  const state = status === "healthy" ? "Healthy" : "Degraded";
  say(`${state}: ${away === 0 ? "all is up" : `${away} not up`}.`, away > 0);
  replace(byId("services"), services.map(row));
  const at = new Date().toLocaleTimeString("en-GB");
  replace(
    byId("seen"),
    `As last observed, asked at ${at} and every 30 seconds. Version ${version}, up for ${count(uptime)} s.`,
  );
}

/** Say the state of the whole; only what is new is written, so that it is read out once. */
function say(words, caution) {
  const overall = byId("overall");
  if (overall.textContent !== words) replace(overall, words);
  overall.classList.toggle("over", caution);
}

function row({ name, status, latency, error }) {
  return el(
    "li",
    { class: `service ${STATES.includes(status) ? status : "down"}` },
    el("span", { class: "dot", "aria-hidden": "true" }),
    el("strong", {}, NAMES[name] ?? name),
    el("span", { class: "soft number" }, latency !== undefined && `${count(latency)} ms`),
    el("span", { class: "state" }, status),
    error && el("span", { class: "hint" }, error),
  );
}

/** Give what the shared tier was like when the figures were told. */
export function tier({ store, fault, shared, memory }) {
  const kept = `${count(memory.entries)} entries, ${count(memory.bytes / 1024)} KiB`;
  if (shared === null)
    return [
      el("p", {}, fault ? `It cannot be used: ${fault}` : "None is configured: each process has its own memory."),
      facts({ "Memory here": kept }),
    ];
  return facts({
    Store: store,
    Breaker: BREAKER[shared.breaker] ?? shared.breaker,
    "Last call": shared.last,
    "Waiting writes": count(shared.waiting_writes),
    "Commands here": count(shared.commands),
    "Faults here": count(shared.faults),
    "Memory here": kept,
  });
}

/** Give names with what they are. */
export function facts(told) {
  const pairs = Object.entries(told).map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, String(value))),
  );
  return el("dl", { class: "facts" }, pairs);
}
