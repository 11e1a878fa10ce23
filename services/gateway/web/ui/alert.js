/** A match while nobody looks: the title, a sound and, if allowed, a notification tell of it. */

import { secondsUntil } from "./clock.js";
import { clockTime, t } from "./i18n.js";
import { chime } from "./sound.js";

// Often enough to be noticed within the time there is to join, seldom enough to be borne.
const SOUND_EVERY_MS = 6_000;

export class MatchAlert {
  #notification = null;
  #told = null;
  #rungAt = 0;

  constructor(app) {
    this.app = app;
    app.parley.addEventListener("match.found", () => this.#found());
    document.addEventListener("visibilitychange", () => !document.hidden && this.#stop());
  }

  /** The title of the page while a match waits unseen, else null. */
  title(step) {
    if (step !== "found") this.#stop();
    if (step !== "found" || !document.hidden) return null;
    const { partner, join_by, session_id } = this.app.journey.state.session;
    const told = this.#told === session_id;
    if (told && performance.now() - this.#rungAt > SOUND_EVERY_MS) this.#ring();
    const time = clockTime(secondsUntil(join_by));
    return t("alert.title", { name: partner.display_name, time });
  }

  #found() {
    const session = this.app.journey.state?.session;
    if (!session || this.#told === session.session_id) return;
    this.#told = session.session_id;
    this.#ring();
    if (document.hidden) this.#notify(session);
  }

  #notify({ partner, join_by, session_id }) {
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    const seconds = clockTime(secondsUntil(join_by));
    const options = {
      body: t("alert.body", { name: partner.display_name, time: seconds }),
      tag: session_id,
      requireInteraction: true,
    };
    try {
      this.#notification = new Notification(t("alert.found"), options);
      this.#notification.onclick = () => window.focus();
    } catch {
      this.#notification = null; // phones allow them to service workers only
    }
  }

  #ring() {
    this.#rungAt = performance.now();
    chime();
  }

  #stop() {
    this.#notification?.close();
    this.#notification = null;
  }
}

/** Whether it makes sense to ask for notifications. */
export function mayAskToNotify() {
  return "Notification" in window && Notification.permission === "default";
}
