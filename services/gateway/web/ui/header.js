/** The head of every page: the name, where one can go, the language of the page. */

import { button, h } from "./dom.js";
import { CATALOGUES, keep, speak, spoken, t } from "./i18n.js";

/** What stands in the header. */
export function header(app) {
  const mark = h("span", { class: "mark", "aria-hidden": "true" });
  const wordmark = h(
    "p",
    { class: "wordmark" },
    mark,
    h("span", { class: "wordmark-text" }, "Parley"),
  );
  return [wordmark, navigation(app), languageSwitch(app)];
}

function navigation(app) {
  const entries = [
    ["home", t("nav.home"), "home"],
    ["history", t("nav.history"), "history"],
    ["settings", t("nav.settings"), "settings"],
  ];
  const buttons = entries.map(([page, text, picture]) =>
    button(text, () => app.journey.open(page), { kind: "quiet", picture, "data-page": page }),
  );
  return h("nav", { "aria-label": t("nav.label") }, ...buttons);
}

function languageSwitch(app) {
  const options = CATALOGUES.map(({ code, name, direction }) =>
    h("option", { value: code, lang: code, dir: direction }, name),
  );
  const chosen = async () => {
    try {
      await speak(select.value);
    } catch {
      select.value = spoken();
      return app.announce(t("problem.offline"), { urgent: true });
    }
    keep(select.value);
    app.shell.redraw();
    document.querySelector("header select").focus();
  };
  const select = h("select", { "aria-label": t("page.language"), onchange: chosen }, ...options);
  select.value = spoken();
  return h(
    "div",
    { class: "switch" },
    h("span", { class: "icon icon-globe", "aria-hidden": "true" }),
    select,
  );
}
