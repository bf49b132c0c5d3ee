/* Nothing is changed before it was said what will happen, and what that costs. */

import { byId, el, replace } from "./dom.js";

/** Ask whether to go on; `sentences` say what will happen. Escape and the first button mean no. */
export function confirmed(title, sentences, action) {
  const dialog = byId("confirm");
  replace(byId("confirm-title"), title);
  replace(
    byId("confirm-words"),
    sentences.map((sentence) => el("p", {}, sentence)),
  );
  replace(byId("confirm-yes"), action);
  dialog.returnValue = "no"; // what Escape leaves it at
  dialog.showModal();
  byId("confirm-no").focus();
  return new Promise((decide) => {
    dialog.addEventListener("close", () => decide(dialog.returnValue === "yes"), { once: true });
  });
}
