/** Waiting for a partner, honestly: how long so far, how long still, and the way out. */

import { mayAskToNotify } from "./alert.js";
import { secondsSince, secondsUntil } from "./clock.js";
import { button, h, heading, icon, paragraph, say, show } from "./dom.js";
import { clockTime, duration, languageName, list, t } from "./i18n.js";
import { levelMeter } from "./meter.js";
import { microphoneTrouble } from "./microphoneparts.js";
import { partnerName } from "./history.js";
import { busy, problemBox } from "./problems.js";

export function waiting(app) {
  return search(app, t("waiting.title"), []);
}

/** The same after a session that came to nothing through no fault of this user. */
export function requeued(app) {
  const ended = app.journey.state.lastSession;
  const name = partnerName(app.journey.partner);
  const keys = { declined: "declined", abandoned: "abandoned", left: "left", offline: "left" };
  const why = t(`requeued.${keys[ended?.reason] ?? "failed"}`, { name });
  return search(app, t("requeued.title"), [why, t("requeued.place")]);
}

function search(app, title, texts) {
  const { journey, parley, microphone } = app;
  const top = heading(title);
  const words = texts.map((text) => paragraph(text, { class: "lead" }));
  const wanted = paragraph(wish(journey.state), { class: "lead" });
  const clock = waitingClock(journey);
  const problem = problemBox();
  const cancel = button(t("action.cancel"), () => busy(cancel, () => problem.attempt(cancelled)));
  const cancelled = () => parley.cancelRequest().catch(ignoreGone);
  const notify = notifyButton(app);
  const sound = soundCard(app);
  const node = h(
    "section",
    { class: "plain waiting" },
    h("div", { class: "ripples", "aria-hidden": "true" }, icon("parley")),
    top,
    ...words,
    wanted,
    clock.node,
    sound.node,
    problem.node,
    h("div", { class: "actions" }, notify, cancel),
  );

  function update() {
    clock.update();
    sound.update();
    show(notify, mayAskToNotify());
  }

  return { heading: top, node, update, close: sound.close };
}

/** It was matched, or over, before it could be cancelled: the state tells. */
function ignoreGone(problem) {
  if (!["no-request", "already-matched"].includes(problem.code)) throw problem;
}

function wish({ request }) {
  const practised = request.practice_languages.map(({ language }) => languageName(language));
  const spoken = request.native_languages.map((tag) => languageName(tag));
  return t("waiting.wish", { practised: list(practised), spoken: list(spoken) });
}

function waitingClock(journey) {
  const [waited, estimate, until] = [h("span", { role: "timer" }), h("span"), h("span")];
  const rows = [
    [t("waiting.soFar"), waited],
    [t("waiting.estimate"), estimate],
    [t("waiting.until"), until],
  ];
  const node = h(
    "dl",
    { class: "figures" },
    ...rows.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
  );

  function update() {
    const { request, waiting: figures } = journey.state ?? {};
    if (!request) return;
    say(waited, clockTime(secondsSince(request.since)));
    say(estimate, estimateText(figures?.estimated_wait_s));
    say(until, t("waiting.left", { time: duration(secondsUntil(request.expires_at)) }));
  }

  return { node, update };
}

/** Seconds still to wait; null is not known. */
function estimateText(seconds) {
  if (seconds === null || seconds === undefined) return t("estimate.none");
  return t("estimate.about", { time: duration(Math.max(1, seconds)) });
}

function notifyButton(app) {
  const ask = async () => {
    await Notification.requestPermission();
    app.shell.render();
  };
  return button(t("waiting.notify"), ask, { picture: "bell", hidden: true });
}

/** Whether the microphone is still there: without it nobody can be joined. */
function soundCard(app) {
  const { microphone } = app;
  const meter = levelMeter(() => microphone.level);
  const trouble = microphoneTrouble(app, { label: t("microphone.turnOn") });
  const off = h(
    "div",
    { class: "problem" },
    icon("microphone-off"),
    paragraph(t("microphone.off")),
    button(t("microphone.turnOn"), () => microphone.open(), { picture: "microphone" }),
  );

  function update() {
    show(meter.node, microphone.live);
    show(off, microphone.status === "off" || microphone.status === "asking");
    trouble.update();
  }

  return { node: h("div", {}, meter.node, off, trouble.node), update, close: meter.close };
}
