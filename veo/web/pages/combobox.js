/* A text field with suggestions, as the ARIA combobox pattern describes it. */

import { el, replace } from "./dom.js";

const MAX_SUGGESTIONS = 8;
const PUNCTUATION = /[^a-z0-9 ]/g;

/** Suggests places for a text field; options are {value, text, note}. Any other text is accepted too. */
export class Combobox {
  #options = [];
  #shown = [];
  #active = -1;

  constructor(input, list, onChoose) {
    this.input = input;
    this.list = list;
    this.onChoose = onChoose;
    input.addEventListener("input", () => this.#suggest());
    input.addEventListener("keydown", (event) => this.#onKey(event));
    input.addEventListener("blur", () => this.#close());
    list.addEventListener("pointerdown", (event) => this.#onPointerDown(event));
  }

  /** Set the options to suggest. */
  setOptions(options) {
    this.#options = options.map((option) => ({
      ...option,
      words: normalise(`${option.text} ${option.value} ${initials(option.text)}`),
    }));
    if (document.activeElement === this.input && this.list.hidden) this.#suggest(); // the reader already typed
  }

  /** The value of the option with the entered name, or the text itself. */
  get value() {
    const text = this.input.value.trim();
    return this.#options.find((option) => normalise(option.text) === normalise(text))?.value ?? text;
  }

  set value(value) {
    this.input.value = this.#options.find((option) => option.value === value)?.text ?? value;
  }

  #suggest() {
    const words = normalise(this.input.value).split(" ").filter(Boolean);
    const fits = (option) => words.every((word) => ` ${option.words}`.includes(` ${word}`));
    this.#shown = words.length ? this.#options.filter(fits).slice(0, MAX_SUGGESTIONS) : [];
    this.#active = -1;
    replace(
      this.list,
      this.#shown.map((option, i) => this.#row(option, i)),
    );
    this.#open(this.#shown.length > 0);
  }

  #row(option, i) {
    return el(
      "li",
      { role: "option", id: `${this.list.id}-${i}`, "data-index": i, "aria-selected": "false" },
      el("span", {}, option.text),
      option.note && el("span", { class: "note" }, option.note),
    );
  }

  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.#shown.length) {
      event.preventDefault();
      this.#open(true);
      this.#activate((this.#active + step + this.#shown.length) % this.#shown.length);
    } else if (event.key === "Enter" && this.#active >= 0 && !this.list.hidden) {
      event.preventDefault();
      this.#take(this.#active);
    } else if (event.key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      this.#close();
    }
  }

  #activate(index) {
    this.#active = index;
    [...this.list.children].forEach((row, i) => row.setAttribute("aria-selected", String(i === index)));
    this.list.children[index].scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", this.list.children[index].id);
  }

  #onPointerDown(event) {
    event.preventDefault(); // the field keeps the focus
    const row = event.target.closest("[data-index]");
    if (row) this.#take(Number(row.dataset.index));
  }

  #take(index) {
    this.input.value = this.#shown[index].text;
    this.#close();
    this.onChoose();
  }

  #open(open) {
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
    if (!open) this.input.removeAttribute("aria-activedescendant");
  }

  #close() {
    this.#active = -1;
    this.#open(false);
  }
}

/** Return the options: the destinations by name, then the districts. */
export function placeOptions(destinations, districts) {
  const named = destinations.map(({ id, name, kind }) => ({ value: id, text: name, note: kind }));
  const areas = districts.map(({ code, name }) => ({
    value: code,
    text: `${name}, ${code}`,
    note: "district",
  }));
  return [...named, ...areas];
}

function normalise(text) {
  return text.toLowerCase().replace(/[’']/g, "").replace(PUNCTUATION, " ").replace(/ +/g, " ").trim();
}

function initials(text) {
  return text
    .split(/\s+/)
    .map((word) => word[0])
    .filter((letter) => /[A-Z]/.test(letter))
    .join("");
}
