/** After a talk: how it ended, how long it was, what one thinks of it. */

import { button, h, heading, paragraph, say, show } from "./dom.js";
import { pills, textField } from "./forms.js";
import { dateAndTime, duration, languageTitle, t } from "./i18n.js";
import { partnerName } from "./history.js";
import { onwards } from "./plain.js";
import { busy, problemBox } from "./problems.js";
import { safetyButtons } from "./safety.js";

const TAGS = [
  "friendly",
  "patient",
  "helpful",
  "fun",
  "good-audio",
  "bad-audio",
  "wrong-level",
  "one-language-only",
  "rude",
];
const RATINGS = ["1", "2", "3", "4", "5"];
const COMMENT_LENGTH_MAX = 1_000;
// Whether one did it oneself makes these other sentences.
const SIDED = ["left", "offline", "failed", "declined", "abandoned"];

/** The talk that has just ended. */
export function ended(app) {
  const { journey } = app;
  const seen = journey.lastSeen;
  const session = { ...seen, ...journey.outcome.session };
  const title = session.duration_s > 0 ? t("ended.title") : t("ended.failedTitle");
  return after(app, session, title, onwards(app));
}

/** One of the history. */
export function talk(app) {
  const session = app.journey.talk;
  const title = t("talk.title", { name: partnerName(session.partner) });
  const back = button(t("action.back"), () => app.journey.open("history"));
  return after(app, session, title, [back]);
}

function after(app, session, title, buttons) {
  const top = heading(title);
  const name = partnerName(session.partner);
  const sides = [reasonText(session, name), session.created_at && dateAndTime(session.created_at)];
  const words = sides.filter(Boolean).map((text) => paragraph(text, { class: "lead" }));
  const rated = session.duration_s > 0 ? ratingForm(app, session) : null;
  const node = h(
    "section",
    { class: "plain" },
    top,
    ...words,
    session.duration_s > 0 ? durations(session) : null,
    rated,
    h("div", { class: "actions" }, ...buttons),
    session.partner ? safetyButtons(app, () => session) : null,
  );
  return { heading: top, node };
}

/** Why it ended, in words. */
function reasonText({ reason, by_you }, name) {
  if (!reason) return null;
  if (!SIDED.includes(reason)) return t(`ended.${reason}`, { name });
  return t(`ended.${reason}.${by_you ? "you" : "partner"}`, { name });
}

function durations({
  duration_s,
  you_practise,
  partner_practises,
  practised_s,
  partner_practised_s,
}) {
  const rows = [
    [t("ended.total"), duration_s],
    [languageTitle(you_practise), practised_s],
    [languageTitle(partner_practises), partner_practised_s],
  ];
  const figures = rows.map(([term, seconds]) =>
    h("div", {}, h("dt", {}, term), h("dd", {}, duration(seconds ?? 0))),
  );
  return h("dl", { class: "figures" }, ...figures);
}

function ratingForm(app, session) {
  const thanks = paragraph("", { class: "lead", tabindex: "-1" });
  const fields = ratingFields();
  const problem = problemBox();
  const fault = h("p", { class: "error", role: "alert", hidden: true }, t("rating.missing"));
  const send = button(t("rating.send"), null, { kind: "primary", type: "submit" });
  const form = h(
    "form",
    {
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        busy(send, sent);
      },
    },
    fields.rating.node,
    fault,
    fields.tags.node,
    fields.comment.node,
    problem.node,
    send,
  );

  async function sent() {
    const rating = Number(fields.rating.chosen()[0] ?? 0);
    show(fault, rating === 0);
    if (rating === 0) return fields.rating.inputs[0].focus();
    const more = { tags: fields.tags.chosen(), comment: fields.comment.input.value.trim() };
    const given = () => app.parley.feedback(session.session_id, { rating, ...more });
    if (!(await problem.attempt(given))) return;
    session.rating = rating;
    app.journey.keepRating(session.session_id, rating);
    thank();
    thanks.focus();
  }

  function thank() {
    say(thanks, t("rating.thanks", { rating: session.rating }));
    form.replaceWith(thanks);
  }

  const card = h("div", { class: "card" }, form);
  session.rating ??= app.journey.ratingOf(session.session_id);
  if (session.rating) thank();
  return card;
}

function ratingFields() {
  const rating = pills({
    legend: t("rating.title"),
    type: "radio",
    name: "rating",
    options: RATINGS.map((value) => [value, t(`rating.${value}`)]),
  });
  const tags = pills({
    legend: t("rating.tags"),
    type: "checkbox",
    name: "tags",
    options: TAGS.map((tag) => [tag, t(`tag.${tag}`)]),
  });
  const comment = textField({
    label: t("rating.comment"),
    hint: t("rating.comment.hint"),
    rows: 3,
    maxlength: COMMENT_LENGTH_MAX,
    dir: "auto",
  });
  return { rating, tags, comment };
}
