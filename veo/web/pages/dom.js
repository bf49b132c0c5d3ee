/* Helpers to build the page. Strings are only ever inserted as text, never parsed as markup. */

const SVG = "http://www.w3.org/2000/svg";

/** Create an element with attributes, including `class` and `on…` listeners; children are nodes or text. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Create an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  add(node, children);
  return node;
}

/** Append nodes and text; lists are flattened; null, undefined and false are skipped. */
export function add(node, ...children) {
  node.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return node;
}

/** Return a table that scrolls within itself if it is too wide. */
export function table(caption, columns, rows) {
  const head = columns.map((name) => el("th", { scope: "col" }, name));
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
    el(
      "table",
      {},
      el("caption", { class: "hidden" }, caption),
      el("thead", {}, el("tr", {}, head)),
      el("tbody", {}, rows),
    ),
  );
}

/** Return the element with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Replace the children of an element. */
export function replace(node, ...children) {
  node.replaceChildren();
  return add(node, children);
}

/** Draw an icon by its path, one of `ICONS`. */
export function icon(path) {
  return svg("svg", { class: "sign", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: path }));
}

export const ICONS = {
  yes: "M3 8.5 6.5 12 13 4.5",
  no: "M3.5 8h9",
};
