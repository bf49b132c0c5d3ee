/* The form of the explorer: shows a question, reads it, and shows the server's errors at its fields. */

import { Combobox } from "./combobox.js";
import { byId, el, replace } from "./dom.js";
import { DEFAULT_HOME } from "./query.js";
import { FACTORS, HOMES } from "./format.js";

const MAX_WEIGHT = 0.3; // the weight of an importance of 10
const DEBOUNCE_MS = 350; // after the last change

/** The form of the explorer; calls `onChange()` after the question has changed and `onSubmit()` on submission. */
export class QuestionForm {
  #weights = {};
  #personas = [];
  #maxAreas;
  #timer;

  constructor(onChange, onSubmit) {
    this.form = byId("question");
    this.onChange = onChange;
    this.destination = new Combobox(byId("destination"), byId("destination-list"), () => this.#changeSoon());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.#timer);
      onSubmit();
    });
    this.form.addEventListener("change", (event) => this.#onFieldChange(event));
    byId("weights").addEventListener("input", (event) => this.#onWeight(event.target));
    byId("reset").addEventListener("click", () => this.#reset());
  }

  /** Set the personas, whose usual weights are the initial values of the sliders. */
  setPersonas(personas) {
    this.#personas = personas;
    this.#drawWeights();
  }

  /** Show a question. */
  fill(question) {
    const { elements } = this.form;
    elements.persona.value = question.persona;
    elements.locationType.value = question.locationType;
    elements.budget.value = question.budget;
    elements.home.value = question.home;
    elements.maxCommute.value = question.maxCommute;
    this.destination.value = question.destination;
    this.#weights = { ...question.weights };
    this.#maxAreas = question.maxAreas;
    this.#updateDependents();
  }

  /** Return the question as entered. */
  read() {
    const { elements } = this.form;
    return {
      persona: elements.persona.value,
      locationType: elements.locationType.value,
      budget: elements.budget.value.replace(/[£,\s]/g, ""), // £1,000 means 1000
      home: elements.home.value,
      destination: this.destination.value,
      maxCommute: elements.maxCommute.value.trim(),
      weights: { ...this.#weights },
      maxAreas: this.#maxAreas,
    };
  }

  /** Set the length of the list for the next questions. */
  setMaxAreas(count) {
    this.#maxAreas = count;
  }

  /** Show each message "<field>: <text>" at its field; return those that belong to no field here. */
  explain(messages) {
    const fields = [...this.form.querySelectorAll("[data-error-for]")];
    const texts = Object.fromEntries(fields.map((place) => [place.dataset.errorFor, []]));
    const rest = [];
    for (const message of messages) {
      const [, field, text] = /^(\w+)(?:\.\w+)*: (.*)$/s.exec(message) ?? [];
      if (field in texts) texts[field].push(text);
      else rest.push(message);
    }
    for (const place of fields) this.#mark(place, texts[place.dataset.errorFor].join("; "));
    return rest;
  }

  #mark(place, text) {
    replace(place, text);
    const field = this.form.elements[place.dataset.errorFor];
    if (field instanceof HTMLElement)
      text ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid");
  }

  #onFieldChange(event) {
    if (event.target === byId("destination") && !byId("destination-list").hidden) return;
    if (event.target.name === "persona") this.#weights = {};
    this.#updateDependents();
    this.#changeSoon();
  }

  #changeSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.onChange(), DEBOUNCE_MS);
  }

  /** Update the parts of the form that depend on a choice. */
  #updateDependents() {
    const { persona, locationType, home } = this.form.elements;
    const renting = locationType.value === "rent";
    byId("home-field").hidden = !renting;
    byId("buying-note").hidden = renting;
    byId("budget-unit").textContent = renting ? "a month" : "price, or a month";
    home.options[0].textContent = `As usual: ${HOMES[DEFAULT_HOME[persona.value]].toLowerCase()}`;
    this.#drawWeights();
  }

  #drawWeights() {
    const persona = this.#personas.find(({ name }) => name === this.form.elements.persona.value);
    const usual = persona?.weights ?? {};
    const names = Object.keys(FACTORS).filter((name) => name in usual || name in this.#weights);
    byId("reset").hidden = Object.keys(this.#weights).length === 0;
    byId("weights-unknown").hidden = names.length > 0;
    if (byId("weights").contains(document.activeElement)) return; // never replaces a slider in use
    replace(
      byId("weights"),
      names.map((name) => slider(name, this.#weights[name] ?? importance(usual[name]))),
    );
  }

  #onWeight(input) {
    this.#weights[input.dataset.factor] = Number(input.value);
    input.nextElementSibling.textContent = input.value;
    byId("reset").hidden = false;
    this.#changeSoon();
  }

  #reset() {
    this.#weights = {};
    this.#drawWeights();
    byId("weights").querySelector("input")?.focus();
    this.#changeSoon();
  }
}

function importance(weight) {
  return Math.round((2 * 10 * (weight ?? 0)) / MAX_WEIGHT) / 2;
}

function slider(name, value) {
  const id = `weight-${name}`;
  const input = el("input", { type: "range", id, min: 0, max: 10, step: 0.5, "data-factor": name });
  input.value = value;
  return el(
    "div",
    { class: "slider" },
    el("label", { for: id }, FACTORS[name]),
    input,
    el("span", { class: "importance", "aria-hidden": "true" }, String(value)),
  );
}
