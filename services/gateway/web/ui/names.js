/** How languages and people are shown. */

import { h } from "./dom.js";
import { has, languageTitle, t } from "./i18n.js";
import { knownLanguage } from "./languages.js";

/** The name of a language for the reader, and beside it its own. */
export function languageLabel(tag) {
  const shown = languageTitle(tag);
  const own = knownLanguage(tag);
  const same = !own || own.name.toLocaleLowerCase() === shown.toLocaleLowerCase();
  return h(
    "span",
    { class: "language" },
    h("span", {}, shown),
    same ? null : " ",
    same ? null : h("span", { class: "own-name", lang: own.code, dir: own.direction }, own.name),
  );
}

/** The direction a language is written in. */
export function directionOf(tag) {
  return knownLanguage(tag)?.direction ?? "ltr";
}

/** An interest in the words of the reader, if it is one of those offered. */
export function interestName(interest) {
  return has(`interest.${interest}`) ? t(`interest.${interest}`) : interest;
}

/** A name in a circle of its own, for the eye only. */
export function portrait(name) {
  const letter = [...name.trim()][0] ?? "";
  return h("span", { class: "portrait", "aria-hidden": "true" }, letter.toLocaleUpperCase());
}

/** Who the partner is: name, languages, what both like. */
export function partnerCard(partner) {
  const facts = [
    [t("partner.speaks"), partner.native_languages.map((tag) => languageLabel(tag))],
    [t("partner.practises"), partner.practice_languages.map((one) => practised(one))],
    [t("partner.shared"), partner.shared_interests.map((word) => h("bdi", {}, interestName(word)))],
  ];
  const rows = facts
    .filter(([, values]) => values.length > 0)
    .map(([term, values]) => h("div", {}, h("dt", {}, term), h("dd", {}, ...values)));
  return h(
    "div",
    { class: "card partner" },
    portrait(partner.display_name),
    h(
      "div",
      {},
      h("p", { class: "name" }, h("bdi", {}, partner.display_name)),
      h("dl", { class: "facts" }, ...rows),
    ),
  );
}

function practised({ language, level }) {
  return h("span", {}, languageLabel(language), " ", h("span", { class: "level" }, level));
}
