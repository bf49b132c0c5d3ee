/* The map: every district, the river, the ranked areas, destinations and the route to one. */

import { el, replace, svg } from "./dom.js";
import { cells, project, river, spread, VIEW } from "./geography.js";

// A few well-known names for orientation, each at the centre of the district of that code.
const SIGNPOSTS = {
  EN1: "Enfield",
  HA1: "Harrow",
  UB8: "Uxbridge",
  TW9: "Richmond",
  KT1: "Kingston",
  CR0: "Croydon",
  BR1: "Bromley",
  RM1: "Romford",
  W5: "Ealing",
  SW19: "Wimbledon",
  SE9: "Eltham",
  N22: "Wood Green",
  E17: "Walthamstow",
  SM1: "Sutton",
};

/** Draws London into an SVG element; calls `onPoint(code)` for the area pointed at, with null for none. */
export class LondonMap {
  #places = new Map();
  #ranked = new Map();
  #cells = new Map();
  #signposts = [];
  #highlighted = null;

  constructor(drawing, london, destinations, onPoint) {
    this.gap = drawing.clientWidth < 450 ? 37 : 25; // discs are larger where the map is small
    this.stations = london.stations;
    this.districts = new Map(london.districts.map((district) => [district.code, district]));
    this.destinations = new Map(destinations.map(({ name, location }) => [name, location]));
    drawing.setAttribute("viewBox", `${VIEW.left} ${VIEW.top} ${VIEW.width} ${VIEW.height}`);
    this.layers = Object.fromEntries(
      ["ground", "way", "places", "ends"].map((name) => [name, svg("g", { class: name })]),
    );
    replace(drawing, Object.values(this.layers));
    this.#drawGround(london.districts);
    const code = (event) => event.target.closest("[data-code]")?.dataset.code ?? null;
    drawing.addEventListener("pointerover", (event) => onPoint(code(event)));
    drawing.addEventListener("pointerleave", () => onPoint(null));
    drawing.addEventListener("focusin", (event) => onPoint(code(event)));
  }

