/** A bar as long as the sound is loud, with words for who does not see it. */

import { h, say, set } from "./dom.js";
import { t } from "./i18n.js";

// Spoken words are well above this, an empty room is below.
const HEARD = 0.35;
const REMEMBERED_MS = 3_000;
const READ_EVERY_MS = 250;

/** `read()` is from 0 to 1, or null if it is not known. */
export function levelMeter(read, { label = t("meter.label"), words = true } = {}) {
  const bar = h("span", { class: "meter-bar" });
  const gauge = h(
    "div",
    {
      class: "meter",
      role: "meter",
      "aria-label": label,
      "aria-valuemin": "0",
      "aria-valuemax": "100",
    },
    bar,
  );
  const text = words ? h("p", { class: "meter-text" }) : null;
  let heardAt = -REMEMBERED_MS;
  let toldAt = 0;
  let frame = requestAnimationFrame(draw);

  function draw(now) {
    const level = read() ?? 0;
    if (level > HEARD) heardAt = now;
    bar.style.setProperty("--level", level.toFixed(3));
    if (now - toldAt > READ_EVERY_MS) tell(now, level);
    frame = requestAnimationFrame(draw);
  }

  function tell(now, level) {
    toldAt = now;
    set(gauge, "aria-valuenow", Math.round(level * 100));
    const heard = now - heardAt < REMEMBERED_MS;
    set(gauge, "aria-valuetext", heard ? t("meter.heard") : t("meter.quiet"));
    if (text) say(text, heard ? t("meter.heard") : t("meter.quiet"));
  }

  return {
    node: h("div", { class: "meter-field" }, text, gauge),
    update: () => {},
    close: () => cancelAnimationFrame(frame),
  };
}
