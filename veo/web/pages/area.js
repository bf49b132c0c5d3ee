/* One district: its figures, the ways from it, its stations, and research where that is configured. */

import { ask } from "./api.js";
import { legList } from "./cards.js";
import { Combobox, placeOptions } from "./combobox.js";
import { byId, el, replace } from "./dom.js";
import { LondonMap } from "./map.js";
import { said } from "./plain.js";
import { subjects } from "./subjects.js";

const MOST_DESTINATIONS = 5;
const FIELDS = /\b(crimeRate|priceChange)\b/; // notices on JSON fields that have no level; here each figure shows its own
const code = decodeURIComponent(location.pathname.split("/").at(-1));
let map = null;
let here = null; // the district's centre
const ways = new Map(); // by destination as asked

const chosen = () =>
  new URLSearchParams(location.search).getAll("destination").filter(Boolean).slice(0, MOST_DESTINATIONS);

async function showArea() {
  try {
    const { data, metadata } = await ask(`/api/areas/${encodeURIComponent(code)}`);
    document.title = `${data.name}, ${data.areaCode} · Veo`;
    here = { code: data.areaCode, location: data.location };
    replace(byId("name"), data.name);
    replace(byId("where"), `${data.areaCode} · ${data.borough}`);
    replace(byId("status"), `${Object.keys(data.figures).length} figures, each with its source and date.`);
    const [late, others] = metadata.stale
      ? [metadata.notices.slice(0, 1), metadata.notices.slice(1)]
      : [[], metadata.notices];
    const rest = others.filter((notice) => !FIELDS.test(notice));
    replace(
      byId("messages"),
      said("An older answer", late, "caution"),
      said("Please note", rest),
      said("Assumed", metadata.assumptions),
    );
    replace(byId("subjects"), subjects(data));
    replace(byId("attribution"), metadata.attribution?.join(" "));
    place();
  } catch (error) {
    replace(byId("status"), "The figures did not arrive.");
    replace(byId("messages"), refusal(error, showArea));
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
      el("p", { class: "hint" }, "Straight lines from the district’s centre."),
    );
  } catch (error) {
    replace(byId("stations"), refusal(error, showStations));
  }
}

/** Show research, which may cost money and is asked for only on demand; that it is off is said quietly. */
async function showResearch() {
  replace(byId("research"), el("p", { class: "soft" }, "Asking; this can take half a minute…"));
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
    const quiet = error.kind === "off" && el("p", { class: "soft" }, "Web research is not switched on here.");
    replace(byId("research"), quiet || refusal(error, showResearch));
  }
}

/** Link what is a web address; anything else stays text. */
function citation(address) {
  const safe = /^https?:\/\//.test(address);
  return el(
    "li",
    {},
    safe ? el("a", { href: address, rel: "noopener noreferrer nofollow" }, address) : address,
  );
}

function refusal(error, again) {
  const messages = error.errors?.length ? error.errors : [error.message];
  const button =
    error.kind !== "refused" &&
    error.kind !== "missing" &&
    el("button", { type: "button", onclick: again }, "Try again");
  return [said("No answer", messages, "caution"), button];
}

async function showCommute(destination) {
  const item = el("li", {}, el("p", { class: "soft" }, `To ${shortened(destination)}: asking…`));
  byId("commutes").append(item);
  try {
    const { data, metadata } = await ask("/api/commute/calculate", { body: { origin: code, destination } });
    ways.set(destination, data);
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
    if (destination === chosen()[0]) draw(data);
  } catch (error) {
    replace(
      item,
      el("p", {}, `To ${shortened(destination)}`),
      refusal(error, () => (item.remove(), showCommute(destination))),
    );
  }
  item.append(
    el(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": `Remove ${shortened(destination)}`,
        onclick: () => choose(chosen().filter((one) => one !== destination)),
      },
      "Remove",
    ),
  );
}

function choose(destinations) {
  const query = new URLSearchParams(destinations.map((destination) => ["destination", destination]));
  history.pushState(null, "", `${location.pathname}${destinations.length ? "?" : ""}${query}`);
  showCommutes();
}

function showCommutes() {
  replace(byId("commutes"));
  map?.drawWay(null);
  ways.clear();
  chosen().forEach(showCommute);
}

function draw(way) {
  if (map && here) map.journey({ from: here.location, to: way.destination, legs: way.legs });
}

function place() {
  if (!map || !here) return;
  map.light(here.code);
  const first = ways.get(chosen()[0]);
  if (first) draw(first);
}

async function prepare() {
  const nothing = () => null;
  const [destinations, london] = await Promise.all([
    ask("/api/destinations").catch(nothing),
    ask("/pages/london.json").catch(nothing),
  ]);
  picker.offer(placeOptions(destinations?.data ?? [], london?.districts ?? []));
  if (!london) return replace(byId("caption"), "The map could not be loaded.");
  map = new LondonMap(byId("map"), london, destinations?.data ?? [], nothing);
  return place();
}

function shortened(text) {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

const picker = new Combobox(byId("destination"), byId("destination-list"), () => byId("add").requestSubmit());
byId("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = picker.value;
  if (value) choose([...new Set([...chosen(), value])].slice(-MOST_DESTINATIONS));
  picker.input.value = "";
});
byId("ask-web").addEventListener("click", showResearch);
addEventListener("popstate", showCommutes);
prepare();
showArea();
showStations();
showCommutes();
