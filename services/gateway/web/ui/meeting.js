/** From the match to the call: who it is, joining, connecting, and coming back after a reload. */

import { secondsUntil } from "./clock.js";
import { button, h, heading, paragraph, say, show } from "./dom.js";
import { clockTime, languageName, t } from "./i18n.js";
import { microphoneTrouble } from "./microphoneparts.js";
import { partnerCard } from "./names.js";
import { hangUpButton, partingButton } from "./leaving.js";
import { busy } from "./problems.js";

export function found(app) {
  const { journey, joining, parley } = app;
  const { partner, you_practise, partner_practises } = journey.state.session;
  const name = partner.display_name;
  const top = heading(t("found.title", { name }));
  const languages = {
    mine: languageName(you_practise),
    theirs: languageName(partner_practises),
    name,
  };
  const status = paragraph("", { class: "lead" });
  const left = paragraph("", { class: "hint", role: "timer" });
  const trouble = microphoneTrouble(app);
  const join = button(t("found.join"), () => busy(join, () => joining.join()), {
    kind: "primary large",
    picture: "call",
  });
  const decline = partingButton(app, t("found.decline"), () => parley.decline());
  const node = h(
    "section",
    { class: "plain" },
    top,
    partnerCard(partner),
    paragraph(t("found.languages", languages)),
    status,
    trouble.node,
    h("div", { class: "actions" }, join, decline.node),
    left,
  );

  function update() {
    const session = journey.state?.session;
    if (!session) return;
    const seconds = joining.countdown;
    say(status, seconds === null ? t("found.pressJoin") : t("found.byItself", { count: seconds }));
    decline.update();
    say(left, t("found.joinBy", { time: clockTime(secondsUntil(session.join_by)) }));
    trouble.update();
  }

  return { heading: top, node, update };
}

export function connecting(app) {
  const { journey, parley } = app;
  const { partner } = journey.state.session;
  const name = partner.display_name;
  const top = heading(t("connecting.title", { name }));
  const status = paragraph("", { class: "lead" });
  const left = paragraph("", { class: "hint", role: "timer" });
  const trouble = microphoneTrouble(app, {
    onlive: () => parley.replaceStream(app.microphone.stream),
  });
  const cannot = button(t("connecting.cannot"), () => parley.failed("microphone"), {
    hidden: true,
  });
  const hangUp = hangUpButton(app);
  const node = h(
    "section",
    { class: "plain" },
    top,
    partnerCard(partner),
    h("div", { class: "progress", "aria-hidden": "true" }),
    status,
    trouble.node,
    h("div", { class: "actions" }, cannot, hangUp.node),
    left,
  );

  function update() {
    const session = journey.state?.session;
    if (!session) return;
    const waiting = session.status === "waiting";
    const lost = ["waiting", "offline"].includes(parley.link);
    const text = waiting ? t("connecting.partner", { name }) : t("connecting.sound");
    say(status, lost ? t("link.lost") : relayed(parley, text));
    const by = waiting ? session.join_by : session.connect_by;
    say(left, t("connecting.by", { time: clockTime(secondsUntil(by)) }));
    trouble.update();
    hangUp.update();
    show(cannot, !trouble.node.hidden);
  }

  return { heading: top, node, update };
}

/** Both only go through a relay, and it does not answer. */
function relayed(parley, text) {
  return parley.call?.failure === "relay-impossible" ? t("connecting.relay") : text;
}

export function rejoin(app) {
  const { journey, joining, microphone } = app;
  const { partner } = journey.state.session;
  const top = heading(t("rejoin.title", { name: partner.display_name }));
  const status = paragraph("", { class: "lead" });
  const trouble = microphoneTrouble(app);
  const again = button(t("rejoin.join"), () => busy(again, () => joining.join()), {
    kind: "primary large",
    picture: "call",
  });
  const hangUp = hangUpButton(app);
  const actions = h("div", { class: "actions" }, again, hangUp.node);
  const node = h(
    "section",
    { class: "plain" },
    top,
    partnerCard(partner),
    status,
    trouble.node,
    actions,
  );

  function update() {
    const coming = microphone.live || microphone.status === "asking";
    say(status, coming ? t("rejoin.coming") : t("rejoin.press"));
    trouble.update();
    hangUp.update();
  }

  return { heading: top, node, update };
}
