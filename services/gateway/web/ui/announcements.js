/** What screen readers are told of by itself: a match, a turn, a loss. */

import { languageName, t } from "./i18n.js";

/** Listen to the frames of the server. */
export function announceFrames(app) {
  const { parley, journey } = app;
  const say = (text, urgent = false) => app.announce(text, { urgent });
  const name = () => journey.partner?.display_name ?? "";
  const on = (type, listener) =>
    parley.addEventListener(type, ({ detail }) => listener(detail ?? {}));

  on("match.found", ({ partner, you_practise }) =>
    say(
      t("said.found", { name: partner.display_name, language: languageName(you_practise) }),
      true,
    ),
  );
  on("match.requeued", () => say(t("said.requeued")));
  on("match.expired", () => say(t("said.expired")));
  on("session.active", ({ turn }) =>
    say(t("said.active", { name: name(), language: languageName(turn.language) }), true),
  );
  on("session.turn", ({ turn }) =>
    say(t("said.turn", { language: languageName(turn.language) }), true),
  );
  on("session.ended", () => say(t("said.ended", { name: name() }), true));
  on("peer.away", () => say(t("said.away", { name: name() })));
  on("peer.back", () => say(t("said.back", { name: name() })));
  followMicrophone(app.microphone, say);
}

function followMicrophone(microphone, say) {
  let before = microphone.status;
  microphone.addEventListener("change", () => {
    if (microphone.status === before) return;
    before = microphone.status;
    if (before === "lost") say(t("microphone.lost.what"), true);
  });
}
