/* The confirmation dialog, which states the consequences and cost of a change before it is made. */

import { byId, el, replace } from "./dom.js";

/** Ask for confirmation; `sentences` describe what will happen. Escape and the first button mean no. */
export function confirmed(title, sentences, action) {
  const dialog = byId("confirm");
  replace(byId("confirm-title"), title);
  replace(
    byId("confirm-words"),
    sentences.map((sentence) => el("p", {}, sentence)),
  );
  replace(byId("confirm-yes"), action);
  dialog.returnValue = "no"; // Escape leaves it unchanged
  dialog.showModal();
  byId("confirm-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
