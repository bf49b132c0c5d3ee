/* The explorer: the address holds the question, the form shows it, the server answers it. */

import { ask, Newest } from "./api.js";
import { card } from "./cards.js";
import { placeOptions } from "./combobox.js";
import { byId, el, replace } from "./dom.js";
import { QuestionForm } from "./form.js";
import { caption, LondonMap } from "./map.js";
import { isPayment, plainWords, said } from "./plain.js";
import { apiQuery, readQuery, writeQuery } from "./query.js";
import { plural, pounds } from "./words.js";

const PATIENCE = 3_000; // ms, after which waiting is explained
const NARROW = matchMedia("(max-width: 47.99rem)");

const newest = new Newest();
const form = new QuestionForm(
  () => asked && pose(form.read()),
  () => pose(form.read(), true),
);
let asked = false; // whether anything was asked yet: until then nothing is asked by itself
let explained = []; // what of the address could not be used
let areas = [];
let map = null;
let followed = null; // the query string that is shown

/** Ask a question and show the answer; the address says the question first, so that a link is never behind. */
async function pose(question, submitted = false, remember = true) {
  asked = true;
  const query = writeQuery(question);
  if (remember && query !== location.search) {
    explained = [];
    history.pushState(null, "", query);
    followed = query;
  }
  const waiting = wait();
  const told = await newest.run((signal) => ask(apiQuery(question), { signal }));
  waiting.end(told !== null);
  if (told === null) return;
  form.explain([]);
  if (told.error) refuse(told.error, question);
  else show(told.answer, question);
  if (submitted && NARROW.matches) byId("results").scrollIntoView();
}

/** Show that an answer is on its way; what was shown before stays, dimmed. */
function wait() {
  const cards = byId("cards");
  cards.setAttribute("aria-busy", "true");
  if (areas.length === 0)
    replace(
      cards,
      Array.from({ length: 3 }, () => el("li", { class: "skeleton", "aria-hidden": "true" })),
    );
  replace(byId("status"), "Asking…");
  const timer = setTimeout(
    () => replace(byId("status"), "Still asking: a live source can take a few seconds."),
    PATIENCE,
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
    said("Please note", metadata.stale ? metadata.notices.slice(1) : metadata.notices),
    areas.length === 0 && nothing(),
  );
  replace(
    byId("cards"),
    areas.map((area) => card(area, question.destination)),
  );
  replace(
    byId("plain"),
    areas.length > 0 && [
      said("What these figures are", plainWords(question, areas)),
      said("Assumed", metadata.assumptions),
    ],
  );
  replace(byId("attribution"), metadata.attribution?.join(" "));
  const more = areas.length === question.maxAreas && question.maxAreas < 20;
  byId("more").hidden = !more;
  map?.rank(areas);
  light(null);
}

function summary({ budget, locationType, persona }) {
  if (areas.length === 0) return "No area fits.";
  const each = locationType === "rent" || isPayment(budget) ? " a month" : "";
  const money = `${pounds(budget)}${each}${locationType === "buy" ? " to buy with" : ""}`;
  const kind = { student: "a student", parent: "a parent", developer: "a property developer" }[persona];
  return `${plural(areas.length, "area")} for ${kind} with ${money}. First: ${areas[0].name}.`;
}

const explanations = () => said("Parts of this link could not be used", explained, "caution");
const stale = ({ stale, notices }) => stale && said("An older answer", notices.slice(0, 1), "caution");
const nothing = () => el("p", { class: "empty" }, "Try a longer commute, or give fewer things weight.");

/** Show a refusal in the server's own words; what was shown before goes, for it answers another question. */
function refuse(error, question) {
  areas = [];
  const titles = {
    refused: "This cannot be asked",
    offline: "You are offline",
    slow: "This takes too long",
    off: "Not available here",
  };
  const messages = error.errors?.length ? error.errors : [error.message];
  const rest = form.explain(messages);
  const again =
    error.kind !== "refused" &&
    el("button", { type: "button", onclick: () => pose(question, false, false) }, "Try again");
  replace(byId("status"), `${titles[error.kind] ?? "No answer"}: ${messages.join("; ")}`);
  replace(
    byId("messages"),
    explanations(),
    said(
      titles[error.kind] ?? "No answer",
      rest.length ? rest : ["See the marked field of the question."],
      "caution",
    ),
    again,
  );
  replace(byId("cards"));
  replace(byId("plain"));
  byId("more").hidden = true;
  map?.rank([]);
}

/** Light a place on the map and its card; null lights none. */
function light(code) {
  if (!map) return;
  map.light(code);
  for (const node of document.querySelectorAll(".card"))
    node.classList.toggle("lit", node.dataset.code === code);
  const place = areas.find(({ areaCode }) => areaCode === code);
  replace(
    byId("caption"),
    code ? caption(place, map.name(code), code) : "Point at a place to see the way from there.",
  );
}

function watchCards() {
  const cards = byId("cards");
  const code = (event) => event.target.closest(".card")?.dataset.code ?? null;
  cards.addEventListener("pointerover", (event) => light(code(event)));
  cards.addEventListener("pointerleave", () => light(null));
  cards.addEventListener("focusin", (event) => light(code(event)));
  byId("more").addEventListener("click", () => {
    form.lengthen(20);
    pose(form.read());
  });
}

/** Follow the address: on arrival, and when the reader goes back or forth. */
function follow() {
  followed = location.search;
  const read = readQuery(followed);
  explained = read.explained;
  form.fill(read.question);
  if (read.asked) pose(read.question, false, false);
  else begin();
}

/** Show the page as it is before anything is asked. */
async function begin() {
  asked = false;
  await newest.run(async () => null); // what is still on its way is dropped
  areas = [];
  byId("cards").removeAttribute("aria-busy");
  replace(byId("status"), "");
  replace(byId("messages"), explanations(), byId("beginning").content.cloneNode(true));
  replace(byId("cards"));
  replace(byId("plain"));
  byId("more").hidden = true;
  map?.rank([]);
}

/** Get what the form and the map need; each is useful without the others. */
async function prepare() {
  const lost = (what) => (error) => (console.warn(`${what}: ${error.message}`), null);
  const [personas, destinations, london] = await Promise.all([
    ask("/api/personas").catch(lost("personas")),
    ask("/api/destinations").catch(lost("destinations")),
    ask("/pages/london.json").catch(lost("map")),
  ]);
  if (personas) form.know(personas.data);
  form.destination.offer(placeOptions(destinations?.data ?? [], london?.districts ?? []));
  form.destination.value = form.destination.input.value; // an id of the address becomes its name
  if (!london) return replace(byId("caption"), "The map could not be loaded.");
  map = new LondonMap(byId("map"), london, destinations?.data ?? [], light);
  return map.rank(areas);
}

watchCards();
addEventListener("popstate", () => location.search !== followed && follow()); // a place in the page is no other question
addEventListener("online", () => asked && areas.length === 0 && pose(form.read(), false, false));
byId("weights-box").open = !NARROW.matches;
prepare();
follow();
