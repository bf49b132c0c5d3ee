/* Flushing and warming, and how a change and a refusal are told. */

import { facts } from "./condition.js";
import { confirmed } from "./confirm.js";
import { byId, el, replace } from "./dom.js";
import { costOfMiss } from "./families.js";
import { said } from "./plain.js";
import { isOver } from "./session.js";

const REACH = "in this process at once, in every other container within 30 seconds";
const FOR_GOOD = "What it held cannot be brought back: it is asked for anew, one question at a time.";
const ALL_COST = "Every next reader waits for the sources, and paid ones are asked again, within their daily caps.";
const WARMING = [
  "The questions that are asked most are asked now, where the cache lacks them or is about to. It asks no paid source: TfL alone, for up to twenty journeys each.",
  "It sends some 1,000 commands to the shared tier at most, and is waited for 15 seconds; what is under way then goes on.",
];

/** Let the cache be flushed and warmed; `room` gives the session and today's figures. */
export class Changes {
  #room;

  constructor(room) {
    this.#room = room;
    byId("flush").addEventListener("submit", (event) => (event.preventDefault(), this.#flush()));
    byId("flush").addEventListener("change", showChosen);
    byId("warm").addEventListener("click", () => this.#warm());
  }

  /** Offer the families that there are. */
  offer(families) {
    const select = byId("family");
    const options = families.map((family) => el("option", {}, family));
    if (select.options.length !== options.length) replace(select, options);
  }

  async #flush() {
    const { title, sentences, body } = this.#chosen();
    if (body.area === "") return byId("area").focus();
    if (!(await confirmed(title, sentences, "Flush"))) return null;
    return this.#change("flushed", "Flushing…", "flush", body);
  }

  /** Give what is asked for: its title, what will happen, and the body that asks for it. */
  #chosen() {
    const what = new FormData(byId("flush")).get("what");
    const family = byId("family").value;
    const area = byId("area").value.trim();
    complain(what === "area" && !area);
    return {
      family: {
        title: `Flush the family ${family}?`,
        sentences: [
          `Every answer of ${family} becomes unreachable, ${REACH}.`,
          FOR_GOOD,
          costOfMiss(this.#room.today, family),
        ],
        body: { family },
      },
      area: {
        title: `Flush ${area}?`,
        sentences: [
          `Every answer about ${area} becomes unreachable, and every recommendation with it, ${REACH}.`,
          FOR_GOOD,
          ALL_COST,
        ],
        body: { area },
      },
      all: {
        title: "Flush everything?",
        sentences: [`Every answer of every family becomes unreachable, ${REACH}.`, FOR_GOOD, ALL_COST],
        body: { all: true },
      },
    }[what];
  }

  async #warm() {
    if (!(await confirmed("Warm the cache?", WARMING, "Warm"))) return;
    await this.#change("warmed", "Warming; this can take half a minute…", "warm");
  }

  async #change(place, waiting, path, body) {
    replace(byId(place), el("p", { class: "soft" }, waiting));
    try {
      replace(byId(place), outcome(await this.#room.session.ask(path, { method: "POST", body })));
    } catch (error) {
      if (!isOver(error)) replace(byId(place), refusal(error));
    }
  }
}

function showChosen() {
  const what = new FormData(byId("flush")).get("what");
  for (const field of document.querySelectorAll("#flush [data-for]")) field.hidden = field.dataset.for !== what;
}

function complain(missing) {
  replace(byId("area-error"), missing ? "Write a district." : "");
  byId("area").toggleAttribute("aria-invalid", missing);
}

/** Tell a change by what the server says of it; one that the shared tier has not taken is no success. */
export function outcome(told) {
  const shown = Object.entries(told).map(([name, value]) => [name, worded(value)]);
  const open = told.confirmed === false;
  const words = open ? "Not confirmed: the shared tier has not taken it yet." : "Done.";
  return el(
    "div",
    { class: open ? "said caution" : "said" },
    el("h3", {}, words),
    facts(Object.fromEntries(shown)),
  );
}

function worded(value) {
  if (Array.isArray(value)) return value.join("; ") || "none";
  return { null: "none", true: "yes", false: "no" }[String(value)] ?? value;
}

/** Tell a refusal in the server's own words; `again` asks once more. */
export function refusal(error, again) {
  const title = { offline: "You are offline", slow: "This takes too long" }[error.kind] ?? "Not done";
  const messages = error.errors?.length ? error.errors : [error.message];
  return [
    said(title, messages, "caution"),
    again && el("button", { type: "button", onclick: again }, "Try again"),
  ];
}
