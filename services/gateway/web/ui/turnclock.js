/** The clock of the languages: whose it is now, until when, and what comes next. */

import { secondsUntil } from "./clock.js";
import { h, say, set, svg } from "./dom.js";
import { clockTime, languageName, languageTitle, t, timeOfDay } from "./i18n.js";
import { primaryOf } from "./languages.js";

const RADIUS = 54;
const AROUND = 2 * Math.PI * RADIUS;

export function turnClock(app) {
  const { journey } = app;
  const name = journey.partner.display_name;
  const ring = svg("circle", {
    class: "ring-left",
    cx: 64,
    cy: 64,
    r: RADIUS,
    "stroke-dasharray": AROUND,
  });
  const circle = svg("circle", { class: "ring", cx: 64, cy: 64, r: RADIUS });
  const drawing = svg("svg", { viewBox: "0 0 128 128", "aria-hidden": "true" }, circle, ring);
  const language = h("p", { class: "turn-language" });
  const left = h("p", { class: "turn-left", role: "timer" });
  const whose = h("p", { class: "turn-whose" });
  const next = h("p", { class: "hint" });
  const title = h("h2", { class: "unseen", id: "turn-title" }, t("turn.title"));
  const face = h("div", { class: "turn-face" }, drawing, h("div", {}, language, left));
  const words = h("div", { class: "turn-words" }, whose, next);
  const node = h("section", { class: "turn", "aria-labelledby": "turn-title" }, title, face, words);

  function update() {
    const { turn, you_practise, partner_practises, ends_at } = journey.state.session;
    if (!turn) return;
    const mine = primaryOf(turn.language) === primaryOf(you_practise);
    set(node, "data-turn", mine ? "mine" : "theirs");
    const spoken = languageName(turn.language);
    say(language, languageTitle(turn.language));
    say(
      whose,
      mine ? t("turn.yours", { language: spoken }) : t("turn.theirs", { language: spoken, name }),
    );
    say(left, t("turn.left", { time: clockTime(secondsUntil(turn.until)) }));
    const last = ends_at && Date.parse(ends_at) <= Date.parse(turn.until);
    const other = languageName(mine ? partner_practises : you_practise);
    const time = timeOfDay(last ? ends_at : turn.until);
    say(next, last ? t("turn.end", { time }) : t("turn.next", { language: other, time }));
    const whole = Date.parse(turn.until) - Date.parse(turn.since);
    const share = whole > 0 ? Math.min(1, (secondsUntil(turn.until) * 1000) / whole) : 0;
    set(ring, "stroke-dashoffset", (AROUND * (1 - share)).toFixed(1));
  }

  return { node, update };
}
