/* The operations page: with the admin token it shows the cache's statistics and can change the cache. */

import { Changes, errorNotice } from "./changes.js";
import { tier, pollHealth } from "./health.js";
import { dayTable, lastDays, formatDay, tiles } from "./days.js";
import { byId, el, replace } from "./dom.js";
import { Entries } from "./entries.js";
import { adviceTable, familyTable, popular } from "./families.js";
import { notice } from "./notices.js";
import { Session } from "./session.js";
import { plural } from "./format.js";

const HOW_TO_SWITCH_ON = "Set VEO_ADMIN_TOKEN to at least 16 characters and restart Veo.";

const state = { session: null, days: [], chosen: 0, today: { stats: null, figures: null } };
const entries = new Entries(state);
const changes = new Changes(state);

/** Sign in: load the figures with the token that was entered. */
async function signIn() {
  const input = byId("token");
  const token = input.value.trim();
  showTokenError(token ? "" : "Enter the token.");
  if (!token) return;
  state.session?.end();
  state.session = new Session(token, lock);
  if (!(await refresh())) return;
  input.value = "";
  byId("sign-in").hidden = true;
  byId("main").focus({ preventScroll: true });
}

/** Load and show the figures; return whether that succeeded. */
async function refresh() {
  const { session } = state;
  replace(byId("status"), "Loading…");
  byId("dashboard").setAttribute("aria-busy", "true");
  try {
    const stats = await session.ask("stats");
    const days = await lastDays(session, stats);
    if (session.isOver) return false; // the token was rejected while the days were loading
    Object.assign(state, { days, chosen: days.length - 1, today: days.at(-1) });
    show(stats);
    return true;
  } catch (error) {
    if (session === state.session && !session.isOver) showFailure(error);
    return false;
  } finally {
    byId("dashboard").removeAttribute("aria-busy");
  }
}

/** Show the statistics, and unhide the sections that were empty until now. */
function show(stats) {
  replace(byId("messages"), limitations(stats));
  replace(byId("tier"), tier(stats));
  changes.setFamilies(Object.keys(stats.families));
  const options = state.days.map(({ day }, at) =>
    el("option", { value: at, selected: at === state.chosen }, formatDay(day)),
  );
  replace(byId("day"), options.toReversed());
  for (const id of ["tools", "dashboard", "tier-panel", "popular-panel"]) byId(id).hidden = false;
  showDay();
}

function showDay() {
  const { days, chosen } = state;
  replace(byId("status"), summary(days[chosen], chosen === days.length - 1));
  replace(byId("figures"), tiles(days, chosen));
  replace(byId("days"), dayTable(days));
  replace(byId("families"), familyTable(days, chosen));
  replace(byId("advice"), adviceTable(days[chosen]));
  replace(byId("popular"), popular(days[chosen], lookUp));
}

function summary({ day, stats, figures }, today) {
  const date = `${formatDay(day)} (UTC)${today ? ", so far" : ""}`;
  if (figures === null) return `${date}: not available.`;
  return `${date}: ${stats.fleet ? `the fleet, ${plural(figures.containers, "container")}` : "this process only"}.`;
}

/** Return a notice of what the figures do not cover, if they are not the fleet's. */
function limitations({ fleet, store, fault }) {
  if (fleet) return null;
  const why = fault ?? (store ? `${store} does not answer` : "no shared tier is configured");
  return notice("This process only", [
    `The fleet’s figures cannot be read: ${why}. These cover only this process since its start; earlier days are not available.`,
  ]);
}

function lookUp(key) {
  byId("entry-title").scrollIntoView();
  byId("key").focus({ preventScroll: true });
  entries.lookUp(key);
}

/** Show that loading failed; the earlier figures stay. */
function showFailure(error) {
  replace(byId("status"), "The figures could not be loaded.");
  const retry = byId("sign-in").hidden ? refresh : signIn;
  replace(byId("messages"), errorNotice(error, retry));
}

/** Hide the figures again: the token is wrong, or no longer valid. */
function lock(error) {
  for (const id of ["tools", "dashboard", "tier-panel", "popular-panel"]) byId(id).hidden = true;
  for (const id of ["figures", "days", "families", "advice", "popular", "entry", "tier"]) replace(byId(id));
  byId("confirm").close("no");
  byId("sign-in").hidden = false;
  replace(byId("status"));
  const off = error.kind === "closed"; // no token is configured
  const sentences = [error.message, HOW_TO_SWITCH_ON];
  replace(byId("messages"), off && notice("Operations are switched off here", sentences, "caution"));
  showTokenError(off ? "" : `${error.message}. Is it the token of this deployment?`);
}

function showTokenError(message) {
  replace(byId("token-error"), message);
  byId("token").toggleAttribute("aria-invalid", Boolean(message));
  if (message) byId("token").focus();
}

function showOffline() {
  const sentences = ["The figures shown may be out of date. Refresh them once you are back online."];
  replace(byId("network"), navigator.onLine ? null : notice("You are offline", sentences, "caution"));
}

byId("open").addEventListener("submit", (event) => (event.preventDefault(), signIn()));
byId("refresh").addEventListener("click", refresh);
byId("forget").addEventListener("click", () => location.reload()); // a reload clears everything that held the token
byId("day").addEventListener("change", ({ target }) => ((state.chosen = Number(target.value)), showDay()));
addEventListener("offline", showOffline);
addEventListener("online", showOffline);
pollHealth();
