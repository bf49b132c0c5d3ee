/* The current state of the service: its health, polled every half minute, and its shared tier. */

import { ask } from "./api.js";
import { count } from "./days.js";
import { byId, el, replace } from "./dom.js";

const INTERVAL_MS = 30_000; // the health shows earlier observations, so polling more often would add little
const STATES = ["up", "degraded", "down"];
const NAMES = { cache: "cache, with its breaker" };
const BREAKER = {
  closed: "closed: calls go through",
  "half-open": "half-open: one call probes whether it is back",
  open: "open: calls are suspended for a while; memory answers",
};

let timer = null;

/** Load the health now and every half minute, except while the page is hidden. */
export function pollHealth() {
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
    setOverall("The health is not available.", true);
    replace(byId("seen"), `${error.message} The list may be out of date.`);
  }
  timer = setTimeout(poll, INTERVAL_MS);
}

function show({ status, services, version, uptime }) {
  const notUp = services.filter((service) => service.status !== "up").length;
  const state = status === "healthy" ? "Healthy" : "Degraded";
  setOverall(`${state}: ${notUp === 0 ? "everything is up" : `${notUp} not up`}.`, notUp > 0);
  replace(byId("services"), services.map(row));
  const at = new Date().toLocaleTimeString("en-GB");
  replace(
    byId("seen"),
    `As last observed, checked at ${at} and every 30 seconds. Version ${version}, up for ${count(uptime)} s.`,
  );
}

/** Show the overall state; unchanged text is not rewritten, or screen readers would repeat it. */
function setOverall(text, caution) {
  const overall = byId("overall");
  if (overall.textContent !== text) replace(overall, text);
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

/** Return the state of the shared tier at the time of the statistics. */
export function tier({ store, fault, shared, memory }) {
  const contents = `${count(memory.entries)} entries, ${count(memory.bytes / 1024)} KiB`;
  if (shared === null)
    return [
      el("p", {}, fault ? `Unavailable: ${fault}` : "None is configured: each process has its own memory."),
      facts({ "Memory here": contents }),
    ];
  return facts({
    Store: store,
    Breaker: BREAKER[shared.breaker] ?? shared.breaker,
    "Last call": shared.last,
    "Waiting writes": count(shared.waiting_writes),
    "Commands here": count(shared.commands),
    "Faults here": count(shared.faults),
    "Memory here": contents,
  });
}

/** Return names and values as a description list. */
export function facts(values) {
  const pairs = Object.entries(values).map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, String(value))),
  );
  return el("dl", { class: "facts" }, pairs);
}
