/* The explorer: the address holds the question, the form edits it and the server answers it. */

import { ask, LatestOnly } from "./api.js";
import { card } from "./cards.js";
import { placeOptions } from "./combobox.js";
import { byId, el, replace } from "./dom.js";
import { QuestionForm } from "./form.js";
import { caption, LondonMap } from "./map.js";
import { isMonthlyPayment, caveats, notice } from "./notices.js";
import { apiQuery, readQuery, writeQuery } from "./query.js";
import { plural, pounds } from "./format.js";

const SLOW_MS = 3_000; // after this the status explains the wait
const NARROW = matchMedia("(max-width: 47.99rem)");

const requests = new LatestOnly();
const form = new QuestionForm(
  () => started && pose(form.read()),
  () => pose(form.read(), true),
);
let started = false; // whether a question was asked; before that, changes of the form ask none
let explained = []; // messages on the parts of the address that could not be used
let areas = [];
let map = null;
let shownQuery = null; // the query string of the question shown

/** Ask a question and show its answer; the address is updated first, so that it always matches. */
async function pose(question, submitted = false, remember = true) {
  started = true;
  const query = writeQuery(question);
  if (remember && query !== location.search) {
    explained = [];
    history.pushState(null, "", query);
    shownQuery = query;
  }
  const progress = showProgress();
  const outcome = await requests.run((signal) => ask(apiQuery(question), { signal }));
  progress.end(outcome !== null);
  if (outcome === null) return;
  form.explain([]);
  if (outcome.error) showError(outcome.error, question);
  else show(outcome.answer, question);
  if (submitted && NARROW.matches) byId("results").scrollIntoView();
}

/** Show that an answer is loading; the previous areas stay, dimmed. */
function showProgress() {
  const cards = byId("cards");
  cards.setAttribute("aria-busy", "true");
  if (areas.length === 0)
    replace(
      cards,
      Array.from({ length: 3 }, () => el("li", { class: "skeleton", "aria-hidden": "true" })),
    );
  replace(byId("status"), "Loading…");
  const timer = setTimeout(
    () => replace(byId("status"), "Still loading: a live source can take a few seconds."),
    SLOW_MS,
  );
  return {
    end(done) {
      clearTimeout(timer);
      if (done) cards.removeAttribute("aria-busy");
    },
  };
}

function show({ recommendations, metadata }, question) {
  areas = recommendations;
  replace(byId("status"), summary(question));
  replace(
    byId("messages"),
    explanations(),
    stale(metadata),
    notice("Please note", metadata.stale ? metadata.notices.slice(1) : metadata.notices),
    areas.length === 0 && nothing(),
  );
  replace(
    byId("cards"),
    areas.map((area) => card(area, question.destination)),
  );
  replace(
    byId("plain"),
    areas.length > 0 && [
      notice("About these figures", caveats(question, areas)),
      notice("Assumptions", metadata.assumptions),
    ],
  );
  replace(byId("attribution"), metadata.attribution?.join(" "));
  const more = areas.length === question.maxAreas && question.maxAreas < 20;
  byId("more").hidden = !more;
  map?.rank(areas);
  highlight(null);
}

function summary({ budget, locationType, persona }) {
  if (areas.length === 0) return "No area fits.";
  const period = locationType === "rent" || isMonthlyPayment(budget) ? " a month" : "";
  const money = `${pounds(budget)}${period}${locationType === "buy" ? " to buy with" : ""}`;
  const kind = { student: "a student", parent: "a parent", developer: "a property developer" }[persona];
  return `${plural(areas.length, "area")} for ${kind} with ${money}. First: ${areas[0].name}.`;
}

const explanations = () => notice("Parts of this link could not be used", explained, "caution");
const stale = ({ stale, notices }) => stale && notice("An older answer", notices.slice(0, 1), "caution");
const nothing = () => el("p", { class: "empty" }, "Try a longer commute, or give weight to fewer things.");

/** Show an error in the server's words; the areas shown are removed, as they answer another question. */
function showError(error, question) {
  areas = [];
  const titles = {
    refused: "The question is not valid",
    offline: "You are offline",
    slow: "Timed out",
    off: "Not available here",
  };
  const messages = error.errors?.length ? error.errors : [error.message];
  const rest = form.explain(messages);
  const retry =
    error.kind !== "refused" &&
    el("button", { type: "button", onclick: () => pose(question, false, false) }, "Try again");
  replace(byId("status"), `${titles[error.kind] ?? "No answer"}: ${messages.join("; ")}`);
  replace(
    byId("messages"),
    explanations(),
    notice(
      titles[error.kind] ?? "No answer",
      rest.length ? rest : ["See the marked field of the form."],
      "caution",
    ),
    retry,
  );
  replace(byId("cards"));
  replace(byId("plain"));
  byId("more").hidden = true;
  map?.rank([]);
}

/** Highlight an area on the map and its card; null highlights none. */
function highlight(code) {
  if (!map) return;
  map.highlight(code);
  for (const node of document.querySelectorAll(".card"))
    node.classList.toggle("lit", node.dataset.code === code);
  const place = areas.find(({ areaCode }) => areaCode === code);
  replace(
    byId("caption"),
    code ? caption(place, map.name(code), code) : "Point at a place to see the route from it.",
  );
}

function listenToCards() {
  const cards = byId("cards");
  const code = (event) => event.target.closest(".card")?.dataset.code ?? null;
  cards.addEventListener("pointerover", (event) => highlight(code(event)));
  cards.addEventListener("pointerleave", () => highlight(null));
  cards.addEventListener("focusin", (event) => highlight(code(event)));
  byId("more").addEventListener("click", () => {
    form.setMaxAreas(20);
    pose(form.read());
  });
}

/** Show the question of the address: on arrival, and after going back or forward. */
function showAddress() {
  shownQuery = location.search;
  const read = readQuery(shownQuery);
  explained = read.explained;
  form.fill(read.question);
  if (read.asked) pose(read.question, false, false);
  else reset();
}

/** Show the page as it is before any question. */
async function reset() {
  started = false;
  await requests.run(async () => null); // discards the answer of a pending request
  areas = [];
  byId("cards").removeAttribute("aria-busy");
  replace(byId("status"), "");
  replace(byId("messages"), explanations(), byId("beginning").content.cloneNode(true));
  replace(byId("cards"));
  replace(byId("plain"));
  byId("more").hidden = true;
  map?.rank([]);
}

/** Load the data of the form and the map; each part works without the others. */
async function prepare() {
  const warn = (what) => (error) => (console.warn(`${what}: ${error.message}`), null);
  const [personas, destinations, london] = await Promise.all([
    ask("/api/personas").catch(warn("personas")),
    ask("/api/destinations").catch(warn("destinations")),
    ask("/pages/london.json").catch(warn("map")),
  ]);
  if (personas) form.setPersonas(personas.data);
  form.destination.setOptions(placeOptions(destinations?.data ?? [], london?.districts ?? []));
  form.destination.value = form.destination.input.value; // shows the name of an id from the address
  if (!london) return replace(byId("caption"), "The map could not be loaded.");
  map = new LondonMap(byId("map"), london, destinations?.data ?? [], highlight);
  return map.rank(areas);
}

listenToCards();
addEventListener("popstate", () => location.search !== shownQuery && showAddress()); // a fragment is no other question
addEventListener("online", () => started && areas.length === 0 && pose(form.read(), false, false));
byId("weights-box").open = !NARROW.matches;
prepare();
showAddress();
