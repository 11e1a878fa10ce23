/** The form of a profile, for signing up and for changing it later. */

import { button, h } from "./dom.js";
import { checkbox, pills, textField } from "./forms.js";
import { t } from "./i18n.js";
import { languageList, levelsExplained } from "./languagelist.js";
import { busy, problemBox } from "./problems.js";

const INTERESTS = [
  "film",
  "music",
  "books",
  "travel",
  "food",
  "sport",
  "games",
  "technology",
  "science",
  "art",
  "nature",
  "history",
  "news",
  "family",
  "work",
  "languages",
];
const INTERESTS_MAX = 10;
const INTEREST_LENGTH_MAX = 30;
const NAME_LENGTH_MAX = 50;

/** `send(profile)` registers or changes and may throw a Problem. `read()` is the profile so far. */
export function profileForm({ profile, action, send, announce }) {
  const name = textField({
    label: t("profile.name"),
    hint: t("profile.name.hint"),
    autocomplete: "nickname",
    maxlength: NAME_LENGTH_MAX,
    value: profile.display_name,
    dir: "auto",
  });
  const sides = languageSides(profile, announce);
  const interests = interestFields(profile.interests);
  const relay = checkbox(
    t("profile.relay"),
    { checked: profile.relay_only },
    t("profile.relay.hint"),
  );
  const problem = problemBox();
  const submit = button(action, null, { kind: "primary", type: "submit" });
  const form = h(
    "form",
    { novalidate: true, class: "profile", onsubmit: submitted },
    name.node,
    sides.native.node,
    sides.practice.node,
    levelsExplained(),
    interests.node,
    h("div", { class: "field" }, relay.node),
    problem.node,
    submit,
  );

  function submitted(event) {
    event.preventDefault();
    const wrong = [
      nameFault(name),
      sides.native.check(),
      sides.practice.check(),
      interests.check(),
    ];
    const first = wrong.find(Boolean);
    if (first) return first.focus();
    busy(submit, () => problem.attempt(() => send(read())));
  }

  function read() {
    return {
      display_name: name.input.value.trim(),
      native_languages: sides.native.items.map(({ language }) => language),
      practice_languages: sides.practice.items.map(({ language, level }) => ({ language, level })),
      interests: interests.read(),
      relay_only: relay.input.checked,
    };
  }

  return { node: form, read };
}

function nameFault({ input, error }) {
  const missing = input.value.trim() === "";
  error.tell(missing ? t("profile.name.missing") : null);
  return missing ? input : null;
}

/** Nobody practises what they are native in: either side knows the other. */
function languageSides(profile, announce) {
  const native = languageList({
    label: t("profile.native"),
    hint: t("profile.native.hint"),
    levels: false,
    chosen: profile.native_languages.map((language) => ({ language })),
    elsewhere: (primary) => (practice.has(primary) ? t("languages.practised") : null),
    announce,
  });
  const practice = languageList({
    label: t("profile.practice"),
    hint: t("profile.practice.hint"),
    levels: true,
    chosen: profile.practice_languages.map((one) => ({ ...one })),
    elsewhere: (primary) => (native.has(primary) ? t("languages.native") : null),
    announce,
  });
  return { native, practice };
}

function interestFields(interests) {
  const offered = pills({
    legend: t("profile.interests"),
    type: "checkbox",
    name: "interests",
    options: INTERESTS.map((word) => [word, t(`interest.${word}`)]),
    chosen: interests,
  });
  const others = textField({
    label: t("profile.others"),
    hint: t("profile.others.hint"),
    value: interests.filter((word) => !INTERESTS.includes(word)).join(", "),
    dir: "auto",
  });
  const read = () => {
    const written = others.input.value.split(/[,،;\n]/).map((word) => word.trim());
    return [...new Set([...offered.chosen(), ...written.filter(Boolean)])];
  };
  const check = () => {
    const words = read();
    let fault = null;
    if (words.length > INTERESTS_MAX) fault = t("profile.interests.many", { count: INTERESTS_MAX });
    if (words.some((word) => [...word].length > INTEREST_LENGTH_MAX))
      fault = t("profile.interests.long", { count: INTEREST_LENGTH_MAX });
    others.error.tell(fault);
    return fault && others.input;
  };
  return { node: h("div", { class: "interests" }, offered.node, others.node), read, check };
}
