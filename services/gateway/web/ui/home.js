/** Where everything begins: who waits, and the one button that matters. */

import { button, h, heading, paragraph, say, show } from "./dom.js";
import { duration, languageName, t } from "./i18n.js";
import { languageLabel } from "./names.js";
import { pairsOf, watchQueue } from "./queue.js";
import { talkList } from "./history.js";

const RECENT = 3;

export function home(app) {
  const { journey, parley } = app;
  const user = journey.state.user;
  const top = heading(t("home.title", { name: user.display_name }));
  const find = button(t("home.find"), () => journey.find(), {
    kind: "primary large",
    picture: "search",
  });
  const queue = queueCard(user);
  const recent = recentTalks(app);
  const hero = h("div", { class: "hero" }, top, paragraph(t("home.lead"), { class: "lead" }), find);
  const node = h("section", { class: "home" }, hero, queue.node, recent);
  const stop = watchQueue(parley, queue.tell);
  return { heading: top, node, close: stop };
}

/** A line for each pair of languages: how many wait, how long it takes. */
function queueCard(user) {
  const list = h("ul", { class: "pairs" });
  const unknown = paragraph(t("queue.unknown"), { class: "hint" });
  const title = h("h2", { id: "queue-title" }, t("queue.title"));
  const node = h(
    "section",
    { class: "card", "aria-labelledby": "queue-title" },
    title,
    list,
    unknown,
  );
  const rows = new Map();

  function tell(status) {
    const measured = Boolean(status?.measured_at);
    show(unknown, !measured);
    show(list, measured);
    if (measured) pairsOf(user, status).forEach((pair) => row(pair));
  }

  function row(pair) {
    const key = `${pair.native} ${pair.language}`;
    if (!rows.has(key)) {
      rows.set(key, pairRow(pair));
      list.append(rows.get(key).node);
    }
    rows.get(key).update(pair);
  }

  show(unknown, false);
  return { node, tell };
}

function pairRow({ native, language, level }) {
  const waiting = h("p");
  const estimate = h("p", { class: "hint" });
  const name = h(
    "p",
    { class: "pair" },
    languageLabel(language),
    h("span", { class: "level" }, level),
  );
  const node = h("li", {}, name, h("div", {}, waiting, estimate));

  function update(pair) {
    const names = { language: languageName(language), own: languageName(native) };
    say(waiting, t("queue.waiting", { count: pair.waiting, ...names }));
    say(estimate, expectedText(pair.estimate));
  }

  return { node, update };
}

/** Honest words for what one would wait: 0 is at once, null is not known. */
function expectedText(seconds) {
  if (seconds === null) return t("queue.none");
  return seconds < 1 ? t("queue.atOnce") : t("queue.about", { time: duration(seconds) });
}

function recentTalks(app) {
  const title = h("h2", { id: "recent-title" }, t("home.recent"));
  const list = h("div");
  const all = button(t("home.allTalks"), () => app.journey.open("history"), { kind: "quiet" });
  const node = h("section", { class: "card", "aria-labelledby": "recent-title", hidden: true });
  node.append(title, list, all);
  app.parley.sessions({ limit: RECENT }).then(
    ({ sessions, next_cursor }) => {
      list.replaceChildren(talkList(app, sessions));
      show(all, Boolean(next_cursor));
      show(node, sessions.length > 0);
    },
    () => {}, // it is shown the next time
  );
  return node;
}
