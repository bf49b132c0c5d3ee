/* What stands under a key, and its removal. */

import { facts } from "./condition.js";
import { outcome, refusal } from "./changes.js";
import { confirmed } from "./confirm.js";
import { byId, el, replace } from "./dom.js";
import { costOfMiss, length } from "./families.js";
import { isOver } from "./session.js";

/** Let entries be looked at and removed; `room` gives the session and today's figures. */
export class Entries {
  #room;

  constructor(room) {
    this.#room = room;
    byId("inspect").addEventListener("submit", (event) => (event.preventDefault(), this.look()));
    byId("delete").addEventListener("click", () => this.#remove());
  }

  /** Look at a key, by default at the one that is written. */
  async look(key = this.#key()) {
    if (!key) return;
    byId("key").value = key;
    await this.#show("Looking…", async () => entry(await this.#room.session.ask(path(key))));
  }

  async #remove() {
    const key = this.#key();
    if (!key) return;
    const sentences = [
      `The entry ${key} goes from the shared tier and from this process at once, from every other container within 30 seconds. It cannot be brought back.`,
      costOfMiss(this.#room.today, key.replace(/^.*?v1:/, "").split(":")[0]),
    ];
    if (!(await confirmed("Delete this entry?", sentences, "Delete"))) return;
    const work = () => this.#room.session.ask(path(key), { method: "DELETE" });
    await this.#show("Deleting…", async () => outcome(await work()));
  }

  async #show(waiting, work) {
    replace(byId("entry"), el("p", { class: "soft" }, waiting));
    try {
      replace(byId("entry"), await work());
    } catch (error) {
      if (!isOver(error)) replace(byId("entry"), refusal(error));
    }
  }

  /** Give the key that is written, or say that there is none. */
  #key() {
    const input = byId("key");
    const key = input.value.trim();
    replace(byId("key-error"), key ? "" : "Write a key.");
    input.toggleAttribute("aria-invalid", !key);
    if (!key) input.focus();
    return key;
  }
}

/** A key is encoded whole: its own percent signs too, and what is no text becomes a sign that it was none. */
const path = (key) => `entries/${encodeURIComponent(key.toWellFormed())}`;

function entry(told) {
  if (!told.exists) return el("p", {}, `${told.key}: nothing stands there.`);
  const shown = {
    Key: told.key,
    Freshness: `${told.freshness}${told.negative ? ", an error that is remembered" : ""}`,
    "Fresh for": told.ttl > 0 ? length(told.ttl) : "no longer",
    Age: length(told.ageSeconds),
    "Computed at": told.computedAt,
    "Usable until": `${told.usableUntil} (${length(told.usableSeconds)})`,
    "Found in": told.where,
  };
  const stamps = Object.entries(told.generations).map(([tag, stamp]) => [tag, stamp ?? "never flushed"]);
  return [
    facts(shown),
    el("details", {}, el("summary", {}, "Generations"), facts(Object.fromEntries(stamps))),
    el("h3", {}, "Value"),
    el(
      "pre",
      { tabindex: 0, role: "group", "aria-label": `Value of ${told.key}` },
      JSON.stringify(told.value, null, 2),
    ),
  ];
}
