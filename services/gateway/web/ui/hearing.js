/** The partner's sound: played as soon as it is there, or once somebody taps. */

import { set } from "./dom.js";
import { t } from "./i18n.js";

/** `status`: off, on or blocked (the browser wants a gesture first). */
export class Hearing extends EventTarget {
  status = "off";

  constructor(app, player) {
    super();
    this.app = app;
    this.player = player;
    for (const name of ["call", "change"]) app.parley.addEventListener(name, () => this.#follow());
  }

  /** On a gesture. */
  async unblock() {
    this.player.muted = false;
    await this.#play();
  }

  #follow() {
    const stream = this.app.parley.call?.remoteStream ?? null;
    if (stream === this.player.srcObject) return;
    this.player.srcObject = stream;
    if (!stream) return this.#become("off");
    this.player.muted = false;
    this.#play();
  }

  async #play() {
    const stream = this.player.srcObject;
    try {
      await this.player.play();
      if (stream === this.player.srcObject) this.#become("on");
    } catch (error) {
      if (error.name === "NotAllowedError") this.#refused();
    }
  }

  /** Play on unheard, so that nothing piles up until the tap. */
  #refused() {
    this.player.muted = true;
    this.player.play().catch(() => {});
    this.#become("blocked");
    this.app.announce?.(t("call.blocked"), { urgent: true });
  }

  #become(status) {
    this.status = status;
    set(document.body, "data-hear", status);
    this.app.shell?.render();
  }
}
