/** The languages somebody speaks or practises: a list that a combobox adds to. */

import { languageCombobox } from "./combobox.js";
import { h, icon } from "./dom.js";
import { errorOf, selectField } from "./forms.js";
import { languageName, t } from "./i18n.js";
import { primaryOf } from "./languages.js";
import { languageLabel } from "./names.js";

// As many as the server takes on one side.
const LANGUAGES_MAX = 10;
export const LEVELS = ["A1", "A2", "B1", "B2", "C1", "C2"];

/**
 * `levels`: each comes with how well it is spoken. `elsewhere(primary)`: a text if it is chosen on
 * the other side. `announce(text)` tells what was added and removed. Items are `{language, level}`.
 */
export function languageList({ label, hint, levels, chosen, elsewhere, announce }) {
  const items = [...chosen];
  const list = h("ul", { class: "chosen", "aria-label": label });
  const picker = languageCombobox({ label, hint, taken, onpick: add });
  const error = errorOf(picker.input);

  function has(primary) {
    return items.some(({ language }) => primaryOf(language) === primary);
  }

  function taken(code) {
    if (has(primaryOf(code))) return t("languages.chosen");
    if (items.length >= LANGUAGES_MAX) return t("languages.enough", { count: LANGUAGES_MAX });
    return elsewhere(primaryOf(code));
  }

  function add(language) {
    items.push(levels ? { language, level: "" } : { language });
    error.tell(null);
    announce(t("languages.added", { language: languageName(language) }));
    draw();
    if (levels) list.querySelector("li:last-child select")?.focus();
  }

  function remove(item) {
    items.splice(items.indexOf(item), 1);
    announce(t("languages.removed", { language: languageName(item.language) }));
    draw();
    picker.input.focus();
  }

  function draw() {
    list.replaceChildren(...items.map((item) => row(item, levels, () => remove(item))));
    list.hidden = items.length === 0;
  }

  draw();
  const node = h("div", { class: "languages" }, picker.node, error.node, list);
  return { node, items, has, check: () => fault(items, levels, list, picker, error) };
}

function row(item, levels, onremove) {
  const name = languageName(item.language);
  const removal = h(
    "button",
    {
      type: "button",
      class: "remove",
      "aria-label": t("languages.remove", { language: name }),
      onclick: onremove,
    },
    icon("close"),
  );
  const label = h("div", { class: "chosen-name" }, languageLabel(item.language), removal);
  return h("li", {}, label, levels ? levelOf(item, name) : null);
}

function levelOf(item, name) {
  const options = LEVELS.map((level) => [level, t(`level.${level}.name`)]);
  const told = h("p", { class: "hint" }, item.level ? t(`level.${item.level}.can`) : "");
  const { node, input } = selectField({
    label: t("languages.level", { language: name }),
    options: [["", t("languages.choose")], ...options],
    value: item.level,
    onchange: () => {
      item.level = input.value;
      told.textContent = input.value ? t(`level.${input.value}.can`) : "";
      input.removeAttribute("aria-invalid");
    },
  });
  node.append(told);
  return node;
}

/** Tells what is missing and returns the element to go to, or null if all is well. */
function fault(items, levels, list, picker, error) {
  if (items.length === 0) {
    error.tell(t("languages.none"));
    return picker.input;
  }
  const empty = levels && [...list.querySelectorAll("select")].find((select) => !select.value);
  if (empty) empty.setAttribute("aria-invalid", "true");
  error.tell(empty ? t("languages.noLevel") : null);
  return empty || null;
}

/** What the six levels mean, for who wants to know. */
export function levelsExplained() {
  const rows = LEVELS.map((level) =>
    h("div", {}, h("dt", {}, t(`level.${level}.name`)), h("dd", {}, t(`level.${level}.can`))),
  );
  return h(
    "details",
    { class: "explained" },
    h("summary", {}, t("levels.what")),
    h("p", {}, t("levels.about")),
    h("dl", {}, ...rows),
  );
}
