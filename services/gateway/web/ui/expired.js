/** Nobody came in time: try longer, or a language whose speakers wait. */

import { button, h, heading, paragraph, say, show } from "./dom.js";
import { selectField } from "./forms.js";
import { languageName, t } from "./i18n.js";
import { LEVELS } from "./languagelist.js";
import { offersFor, watchQueue } from "./queue.js";

const LONGER = "15m";
const LONGER_MINUTES = 15;
const OFFERS_MAX = 3;

export function expired(app) {
  const { journey, parley } = app;
  const top = heading(t("expired.title"));
  const again = button(t("expired.again"), () => journey.find(), {
    kind: "primary",
    picture: "search",
  });
  const longer = button(t("expired.longer", { count: LONGER_MINUTES }), () =>
    journey.find({ timeout: LONGER }),
  );
  const back = button(t("nav.home"), () => journey.open("home"));
  const others = offers(app);
  const actions = h("div", { class: "actions" }, again, longer, back);
  const lead = paragraph(t("expired.text"), { class: "lead" });
  const node = h("section", { class: "plain" }, top, lead, actions, others.node);
  const stop = watchQueue(parley, (status) => others.tell(status));
  return { heading: top, node, close: stop };
}

/** The languages of people who wait for this user's own. */
function offers(app) {
  const user = app.journey.state.user;
  const list = h("ul", { class: "offers" });
  const none = paragraph(t("expired.nobody"), { class: "hint" });
  const node = h("section", { class: "card", "aria-labelledby": "offers-title", hidden: true });
  node.append(h("h2", { id: "offers-title" }, t("expired.offers")), list, none);
  const rows = new Map();

  function tell(status) {
    const offered = status ? offersFor(user, status).slice(0, OFFERS_MAX) : [];
    show(node, Boolean(status?.measured_at));
    show(none, offered.length === 0);
    for (const [language, row] of rows)
      if (!offered.some((offer) => offer.language === language)) {
        row.node.remove();
        rows.delete(language);
      }
    for (const offer of offered) {
      if (!rows.has(offer.language)) {
        rows.set(offer.language, offerRow(app, offer));
        list.append(rows.get(offer.language).node);
      }
      rows.get(offer.language).update(offer);
    }
  }

  return { node, tell };
}

function offerRow(app, { language, native }) {
  const name = languageName(language);
  const text = h("p");
  const { node: field, input } = selectField({
    label: t("languages.level", { language: name }),
    options: LEVELS.map((level) => [level, t(`level.${level}.name`)]),
  });
  const go = button(t("action.find"), () => journeyWith(app, language, input.value), {
    kind: "primary",
  });
  const form = h("div", { class: "offer-form", hidden: true }, field, go);
  const open = button(
    t("expired.practise", { language: name }),
    () => {
      show(form, form.hidden);
      open.setAttribute("aria-expanded", String(!form.hidden));
      if (!form.hidden) input.focus();
    },
    { "aria-expanded": "false" },
  );
  const update = ({ waiting }) =>
    say(text, t("queue.waiting", { count: waiting, language: name, own: languageName(native) }));
  return { node: h("li", {}, text, open, form), update };
}

function journeyWith(app, language, level) {
  app.journey.find({ practice_languages: [{ language, level }] });
}
