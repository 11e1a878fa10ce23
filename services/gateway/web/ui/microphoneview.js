/** The step before searching: the microphone is asked for, heard and chosen. */

import { button, h, heading, paragraph, show } from "./dom.js";
import { t } from "./i18n.js";
import { levelMeter } from "./meter.js";
import { deviceChoice, microphoneTrouble } from "./microphoneparts.js";
import { busy, problemBox } from "./problems.js";

export function microphone(app) {
  const { journey, microphone: input } = app;
  const top = heading(t("microphone.title"));
  const why = paragraph(t("microphone.why"), { class: "lead" });
  const asking = paragraph(t("microphone.asking"), { class: "lead" });
  const allow = button(t("microphone.allow"), () => input.open(), {
    kind: "primary",
    picture: "microphone",
  });
  const meter = levelMeter(() => input.level);
  const devices = deviceChoice(app);
  const live = h("div", { class: "card" }, meter.node, devices.node);
  const trouble = microphoneTrouble(app);
  const problem = problemBox();
  const search = button(
    t("microphone.search"),
    () => busy(search, () => problem.attempt(searched)),
    {
      kind: "primary",
      picture: "search",
    },
  );
  const back = button(t("action.back"), () => journey.open("home"));
  const searched = () => journey.search();
  const actions = h("div", { class: "actions" }, allow, search, back);
  const node = h(
    "section",
    { class: "plain" },
    top,
    why,
    asking,
    live,
    trouble.node,
    problem.node,
    actions,
  );

  let before = null;
  function update() {
    const { status } = input;
    show(why, status === "off");
    show(allow, status === "off");
    show(asking, status === "asking");
    show(live, status === "live");
    show(search, status === "live");
    trouble.update();
    devices.update();
    meter.update();
    if (status === "live" && before === "asking" && lostFocus()) search.focus();
    before = status;
  }

  return { heading: top, node, update, close: meter.close };
}

/** The pressed button is gone; whoever uses the keyboard should go on from what took its place. */
function lostFocus() {
  return document.activeElement === null || document.activeElement === document.body;
}
