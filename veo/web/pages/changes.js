/* Flushing and warming the cache, and the display of a change's result or error. */

import { facts } from "./health.js";
import { confirmed } from "./confirm.js";
import { byId, el, replace } from "./dom.js";
import { costOfMiss } from "./families.js";
import { notice } from "./notices.js";
import { isOver } from "./session.js";

const REACH = "in this process at once, in every other container within 30 seconds";
const IRREVERSIBLE = "This cannot be undone: answers are computed again as they are requested.";
const COST = "Each next request waits for its sources; paid sources are called again, within their daily spend caps.";
const WARMING = [
  "The most frequent questions are asked now if their answers are missing from the cache or about to expire. No paid source is called, only TfL: for up to twenty journeys per question.",
  "This sends about 1,000 commands to the shared tier at most, and starts no question after 15 seconds; those under way still finish.",
];

/** The forms that flush and warm the cache; `state` holds the session and today's figures. */
export class Changes {
  #state;

  constructor(state) {
    this.#state = state;
    byId("flush").addEventListener("submit", (event) => (event.preventDefault(), this.#flush()));
    byId("flush").addEventListener("change", showTargetField);
    byId("warm").addEventListener("click", () => this.#warm());
  }

  /** Set the families that can be flushed. */
  setFamilies(families) {
    const select = byId("family");
    const options = families.map((family) => el("option", {}, family));
    if (select.options.length !== options.length) replace(select, options);
  }

  async #flush() {
    const { title, sentences, body } = this.#target();
    if (body.area === "") return byId("area").focus();
    if (!(await confirmed(title, sentences, "Flush"))) return null;
    return this.#change("flushed", "Flushing…", "flush", body);
  }

  /** Return the selected flush: its title, its consequences, and the body of the request. */
  #target() {
    const what = new FormData(byId("flush")).get("what");
    const family = byId("family").value;
    const area = byId("area").value.trim();
    showAreaError(what === "area" && !area);
    return {
      family: {
        title: `Flush the family ${family}?`,
        sentences: [
          `Every answer of ${family} becomes unreachable, ${REACH}.`,
          IRREVERSIBLE,
          costOfMiss(this.#state.today, family),
        ],
        body: { family },
      },
      area: {
        title: `Flush ${area}?`,
        sentences: [
          `Every answer about ${area} becomes unreachable, and every recommendation with it, ${REACH}.`,
          IRREVERSIBLE,
          COST,
        ],
        body: { area },
      },
      all: {
        title: "Flush everything?",
        sentences: [`Every answer of every family becomes unreachable, ${REACH}.`, IRREVERSIBLE, COST],
        body: { all: true },
      },
    }[what];
  }

  async #warm() {
    if (!(await confirmed("Warm the cache?", WARMING, "Warm"))) return;
    await this.#change("warmed", "Warming; this can take half a minute…", "warm");
  }

  async #change(id, progress, path, body) {
    replace(byId(id), el("p", { class: "soft" }, progress));
    try {
      replace(byId(id), outcome(await this.#state.session.ask(path, { method: "POST", body })));
    } catch (error) {
      if (!isOver(error)) replace(byId(id), errorNotice(error));
    }
  }
}

function showTargetField() {
  const what = new FormData(byId("flush")).get("what");
  for (const field of document.querySelectorAll("#flush [data-for]")) field.hidden = field.dataset.for !== what;
}

function showAreaError(missing) {
  replace(byId("area-error"), missing ? "Enter a district." : "");
  byId("area").toggleAttribute("aria-invalid", missing);
}

/** Return the result of a change; it counts as done only if the shared tier has confirmed it. */
export function outcome(result) {
  const shown = Object.entries(result).map(([name, value]) => [name, asText(value)]);
  const unconfirmed = result.confirmed === false;
  const title = unconfirmed ? "Not confirmed: the shared tier has not accepted it yet." : "Done.";
  return el(
    "div",
    { class: unconfirmed ? "notice caution" : "notice" },
    el("h3", {}, title),
    facts(Object.fromEntries(shown)),
  );
}

function asText(value) {
  if (Array.isArray(value)) return value.join("; ") || "none";
  return { null: "none", true: "yes", false: "no" }[String(value)] ?? value;
}

/** Return an error in the server's words, with a button that calls `retry` if there is one. */
export function errorNotice(error, retry) {
  const title = { offline: "You are offline", slow: "Timed out" }[error.kind] ?? "Request failed";
  const messages = error.errors?.length ? error.errors : [error.message];
  return [
    notice(title, messages, "caution"),
    retry && el("button", { type: "button", onclick: retry }, "Try again"),
  ];
}
