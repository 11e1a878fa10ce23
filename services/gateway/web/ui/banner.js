/** The line that tells when the server is out of reach, and that what goes on goes on. */

import { button, h, icon, say, set, show } from "./dom.js";
import { duration, t } from "./i18n.js";

// A reconnect within this time is nobody's business.
const UNNOTICED_MS = 1_200;
const TOLD = ["offline", "waiting", "connecting"];

/** Keeps `#banner` up to date. */
export function linkBanner(app, node) {
  const text = h("span");
  const wait = h("span", { class: "soft" });
  const again = button(t("link.now"), () => app.parley.connect(), { kind: "quiet" });
  set(node, "aria-label", t("link.label"));
  node.replaceChildren(icon("offline"), h("p", {}, text, " ", wait), again);
  let since = null;
  let told = null;

  function update() {
    const link = app.parley.link;
    const away = app.parley.signedIn && app.journey.state !== null && TOLD.includes(link);
    since = away ? (since ?? Date.now()) : null;
    const shown = away && (link === "offline" || Date.now() - since > UNNOTICED_MS);
    show(node, shown);
    set(node, "data-banner", shown ? link : null);
    if (shown) describe(link);
    tell(shown, link);
  }

  function describe(link) {
    const talking = app.journey.state?.session?.status === "active";
    const what = link === "offline" ? t("link.offline") : t("link.lost");
    say(text, talking ? `${what} ${t("link.talkGoesOn")}` : what);
    const left = Math.ceil(((app.parley.retryAtMs ?? 0) - Date.now()) / 1000);
    say(wait, link === "waiting" && left > 0 ? t("link.retry", { time: duration(left) }) : "");
    show(again, link === "waiting" && left > 1);
  }

  function tell(shown, link) {
    const word = shown ? (link === "offline" ? "offline" : "lost") : null;
    if (word === told) return;
    if (word) app.announce(word === "offline" ? t("link.offline") : t("link.lost"));
    else app.announce(t("link.back"));
    told = word;
  }

  return { update };
}
