/* The lookup and deletion of a cache entry. */

import { facts } from "./health.js";
import { errorNotice, outcome } from "./changes.js";
import { confirmed } from "./confirm.js";
import { byId, el, replace } from "./dom.js";
import { costOfMiss, duration } from "./families.js";
import { isOver } from "./session.js";

/** The form that looks up and deletes an entry; `state` holds the session and today's figures. */
export class Entries {
  #state;

  constructor(state) {
    this.#state = state;
    byId("inspect").addEventListener("submit", (event) => (event.preventDefault(), this.lookUp()));
    byId("delete").addEventListener("click", () => this.#remove());
  }

  /** Show the entry of a key, by default the one entered. */
  async lookUp(key = this.#key()) {
    if (!key) return;
    byId("key").value = key;
    await this.#show("Loading…", async () => entry(await this.#state.session.ask(path(key))));
  }

  async #remove() {
    const key = this.#key();
    if (!key) return;
    const sentences = [
      `The entry ${key} is removed from the shared tier and this process at once, and from every other container within 30 seconds. This cannot be undone.`,
      costOfMiss(this.#state.today, key.replace(/^.*?v1:/, "").split(":")[0]),
    ];
    if (!(await confirmed("Delete this entry?", sentences, "Delete"))) return;
    const request = () => this.#state.session.ask(path(key), { method: "DELETE" });
    await this.#show("Deleting…", async () => outcome(await request()));
  }

  async #show(progress, load) {
    replace(byId("entry"), el("p", { class: "soft" }, progress));
    try {
      replace(byId("entry"), await load());
    } catch (error) {
      if (!isOver(error)) replace(byId("entry"), errorNotice(error));
    }
  }

  /** Return the entered key; if there is none, show that it is required. */
  #key() {
    const input = byId("key");
    const key = input.value.trim();
    replace(byId("key-error"), key ? "" : "Enter a key.");
    input.toggleAttribute("aria-invalid", !key);
    if (!key) input.focus();
    return key;
  }
}

/** Return the path of a key, encoded in full, percent signs included; lone surrogates become U+FFFD. */
const path = (key) => `entries/${encodeURIComponent(key.toWellFormed())}`;

function entry(stored) {
  if (!stored.exists) return el("p", {}, `${stored.key}: no such entry.`);
  const shown = {
    Key: stored.key,
    Freshness: `${stored.freshness}${stored.negative ? ", a cached error" : ""}`,
    "Fresh for": stored.ttl > 0 ? duration(stored.ttl) : "expired",
    Age: duration(stored.ageSeconds),
    "Computed at": stored.computedAt,
    "Usable until": `${stored.usableUntil} (${duration(stored.usableSeconds)})`,
    "Found in": stored.where,
  };
  const versions = Object.entries(stored.generations).map(([tag, version]) => [tag, version ?? "never flushed"]);
  return [
    facts(shown),
    el("details", {}, el("summary", {}, "Tag versions"), facts(Object.fromEntries(versions))),
    el("h3", {}, "Value"),
    el(
      "pre",
      { tabindex: 0, role: "group", "aria-label": `Value of ${stored.key}` },
      JSON.stringify(stored.value, null, 2),
    ),
  ];
}
