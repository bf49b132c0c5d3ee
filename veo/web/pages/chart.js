/* Small charts. Each has a text label; a table holds the same figures. */

import { svg } from "./dom.js";

const STEP = 12;
const BAR = 8;
const HEIGHT = 36;

/** Draw a bar per value, on a scale up to `most`; null leaves a gap. The bar at index `chosen` is highlighted. */
export function bars(values, { label, chosen = -1, most = Math.max(...values.map(Number)) }) {
  const rects = values.map((value, at) => bar(value, at, most, at === chosen));
  const box = `0 0 ${values.length * STEP - (STEP - BAR)} ${HEIGHT}`;
  return svg(
    "svg",
    { class: "bars", viewBox: box, preserveAspectRatio: "none", role: "img", "aria-label": label },
    rects,
  );
}

function bar(value, at, most, highlighted) {
  const present = value !== null;
  const height = present && most > 0 ? Math.max(1, (value / most) * (HEIGHT - 2)) : 1;
  const kind = `${present ? "known" : "unknown"}${highlighted ? " lit" : ""}`;
  return svg("rect", { class: kind, x: at * STEP, y: HEIGHT - height, width: BAR, height });
}

/** Draw a share from 0 to 1 as a partly filled line. */
export function share(value) {
  return svg(
    "svg",
    { class: "share", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "rail", width: 100, height: 6 }),
    svg("rect", { class: "known lit", width: 100 * value, height: 6 }),
  );
}
