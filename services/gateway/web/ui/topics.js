/** Things to talk about, in the language of the turn. */

import { h, paragraph, say, show } from "./dom.js";
import { languageName, t } from "./i18n.js";
import { directionOf } from "./names.js";

export function topicsPanel(app) {
  const list = h("ul");
  const english = paragraph("", { class: "hint" });
  const title = h("h2", { id: "topics-title" }, t("topics.title"));
  const node = h(
    "section",
    { class: "card topics", "aria-labelledby": "topics-title" },
    title,
    english,
    list,
  );
  let shown = "";

  function update() {
    const { topics, session } = app.parley.state;
    show(node, Boolean(topics?.prompts.length));
    const key = JSON.stringify(topics);
    if (!topics || key === shown) return;
    shown = key;
    list.lang = topics.language;
    list.dir = directionOf(topics.language);
    list.replaceChildren(...topics.prompts.map((prompt) => h("li", {}, prompt)));
    show(english, Boolean(topics.fallback));
    const language = session?.turn ? languageName(session.turn.language) : "";
    say(english, t("topics.fallback", { language, given: languageName(topics.language) }));
  }

  return { node, update };
}
