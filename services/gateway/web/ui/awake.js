/** Keeps the screen of a phone on while somebody waits or talks: a phone asleep drops both. */

const AWAKE = ["waiting", "requeued", "found", "connecting", "rejoin", "call"];

export class Awake {
  #lock = null;
  #asking = false;

  async follow(step) {
    const wanted = AWAKE.includes(step) && !document.hidden;
    if (!wanted) {
      this.#lock?.release().catch(() => {});
      this.#lock = null;
    } else if (!this.#asking && (!this.#lock || this.#lock.released)) await this.#take();
  }

  async #take() {
    this.#asking = true;
    try {
      this.#lock = await navigator.wakeLock.request("screen");
      this.#asking = false;
    } catch {
      // Not here, or not now (the battery is low): asking again would only fail again.
    }
  }
}
