/* The operations page: who has the token sees what the cache does and saves, and may change it. */

import { Changes, refusal } from "./changes.js";
import { tier, watchHealth } from "./condition.js";
import { dayTable, lastDays, spokenDay, tiles } from "./days.js";
import { byId, el, replace } from "./dom.js";
import { Entries } from "./entries.js";
import { adviceTable, familyTable, popular } from "./families.js";
import { said } from "./plain.js";
import { Session } from "./session.js";
import { plural } from "./words.js";

const room = { session: null, days: [], chosen: 0, today: { told: null, figures: null } };
const entries = new Entries(room);
const changes = new Changes(room);

/** Try a token: the figures are asked for with it, and shown. */
async function open() {
  const input = byId("token");
  const token = input.value.trim();
  complain(token ? "" : "Write the token.");
  if (!token) return;
  room.session?.end();
  room.session = new Session(token, lock);
  if (!(await refresh())) return;
  input.value = "";
  byId("door").hidden = true;
  byId("main").focus({ preventScroll: true });
}

/** Ask for the figures and show them; tell whether they came. */
async function refresh() {
  const { session } = room;
  replace(byId("status"), "Asking…");
  byId("room").setAttribute("aria-busy", "true");
  try {
    const told = await session.ask("stats");
    const days = await lastDays(session, told);
    if (session.isOver) return false; // one of the days said that the token opens nothing any more
    Object.assign(room, { days, chosen: days.length - 1, today: days.at(-1) });
    show(told);
    return true;
  } catch (error) {
    if (session === room.session && !session.isOver) failed(error);
    return false;
  } finally {
    byId("room").removeAttribute("aria-busy");
  }
}

/** Show what was told; parts stay hidden until there is something in them. */
function show(told) {
  replace(byId("messages"), limits(told));
  replace(byId("tier"), tier(told));
  changes.offer(Object.keys(told.families));
  const options = room.days.map(({ day }, at) =>
    el("option", { value: at, selected: at === room.chosen }, spokenDay(day)),
  );
  replace(byId("day"), options.toReversed());
  for (const id of ["tools", "room", "tier-panel", "popular-panel"]) byId(id).hidden = false;
  showDay();
}

function showDay() {
  const { days, chosen } = room;
  replace(byId("status"), summary(days[chosen], chosen === days.length - 1));
  replace(byId("figures"), tiles(days, chosen));
  replace(byId("days"), dayTable(days));
  replace(byId("families"), familyTable(days, chosen));
  replace(byId("advice"), adviceTable(days[chosen]));
  replace(byId("popular"), popular(days[chosen], look));
}

function summary({ day, told, figures }, today) {
  const date = `${spokenDay(day)} (UTC)${today ? ", so far" : ""}`;
  if (figures === null) return `${date}: cannot be told.`;
  return `${date}: ${told.fleet ? `the fleet, ${plural(figures.containers, "container")}` : "this process alone"}.`;
}

/** Say what the figures do not cover. */
function limits({ fleet, store, fault }) {
  if (fleet) return null;
  const why = fault ?? (store ? `${store} does not answer` : "no shared tier is configured");
  return said("This process alone", [
    `The fleet’s figures cannot be read: ${why}. These are of this process since its start, and the days before today are not known.`,
  ]);
}

function look(key) {
  byId("entry-title").scrollIntoView();
  byId("key").focus({ preventScroll: true });
  entries.look(key);
}

/** Show that the figures did not come; what was shown before stays. */
function failed(error) {
  replace(byId("status"), "The figures did not arrive.");
  const again = byId("door").hidden ? refresh : open;
  replace(byId("messages"), refusal(error, again));
}

/** Lock the page again: the token opens nothing, or no longer. */
function lock(error) {
  for (const id of ["tools", "room", "tier-panel", "popular-panel"]) byId(id).hidden = true;
  for (const id of ["figures", "days", "families", "advice", "popular", "entry", "tier"]) replace(byId(id));
  byId("confirm").close("no");
  byId("door").hidden = false;
  replace(byId("status"));
  const off = error.kind === "closed";
  replace(byId("messages"), off && said("Operations are switched off here", [error.message, switchedOn()], "caution"));
  complain(off ? "" : `${error.message}. Is it the one that this deployment was given?`);
}

const switchedOn = () => "Set VEO_ADMIN_TOKEN to at least 16 characters and start Veo again.";

function complain(words) {
  replace(byId("token-error"), words);
  byId("token").toggleAttribute("aria-invalid", Boolean(words));
  if (words) byId("token").focus();
}

function sayOffline() {
  const words = ["What is shown is older. It can be refreshed when the network is back."];
  replace(byId("network"), navigator.onLine ? null : said("You are offline", words, "caution"));
}

byId("open").addEventListener("submit", (event) => (event.preventDefault(), open()));
byId("refresh").addEventListener("click", refresh);
byId("forget").addEventListener("click", () => location.reload()); // nothing of the token outlives the page
byId("day").addEventListener("change", ({ target }) => ((room.chosen = Number(target.value)), showDay()));
addEventListener("offline", sayOffline);
addEventListener("online", sayOffline);
watchHealth();
