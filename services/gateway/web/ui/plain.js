/** The steps that only say something and offer a way on. */

import { button, h, heading, icon, paragraph, show } from "./dom.js";
import { t } from "./i18n.js";

/** A page of a heading, some words and buttons. */
function page(title, texts, buttons, picture = null) {
  const top = heading(title);
  const words = texts.map((text) => paragraph(text, { class: "lead" }));
  const actions = buttons.length ? h("div", { class: "actions" }, ...buttons) : null;
  const drawing = picture && h("div", { class: "emblem" }, icon(picture));
  return { heading: top, node: h("section", { class: "plain" }, drawing, top, ...words, actions) };
}

/** What one does after a search or a talk that came to nothing. */
export function onwards(app) {
  return [
    button(t("action.findAnother"), () => app.journey.find(), {
      kind: "primary",
      picture: "search",
    }),
    button(t("nav.home"), () => app.journey.open("home")),
  ];
}

export function loading(app) {
  const view = page(t("loading.title"), [t("loading.text")], [], "parley");
  const lost = paragraph(t("link.lost"), { class: "lead" });
  view.node.append(lost);
  return { ...view, update: () => show(lost, ["waiting", "offline"].includes(app.parley.link)) };
}

export function declined(app) {
  const mine = app.journey.outcome.session.by_you;
  const name = app.journey.partner?.display_name ?? t("partner.unknown");
  const text = mine ? t("declined.you") : t("declined.partner", { name });
  return page(t("declined.title"), [text], onwards(app), "hand");
}

export function missed(app) {
  const mine = app.journey.outcome.session.by_you;
  const name = app.journey.partner?.display_name ?? t("partner.unknown");
  const text = mine ? t("missed.you", { name }) : t("missed.partner", { name });
  return page(t("missed.title"), [text], onwards(app), "clock");
}

export function away(app) {
  return page(t("away.title"), [t("away.text")], onwards(app), "offline");
}

export function replaced(app) {
  const here = button(t("replaced.here"), () => app.parley.useHere(), { kind: "primary" });
  return page(t("replaced.title"), [t("replaced.text")], [here], "tabs");
}

export function stopped() {
  const again = button(t("stopped.reload"), () => location.reload(), { kind: "primary" });
  return page(t("stopped.title"), [t("stopped.text")], [again], "offline");
}

export function signedOut(app) {
  return page(t("signedOut.title"), [t("signedOut.text")], [startAgain(app)], "key");
}

export function erased(app) {
  return page(t("erased.title"), [t("erased.text")], [startAgain(app)], "key");
}

function startAgain(app) {
  return button(t("action.startAgain"), () => app.journey.startAgain(), { kind: "primary" });
}
