/** Hanging up and declining: said once, shown as under way until the server knows. */

import { button, say, set } from "./dom.js";
import { t } from "./i18n.js";

/** Hang up. Returns `{node, update}`. */
export function hangUpButton(app, kind = "danger") {
  const act = () => app.parley.leave();
  return partingButton(app, t("call.hangUp"), act, { kind, picture: "hang-up" });
}

/** A button that ends the session in its own way. Returns `{node, update}`. */
export function partingButton(app, text, act, options = {}) {
  const node = button(text, () => part(act), options);
  const label = node.querySelector(".button-text");

  function update() {
    const parting = Boolean(app.parley.call?.parting);
    set(node, "aria-busy", parting ? "true" : null);
    say(label, parting ? t("call.parting") : text);
  }

  return { node, update };
}

/** It may have ended in the moment of the click. */
function part(act) {
  try {
    act();
  } catch (problem) {
    if (problem.code !== "no-session") throw problem;
  }
}
