/** The languages one can choose, found by any of their names. */

import { collator, languageTitle } from "./i18n.js";

// Offered first while nothing is typed: what most learners look for.
const COMMON = ["en", "es", "fr", "de", "pt", "it", "zh", "ja", "ko", "ar", "ru"];

let known = [];

/** Load the list. Throws a Problem. */
export async function loadLanguages(parley) {
  if (known.length === 0) known = await parley.languages();
}

/** `{code, name, direction}` of a tag, or of its primary language. */
export function knownLanguage(tag) {
  const primary = tag.split("-")[0];
  return known.find(({ code }) => code === tag) ?? known.find(({ code }) => code === primary);
}

export function primaryOf(tag) {
  return tag.split("-")[0];
}

/** Those with a name that has a word beginning with `text`, best first; all for no text. */
export function findLanguages(text) {
  const typed = plain(text);
  const found = known
    .map((language) => ({ ...language, shown: languageTitle(language.code) }))
    .map((language) => ({ ...language, rank: rank(language, typed) }))
    .filter((language) => language.rank < Infinity);
  const compare = collator();
  return found.sort((a, b) => a.rank - b.rank || compare.compare(a.shown, b.shown));
}

function rank(language, typed) {
  if (!typed) return commonness(language.code);
  const names = [language.shown, language.name, language.code].map(plain);
  if (names.includes(typed)) return 0;
  if (names.some((name) => name.startsWith(typed))) return 1;
  const words = names.flatMap((name) => name.split(/[\s(),'-]+/));
  return words.some((word) => word.startsWith(typed)) ? 2 : Infinity;
}

function commonness(code) {
  const own = navigator.languages.map(primaryOf);
  if (own.includes(code)) return 0;
  return COMMON.includes(code) ? 1 : 2;
}

/** Without case, accents and the marks of Arabic and Hebrew vowels. */
function plain(text) {
  const bare = text.normalize("NFKD").replace(/\p{Mark}/gu, "");
  return bare.toLocaleLowerCase().trim().replace(/[أإآ]/g, "ا");
}
