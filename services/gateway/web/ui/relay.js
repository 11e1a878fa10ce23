/** Who hides their address cannot talk where there is no relay: say so, and what can be done. */

import { button, h, heading, paragraph } from "./dom.js";
import { t } from "./i18n.js";
import { busy, problemBox } from "./problems.js";

export function relayUnavailable(app) {
  const { journey, parley } = app;
  const top = heading(t("relay.title"));
  const problem = problemBox();
  const allow = button(t("relay.show"), () => busy(allow, () => problem.attempt(shown)), {
    kind: "primary",
  });
  const back = button(t("action.back"), () => journey.open("home"));

  async function shown() {
    await parley.changeProfile({ relay_only: false });
    journey.find(journey.wish);
  }

  const words = [t("relay.why"), t("relay.what")].map((text) => paragraph(text, { class: "lead" }));
  const actions = h("div", { class: "actions" }, allow, back);
  return {
    heading: top,
    node: h("section", { class: "plain" }, top, ...words, problem.node, actions),
  };
}
