/** Past talks, newest first. */

import { button, h, heading, paragraph, show } from "./dom.js";
import { dateAndTime, duration, languageName, list as listed, t } from "./i18n.js";
import { portrait } from "./names.js";
import { busy, problemBox } from "./problems.js";

const PAGE = 20;

export function history(app) {
  const { parley } = app;
  const top = heading(t("history.title"));
  const list = h("div", { class: "card" });
  const empty = paragraph(t("history.empty"), { class: "lead", hidden: true });
  const problem = problemBox();
  const more = button(t("history.more"), () => busy(more, () => problem.attempt(load)), {
    hidden: true,
  });
  let cursor = null;

  async function load() {
    const page = await parley.sessions({ cursor, limit: PAGE });
    cursor = page.next_cursor;
    if (page.sessions.length > 0) list.append(talkList(app, page.sessions));
    show(more, Boolean(cursor));
    show(empty, list.childElementCount === 0);
    show(list, list.childElementCount > 0);
  }

  show(list, false);
  problem.attempt(load);
  const node = h("section", { class: "plain" }, top, empty, list, problem.node, more);
  return { heading: top, node };
}

/** A list of talks, each a button that opens it. */
export function talkList(app, sessions) {
  return h(
    "ul",
    { class: "talks" },
    ...sessions.map((session) => h("li", {}, talkRow(app, session))),
  );
}

function talkRow(app, session) {
  const name = partnerName(session.partner);
  const languages = [session.you_practise, session.partner_practises].map(languageName);
  const length = session.duration_s ? duration(session.duration_s) : t("history.noTalk");
  const facts = `${dateAndTime(session.created_at)} · ${listed(languages)} · ${length}`;
  return h(
    "button",
    { type: "button", class: "talk", onclick: () => app.journey.open("talk", session) },
    portrait(name),
    h(
      "span",
      { class: "talk-text" },
      h("span", { class: "name" }, h("bdi", {}, name)),
      " ",
      h("span", { class: "hint" }, facts),
    ),
    " ",
    session.rating
      ? h("span", { class: "stars" }, t("history.rating", { rating: session.rating }))
      : null,
  );
}

/** Whoever erased the profile has no name any more. */
export function partnerName(partner) {
  return partner?.display_name || t("partner.unknown");
}
