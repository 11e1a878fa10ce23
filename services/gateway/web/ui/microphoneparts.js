/** Parts that several steps show of the microphone: what is wrong with it, and which it is. */

import { button, h, icon, paragraph, say, show } from "./dom.js";
import { selectField } from "./forms.js";
import { t } from "./i18n.js";

const TROUBLES = ["denied", "missing", "busy", "lost", "insecure", "failed"];

/** What is wrong and what to do, with a button to try again; hidden while all is well. */
export function microphoneTrouble(app, { label = t("action.tryAgain"), onlive = () => {} } = {}) {
  const { microphone } = app;
  const what = paragraph("", { class: "trouble-what" });
  const help = paragraph("");
  const again = button(
    label,
    async () => {
      await microphone.open();
      if (microphone.live) onlive();
    },
    { picture: "microphone" },
  );
  const words = h("div", {}, what, help);
  const node = h(
    "div",
    { class: "problem", role: "alert", hidden: true },
    icon("microphone-off"),
    words,
    again,
  );

  function update() {
    const trouble = TROUBLES.includes(microphone.status);
    show(node, trouble);
    if (!trouble) return;
    say(what, t(`microphone.${microphone.status}.what`));
    say(help, t(`microphone.${microphone.status}.help`));
    show(again, microphone.status !== "insecure");
  }

  return { node, update };
}

/** Which microphone it is; hidden while there is nothing to choose. */
export function deviceChoice(app, onchosen = () => {}) {
  const { microphone } = app;
  const { node, input } = selectField({
    label: t("microphone.device"),
    options: [],
    onchange: async () => {
      await microphone.choose(input.value);
      if (microphone.live) onchosen();
    },
  });
  let shown = "";

  function update() {
    show(node, microphone.live && microphone.devices.length > 0);
    const names = microphone.devices.map(({ deviceId, label }, n) => [
      deviceId,
      label || t("microphone.number", { number: n + 1 }),
    ]);
    const key = JSON.stringify([names, microphone.deviceId]);
    if (key === shown) return;
    shown = key;
    input.replaceChildren(...names.map(([value, text]) => h("option", { value }, text)));
    input.value = microphone.deviceId;
  }

  return { node, update };
}
