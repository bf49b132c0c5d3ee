/* Small drawings of figures. Each says in words what it shows; the figures themselves stand in a table. */

import { svg } from "./dom.js";

const STEP = 12;
const BAR = 8;
const HEIGHT = 36;

/** Draw a bar for each value, up to `most`; what is null leaves only its place. `chosen` is the index lit. */
export function bars(values, { label, chosen = -1, most = Math.max(...values.map(Number)) }) {
  const drawn = values.map((value, at) => bar(value, at, most, at === chosen));
  const box = `0 0 ${values.length * STEP - (STEP - BAR)} ${HEIGHT}`;
  return svg(
    "svg",
    { class: "bars", viewBox: box, preserveAspectRatio: "none", role: "img", "aria-label": label },
    drawn,
  );
}

function bar(value, at, most, lit) {
  const known = value !== null;
  const height = known && most > 0 ? Math.max(1, (value / most) * (HEIGHT - 2)) : 1;
  const kind = `${known ? "known" : "unknown"}${lit ? " lit" : ""}`;
  return svg("rect", { class: kind, x: at * STEP, y: HEIGHT - height, width: BAR, height });
}

/** Draw a share, from 0 to 1, as a line that is full at 1. */
export function share(value) {
  return svg(
    "svg",
    { class: "share", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "rail", width: 100, height: 6 }),
    svg("rect", { class: "known lit", width: 100 * value, height: 6 }),
  );
}
