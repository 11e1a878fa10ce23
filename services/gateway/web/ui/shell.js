/** The frame around the steps: header, banner, live regions; shows the step there is. */

import { allIcons, h, say, set } from "./dom.js";
import { t } from "./i18n.js";
import { header } from "./header.js";
import { linkBanner } from "./banner.js";
import { VIEWS } from "./views.js";

// Long enough for the slowest screen reader to have noticed.
const SAID_MS = 10_000;

export class Shell {
  #view = null;
  #key = null;
  #calm = true; // nobody has done anything yet: leave the focus where it is

  constructor(app) {
    this.app = app;
    this.main = document.querySelector("main");
    app.announce = (text, { urgent = false } = {}) => announce(urgent ? "alert" : "status", text);
    app.journey.addEventListener("change", () => this.render());
    document.addEventListener("visibilitychange", () => this.render());
    for (const gesture of ["pointerdown", "keydown"])
      addEventListener(gesture, () => (this.#calm = false), { once: true });
    new Worker(new URL("./ticker.js", import.meta.url)).onmessage = () => this.render();
    document.body.append(allIcons());
    this.redraw();
  }

  /** Build everything anew, in the language spoken now. */
  redraw() {
    document.querySelector("header").replaceChildren(...header(this.app));
    this.banner = linkBanner(this.app, document.querySelector("#banner"));
    say(document.querySelector("#skip"), t("page.skip"));
    this.#key = null;
    this.render();
  }

  render() {
    const { journey, parley, microphone } = this.app;
    const step = journey.step;
    set(document.body, "data-link", parley.link);
    set(document.body, "data-microphone", microphone.status);
    set(document.body, "data-call", journey.phase);
    this.banner.update();
    this.app.joining.follow(step);
    this.app.awake.follow(step);
    const key = keyOf(step, journey);
    if (key !== this.#key) this.#enter(step, key);
    else this.#view.update?.();
    document.title = this.app.alert.title(step) ?? `${this.#view.heading.textContent} · Parley`;
  }

  #enter(step, key) {
    this.#key = key;
    this.#view?.close?.();
    this.#view = VIEWS[step](this.app);
    set(document.body, "data-step", step);
    this.main.replaceChildren(this.#view.node);
    for (const entry of document.querySelectorAll("nav [data-page]"))
      set(entry, "aria-current", entry.dataset.page === step ? "page" : null);
    this.#view.update?.();
    if (this.#calm) return;
    this.#view.heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

/** Another partner is another page, although the step is the same. */
function keyOf(step, journey) {
  const session = journey.state?.session ?? journey.outcome?.session ?? journey.talk;
  return `${step} ${session?.session_id ?? ""}`;
}

/** Each text comes by itself and goes again: two at once are both read, an old one is not found. */
function announce(role, text) {
  const said = h("div", {}, text);
  document.querySelector(`#live-${role}`).append(said);
  setTimeout(() => said.remove(), SAID_MS);
}
