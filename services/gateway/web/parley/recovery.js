/** When to try what, while the partner cannot be heard: counted in ticks of a second. */

const TICK_MS = 1_000;
/** A line that dropped out comes back by itself within this, or not. */
const DISCONNECTED_TICKS = 3;
/** Between two tries to find another way: candidates are checked within some seconds. */
const RESTART_TICKS = 8;
/** So long without the partner's voice, though both have a socket, and it is over. */
const GIVE_UP_TICKS = 45;

export class Recovery {
  #parts;
  #timer = null;
  #ticks = 0;
  #restartAt = RESTART_TICKS;

  /**
   * @param {object} parts
   * @param {() => boolean} parts.hopeful whether both sides could hear each other's signals now;
   *   a second in which they cannot does not count
   * @param {() => RTCPeerConnectionState} parts.connection
   * @param {() => void} parts.restart
   * @param {() => void} parts.giveUp
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** The partner cannot be heard from now on, until `end`. */
  begin() {
    if (this.#timer !== null) return;
    this.#ticks = 0;
    const disconnected = this.#parts.connection() === "disconnected";
    this.#restartAt = disconnected ? DISCONNECTED_TICKS : RESTART_TICKS;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  end() {
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Something changed for the better or the worse: don't sit out the wait. */
  hasten() {
    if (this.#timer !== null) this.#restartAt = Math.min(this.#restartAt, this.#ticks + 1);
  }

  #tick() {
    if (!this.#parts.hopeful()) return;
    this.#ticks += 1;
    if (this.#ticks >= GIVE_UP_TICKS) {
      this.end();
      this.#parts.giveUp();
    } else if (this.#ticks >= this.#restartAt) {
      this.#restartAt = this.#ticks + RESTART_TICKS;
      this.#parts.restart();
    }
  }
}
