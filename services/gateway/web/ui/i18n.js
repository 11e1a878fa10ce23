/** The texts in the language of the reader, and how that language writes numbers, dates, names. */

import { learn } from "./clock.js";

/** What the interface is written in, each under its own name. */
export const CATALOGUES = [
  { code: "en", name: "English", direction: "ltr" },
  { code: "es", name: "Español", direction: "ltr" },
  { code: "fr", name: "Français", direction: "ltr" },
  { code: "ar", name: "العربية", direction: "rtl" },
];
const KEPT = "parley.interface";
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;
const LEFT_TO_RIGHT = /[A-Za-z\u00c0-\u058f\u0900-\u1fff\u3040-\uffdc]/;

let current = CATALOGUES[0];
let region = "en"; // the reader's own variant of it: en-GB writes dates unlike en-US
let texts = {};
let plurals = new Intl.PluralRules("en");
const formats = new Map();

/** The catalogue somebody chose, else the first of the browser's languages, else English. */
export function preferred(storage = localStorage, wanted = navigator.languages) {
  const codes = [storage.getItem(KEPT), ...wanted].map((tag) => tag?.split("-")[0]);
  const code = codes.find((one) => CATALOGUES.some((catalogue) => catalogue.code === one));
  return code ?? CATALOGUES[0].code;
}

/** Speak `code` from now on: loads it and sets `lang` and `dir` of the page. */
export async function speak(code) {
  const response = await fetch(new URL(`../texts/${code}.json`, import.meta.url));
  if (!response.ok) throw new Error(`texts/${code}.json: ${response.status}`);
  learn(Date.parse(response.headers.get("Date") ?? ""));
  texts = await response.json();
  current = CATALOGUES.find((catalogue) => catalogue.code === code);
  region = navigator.languages.find((tag) => tag.split("-")[0] === code) ?? code;
  plurals = new Intl.PluralRules(code);
  formats.clear();
  document.documentElement.lang = code;
  document.documentElement.dir = current.direction;
}

/** Keep the choice for the next visit. */
export function keep(code, storage = localStorage) {
  storage.setItem(KEPT, code);
}

export function spoken() {
  return current.code;
}

export function has(key) {
  return key in texts;
}

/** The text of `key` with `{placeholders}` filled in; `count` chooses the plural form. */
export function t(key, values = {}) {
  let text = texts[key];
  if (text === undefined) throw new Error(`no text "${key}" in ${current.code}`);
  if (typeof text === "object") text = form(text, values.count);
  return text.replace(/\{(\w+)\}/g, (_, name) => written(values[name]));
}

/** "Nobody" is another sentence in any language, where there is one for it. */
function form(forms, count) {
  if (count === 0 && forms.zero) return forms.zero;
  return forms[plurals.select(count)] ?? forms.other;
}

function written(value) {
  return typeof value === "number" ? number(value) : isolated(String(value));
}

/** Words written the other way round keep to themselves within a sentence. */
function isolated(text) {
  const foreign = current.direction === "rtl" ? LEFT_TO_RIGHT : RIGHT_TO_LEFT;
  return foreign.test(text) ? `\u2068${text}\u2069` : text;
}

function format(name, make) {
  if (!formats.has(name)) formats.set(name, make(region));
  return formats.get(name);
}

export function number(value, options = {}) {
  const name = `number ${JSON.stringify(options)}`;
  return format(name, (code) => new Intl.NumberFormat(code, options)).format(value);
}

/** The name of a language in the language of the reader. */
export function languageName(tag) {
  const names = format("languages", (code) => new Intl.DisplayNames(code, { type: "language" }));
  try {
    return names.of(tag);
  } catch {
    return tag;
  }
}

/** The same at the beginning of a line or by itself: many languages write it small elsewhere. */
export function languageTitle(tag) {
  const [first = "", ...rest] = languageName(tag);
  return first.toLocaleUpperCase(current.code) + rest.join("");
}

export function list(words) {
  return format("list", (code) => new Intl.ListFormat(code, { type: "conjunction" })).format(words);
}

export function collator() {
  return format("collator", (code) => new Intl.Collator(code, { sensitivity: "base" }));
}

/** "20 seconds", "2 minutes", "1 hour, 5 minutes": as exact as people need it. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return unit(whole, "second");
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return unit(minutes, "minute");
  const parts = [unit(Math.floor(minutes / 60), "hour")];
  if (minutes % 60) parts.push(unit(minutes % 60, "minute"));
  return format("units", (code) => new Intl.ListFormat(code, { type: "unit" })).format(parts);
}

function unit(value, name) {
  return number(value, { style: "unit", unit: name, unitDisplay: "long" });
}

/** "9:05" for a clock that runs. */
export function clockTime(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = number(Math.floor(whole / 60), { useGrouping: false });
  return `${minutes}:${number(whole % 60, { minimumIntegerDigits: 2 })}`;
}

/** "14:35" */
export function timeOfDay(iso) {
  return format("time", (code) => new Intl.DateTimeFormat(code, { timeStyle: "short" })).format(
    new Date(iso),
  );
}

/** "3 May 2025, 14:35" */
export function dateAndTime(iso) {
  const options = { dateStyle: "medium", timeStyle: "short" };
  return format("date", (code) => new Intl.DateTimeFormat(code, options)).format(new Date(iso));
}
