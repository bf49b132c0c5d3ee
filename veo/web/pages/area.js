/* One district: its figures, journeys from it, its stations, and web research if that is configured. */

import { ask } from "./api.js";
import { legList } from "./cards.js";
import { Combobox, placeOptions } from "./combobox.js";
import { byId, el, replace } from "./dom.js";
import { LondonMap } from "./map.js";
import { notice } from "./notices.js";
import { subjects } from "./subjects.js";

const MAX_DESTINATIONS = 5;
// Notices on JSON fields without a level are left out: here each figure shows its own level.
const FIELDS = /\b(crimeRate|priceChange)\b/;
const code = decodeURIComponent(location.pathname.split("/").at(-1));
let map = null;
let here = null; // the district's centre
const journeys = new Map(); // by destination as entered

const destinations = () =>
  new URLSearchParams(location.search).getAll("destination").filter(Boolean).slice(0, MAX_DESTINATIONS);

async function showArea() {
  try {
    const { data, metadata } = await ask(`/api/areas/${encodeURIComponent(code)}`);
    document.title = `${data.name}, ${data.areaCode} · Veo`;
    here = { code: data.areaCode, location: data.location };
    replace(byId("name"), data.name);
    replace(byId("where"), `${data.areaCode} · ${data.borough}`);
    replace(byId("status"), `${Object.keys(data.figures).length} figures, each with its source and date.`);
    const [staleNotice, others] = metadata.stale
      ? [metadata.notices.slice(0, 1), metadata.notices.slice(1)]
      : [[], metadata.notices];
    const rest = others.filter((notice) => !FIELDS.test(notice));
    replace(
      byId("messages"),
      notice("An older answer", staleNotice, "caution"),
      notice("Please note", rest),
      notice("Assumptions", metadata.assumptions),
    );
    replace(byId("subjects"), subjects(data));
    replace(byId("attribution"), metadata.attribution?.join(" "));
    showOnMap();
  } catch (error) {
    replace(byId("status"), "The figures could not be loaded.");
    replace(byId("messages"), errorNotice(error, showArea));
  }
}

async function showStations() {
  try {
    const { data } = await ask("/api/maps/area", { body: { areaCode: code } });
    const rows = data.nearestStations.map(({ name, km, lines }) =>
      el(
        "li",
        {},
        el("strong", {}, name),
        el("span", { class: "soft" }, ` ${km.toFixed(1)} km`),
        el("span", { class: "lines" }, lines.join(", ")),
      ),
    );
    replace(
      byId("stations"),
      el("ul", { class: "rows" }, rows),
      el("p", { class: "hint" }, "Distances are in a straight line from the district’s centre."),
    );
  } catch (error) {
    replace(byId("stations"), errorNotice(error, showStations));
  }
}

/** Show web research, only on demand as it may cost money; if it is not configured, say so without a warning. */
async function showResearch() {
  replace(byId("research"), el("p", { class: "soft" }, "Loading; this can take half a minute…"));
  try {
    const { data } = await ask(`/api/research/area?${new URLSearchParams({ area_code: code })}`);
    const { content, summary_points: points, citations } = data.overview;
    replace(
      byId("research"),
      el(
        "ul",
        { class: "points" },
        points.map((point) => el("li", {}, point)),
      ),
      content.split(/\n{2,}/).map((paragraph) => el("p", {}, paragraph)),
      citations.length > 0 &&
        el("details", {}, el("summary", {}, "Sources"), el("ol", { class: "rows" }, citations.map(citation))),
    );
  } catch (error) {
    const unavailable = error.kind === "off" && el("p", { class: "soft" }, "Web research is not switched on here.");
    replace(byId("research"), unavailable || errorNotice(error, showResearch));
  }
}

/** Return a citation as a link if it is a web address, else as text. */
function citation(address) {
  const safe = /^https?:\/\//.test(address);
  return el(
    "li",
    {},
    safe ? el("a", { href: address, rel: "noopener noreferrer nofollow" }, address) : address,
  );
}

function errorNotice(error, retry) {
  const messages = error.errors?.length ? error.errors : [error.message];
  const button =
    error.kind !== "refused" &&
    error.kind !== "missing" &&
    el("button", { type: "button", onclick: retry }, "Try again");
  return [notice("No answer", messages, "caution"), button];
}

async function showCommute(destination) {
  const item = el("li", {}, el("p", { class: "soft" }, `To ${shortened(destination)}: loading…`));
  byId("commutes").append(item);
  try {
    const { data, metadata } = await ask("/api/commute/calculate", { body: { origin: code, destination } });
    journeys.set(destination, data);
    replace(
      item,
      el(
        "p",
        {},
        el("strong", {}, `${data.duration} min`),
        ` to ${data.destination}`,
        metadata.stale && el("span", { class: "tag" }, "older answer"),
      ),
      data.legs && legList(data.legs),
      el("p", { class: "hint" }, [...metadata.assumptions, ...metadata.notices].join(" ")),
    );
    item.addEventListener("pointerenter", () => draw(data));
    if (destination === destinations()[0]) draw(data);
  } catch (error) {
    replace(
      item,
      el("p", {}, `To ${shortened(destination)}`),
      errorNotice(error, () => (item.remove(), showCommute(destination))),
    );
  }
  item.append(
    el(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": `Remove ${shortened(destination)}`,
        onclick: () => setDestinations(destinations().filter((one) => one !== destination)),
      },
      "Remove",
    ),
  );
}

function setDestinations(values) {
  const query = new URLSearchParams(values.map((value) => ["destination", value]));
  history.pushState(null, "", `${location.pathname}${values.length ? "?" : ""}${query}`);
  showCommutes();
}

function showCommutes() {
  replace(byId("commutes"));
  map?.drawRoute(null);
  journeys.clear();
  destinations().forEach(showCommute);
}

function draw(journey) {
  if (map && here) map.showJourney({ from: here.location, to: journey.destination, legs: journey.legs });
}

function showOnMap() {
  if (!map || !here) return;
  map.highlight(here.code);
  const first = journeys.get(destinations()[0]);
  if (first) draw(first);
}

async function prepare() {
  const ignore = () => null;
  const [places, london] = await Promise.all([
    ask("/api/destinations").catch(ignore),
    ask("/pages/london.json").catch(ignore),
  ]);
  picker.setOptions(placeOptions(places?.data ?? [], london?.districts ?? []));
  if (!london) return replace(byId("caption"), "The map could not be loaded.");
  map = new LondonMap(byId("map"), london, places?.data ?? [], ignore);
  return showOnMap();
}

function shortened(text) {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

const picker = new Combobox(byId("destination"), byId("destination-list"), () => byId("add").requestSubmit());
byId("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = picker.value;
  if (value) setDestinations([...new Set([...destinations(), value])].slice(-MAX_DESTINATIONS));
  picker.input.value = "";
});
byId("ask-web").addEventListener("click", showResearch);
addEventListener("popstate", showCommutes);
prepare();
showArea();
showStations();
showCommutes();