  #drawGround(districts) {
    const shapes = cells(districts);
    const land = districts.map(({ code, name }, i) => {
      const shape = svg("path", { class: "cell", d: shapes[i], "data-code": code });
      this.#cells.set(code, shape);
      return svg("a", { href: `/areas/${code}`, tabindex: -1 }, svg("title", {}, `${name}, ${code}`), shape);
    });
    const names = Object.entries(SIGNPOSTS).filter(([code]) => this.districts.has(code));
    this.#signposts = names.map(([code, name]) => {
      const at = project(this.districts.get(code));
      return { at, text: svg("text", { class: "signpost", x: at[0], y: at[1] }, name) };
    });
    this.layers.ground.setAttribute("aria-hidden", "true");
    replace(
      this.layers.ground,
      land,
      svg("path", { class: "river", d: river() }),
      this.#signposts.map(({ text }) => text),
    );
  }

  /** Show ranked areas, the best on top, and the destinations of their commutes. */
  rank(places) {
    this.#places.clear();
    this.#ranked.clear();
    for (const shape of this.#cells.values()) shape.classList.remove("ranked");
    for (const place of places) this.#cells.get(place.areaCode)?.classList.add("ranked");
    const points = spread(
      places.map((place) => project(place.location)),
      this.gap,
    );
    const discs = places.map((place, i) => this.#disc(place, points[i]));
    this.#hideCovered(points);
    replace(this.layers.places, discs.reverse());
    const ends = new Set(places.map(({ commute }) => commute?.destination).filter(Boolean));
    this.#drawEnds(ends, points);
    this.highlight(null);
  }

  /** Hide the signposts that ranked areas cover. */
  #hideCovered(points) {
    const covers = ([x, y], at) => Math.abs(x - at[0]) < 40 && Math.abs(y - at[1]) < 19;
    for (const { at, text } of this.#signposts)
      text.classList.toggle(
        "covered",
        points.some((point) => covers(point, at)),
      );
  }

  #disc(place, [x, y]) {
    const disc = svg(
      "a",
      {
        class: "place",
        href: `#area-${place.areaCode}`,
        "data-code": place.areaCode,
        "aria-label": `${place.rank}. ${place.name}, ${place.areaCode}`,
      },
      svg("circle", { cx: x, cy: y }),
      svg("text", { x, y, "aria-hidden": "true" }, String(place.rank)),
    );
    this.#places.set(place.areaCode, disc);
    this.#ranked.set(place.areaCode, place);
    return disc;
  }

  /** Mark destinations, each with its name on the emptier side. */
  #drawEnds(names, busy) {
    const located = [...names].map((name) => [name, this.locate(name)]).filter(([, at]) => at);
    this.layers.ends.setAttribute("aria-hidden", "true");
    replace(
      this.layers.ends,
      located.map(([name, at]) => {
        const [x, y] = project(at);
        const beside = busy.filter((point) => Math.abs(point[1] - y) < 40 && Math.abs(point[0] - x) < 180);
        const right =
          beside.filter((point) => point[0] > x).length * 2 < beside.length || x < VIEW.left + 150;
        return svg(
          "g",
          { class: "end" },
          svg("path", { d: `M${x} ${y - 8}L${x + 8} ${y}L${x} ${y + 8}L${x - 8} ${y}Z` }),
          svg("text", { x: right ? x + 12 : x - 12, y, class: right ? "right" : "left" }, shortened(name)),
        );
      }),
    );
  }

  /** Highlight an area and the route from it; null highlights none. */
  highlight(code) {
    if (code === this.#highlighted && code !== null) return;
    for (const shape of [this.#cells.get(this.#highlighted), this.#places.get(this.#highlighted)])
      shape?.classList.remove("lit");
    this.#highlighted = code;
    for (const shape of [this.#cells.get(code), this.#places.get(code)]) shape?.classList.add("lit");
    const place = this.#ranked.get(code);
    this.drawRoute(
      place?.commute
        ? { from: place.location, to: place.commute.destination, legs: place.commute.legs }
        : null,
    );
  }

  /** Draw the route of a journey through its changes, with straight lines between them; null clears it. */
  drawRoute(journey) {
    if (!journey) return replace(this.layers.way);
    const stops = (journey.legs ?? [])
      .slice(0, -1)
      .map((leg) => this.stations[leg.end])
      .filter(Boolean);
    const points = [journey.from, ...stops.map(([lat, lng]) => ({ lat, lng })), this.locate(journey.to)]
      .filter(Boolean)
      .map(project);
    this.layers.way.setAttribute("aria-hidden", "true");
    return replace(
      this.layers.way,
      svg("polyline", { class: "casing", points: points.join(" ") }),
      svg("polyline", { points: points.join(" ") }),
      points.slice(1, -1).map(([cx, cy]) => svg("circle", { cx, cy })),
    );
  }

  /** Show the destination and the route of one journey. */
  showJourney(journey) {
    this.#drawEnds(new Set([journey.to]), [project(journey.from)]);
    this.drawRoute(journey);
  }

  /** Return the point of a destination by its label: a name, "Stratford, E15", or a full postcode. */
  locate(label) {
    const station = this.stations[label.replace(/ station$/, "")];
    const outcode = label.split(", ").at(-1).split(" ")[0];
    return (
      this.destinations.get(label) ??
      (station ? { lat: station[0], lng: station[1] } : this.districts.get(outcode))
    );
  }

  /** Return a district's name by its code. */
  name(code) {
    return this.districts.get(code)?.name;
  }
}

/** Return the caption for the area pointed at. */
export function caption(place, name, code) {
  if (place)
    return [
      el("strong", {}, `${place.rank}. ${place.name}, ${code}`),
      place.commute && ` · ${place.commute.minutes} min to ${place.commute.destination}`,
    ];
  return name
    ? [el("strong", {}, `${name}, ${code}`), " · not among the areas shown; select it to see its figures"]
    : [];
}

function shortened(text) {
  return text.length > 28 ? `${text.slice(0, 26)}…` : text;
}
