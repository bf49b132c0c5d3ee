/* Building the page. Text goes in as text: nothing here, or anywhere, reads markup out of a string. */

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: attributes by name, `class` and `on…` included; children are nodes or text. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element. */
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

/** Append nodes and text; lists are flattened, and what is null or false is left out. */
export function add(node, ...children) {
  node.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return node;
}

/** Give a table that scrolls by itself where it is too wide. */
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

/** Give an element of the page by its id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Put children in the place of what an element held. */
export function replace(node, ...children) {
  node.replaceChildren();
  return add(node, children);
}

/** Draw a sign from the page's own set of drawings. */
export function sign(path) {
  return svg("svg", { class: "sign", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: path }));
}

export const SIGNS = {
  yes: "M3 8.5 6.5 12 13 4.5",
  no: "M3.5 8h9",
  way: "M3 13V9a3 3 0 0 1 3-3h7M10 3l3 3-3 3",
  note: "M8 4v5M8 12v.1",
};
