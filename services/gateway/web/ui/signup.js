/** The first step: who you are, what you speak and what you want to speak. */

import { h, heading, paragraph } from "./dom.js";
import { t } from "./i18n.js";
import { profileForm } from "./profileform.js";

const NOBODY = {
  display_name: "",
  native_languages: [],
  practice_languages: [],
  interests: [],
  relay_only: false,
};

export function signup(app) {
  const top = heading(t("signup.title"));
  const form = profileForm({
    profile: app.draft ?? NOBODY,
    action: t("signup.send"),
    send: (profile) => app.journey.register(profile),
    announce: app.announce,
  });
  const steps = ["ask", "meet", "turns"].map((step) => h("li", {}, t(`signup.how.${step}`)));
  const intro = h("div", { class: "intro" }, top, paragraph(t("signup.lead"), { class: "lead" }));
  intro.append(h("ol", { class: "how" }, ...steps));
  const about = h("h2", {}, t("signup.about"));
  const node = h(
    "section",
    { class: "signup" },
    intro,
    h("div", { class: "card" }, about, form.node),
  );
  /** Who switches the language of the page keeps what was entered; who comes after somebody else
   * does not see theirs. */
  function close() {
    app.draft = app.parley.signedIn ? null : form.read();
  }

  return { heading: top, node, close };
}
