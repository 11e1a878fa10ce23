/** The talk: whose language it is, what to talk about, and the controls. */

import { secondsSince } from "./clock.js";
import { chatPanel } from "./chatpanel.js";
import { button, h, heading, paragraph, say, set, show } from "./dom.js";
import { clockTime, t } from "./i18n.js";
import { hangUpButton } from "./leaving.js";
import { levelMeter } from "./meter.js";
import { deviceChoice, microphoneTrouble } from "./microphoneparts.js";
import { partnerCard, portrait } from "./names.js";
import { safetyButtons } from "./safety.js";
import { topicsPanel } from "./topics.js";
import { turnClock } from "./turnclock.js";

export function callView(app) {
  const { journey, parley } = app;
  const { partner } = journey.state.session;
  const name = partner.display_name;
  const top = heading(t("call.title", { name }));
  const parts = [
    callStatus(app, name),
    turnClock(app),
    topicsPanel(app),
    soundPanel(app),
    chatPanel(app, name),
  ];
  const [status, turn, topics, sound, chat] = parts;
  const controls = controlBar(app, chat);
  const person = h("div", { class: "call-head" }, portrait(name), h("div", {}, top, status.timer));
  const about = h("details", { class: "about" }, h("summary", {}, t("call.about", { name })));
  about.append(
    partnerCard(partner),
    safetyButtons(app, () => journey.state?.session ?? journey.lastSeen),
  );
  const left = h(
    "div",
    { class: "call-main" },
    person,
    status.node,
    turn.node,
    topics.node,
    sound.node,
    about,
  );
  const node = h("section", { class: "call" }, left, chat.node, controls.node);
  const updated = [...parts, controls];

  return {
    heading: top,
    node,
    update: () => journey.state?.session && updated.forEach((part) => part.update()),
    close: () => updated.forEach((part) => part.close?.()),
  };
}

/** How long it lasts, and whatever is in the way of it. */
function callStatus(app, name) {
  const { hearing, journey, parley } = app;
  const time = h("span", { role: "timer", "aria-label": t("call.time") });
  const timer = paragraph("", { class: "hint" });
  timer.append(t("call.time"), " ", time);
  const away = notice(t("call.away", { name }), null); // announced already
  const broken = notice(t("call.recovering"), "status");
  const tap = button(t("call.tap"), () => hearing.unblock(), {
    kind: "primary",
    picture: "speaker",
  });
  const deaf = h("div", { class: "notice strong" }, h("p", {}, t("call.blocked")), tap);
  const trouble = microphoneTrouble(app, {
    label: t("microphone.turnOn"),
    onlive: () => parley.replaceStream(app.microphone.stream),
  });

  function update() {
    say(time, clockTime(secondsSince(journey.state.session.active_at)));
    show(away, parley.state.peerAway);
    show(broken, !parley.state.peerAway && journey.phase !== "connected");
    show(deaf, hearing.status === "blocked");
    trouble.update();
  }

  return { node: h("div", { class: "notices" }, deaf, trouble.node, away, broken), timer, update };
}

function notice(text, role) {
  return h("p", { class: "notice", role, hidden: true }, text);
}

/** Both levels, and another microphone. */
function soundPanel(app) {
  const { microphone, parley } = app;
  const mine = levelMeter(() => (parley.call?.muted ? 0 : microphone.level), {
    label: t("call.yourLevel"),
    words: false,
  });
  const theirs = levelMeter(() => parley.call?.level?.() ?? null, {
    label: t("call.partnerLevel"),
    words: false,
  });
  const muted = paragraph(t("call.muted"), { class: "meter-text", role: "status" });
  const device = deviceChoice(app, () => parley.replaceStream(microphone.stream));
  const rows = [
    h("div", { class: "sound-row" }, h("span", {}, t("call.you")), mine.node),
    h(
      "div",
      { class: "sound-row" },
      h("span", { dir: "auto" }, app.journey.partner.display_name),
      theirs.node,
    ),
  ];
  const node = h("div", { class: "card sound" }, ...rows, muted, device.node);

  function update() {
    show(muted, Boolean(parley.call?.muted) || microphone.silenced);
    say(muted, parley.call?.muted ? t("call.muted") : t("call.silenced"));
    device.update();
  }

  return {
    node,
    update,
    close: () => {
      mine.close();
      theirs.close();
    },
  };
}

function controlBar(app, chat) {
  const { parley } = app;
  const mute = button("", () => parley.setMuted(!parley.call.muted), { kind: "control" });
  const picture = h("span", { class: "icon", "aria-hidden": "true" });
  mute.prepend(picture);
  const hangUp = hangUpButton(app, "control danger");
  const node = h("div", { class: "controls" }, mute, chat.toggle, hangUp.node);

  function update() {
    const muted = Boolean(parley.call?.muted);
    say(mute.querySelector(".button-text"), muted ? t("call.unmute") : t("call.mute"));
    set(picture, "class", `icon icon-${muted ? "microphone-off" : "microphone"}`);
    mute.classList.toggle("on", muted);
    hangUp.update();
  }

  return { node, update };
}
