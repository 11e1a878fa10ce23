/** What is said again until the state shows it: a frame may be lost with its socket or refused. */

/** Often enough for a deadline of 30 s, seldom enough to be no burden. */
const EVERY_MS = 3_000;

/** @typedef {{type: string, session_id: string}} Said */
/** @typedef {import("./types.js").Session} Session */

export class Insistence {
  #send;
  /** @type {Map<string, {frame: Said, done: (session: Session) => boolean}>} */
  #due = new Map();
  #timer = null;

  /** @param {(frame: Said) => boolean} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Say `frame` now and every few seconds until `done`.
   * @param {Said} frame replaces what was insisted on of the same type
   * @param {(session: Session) => boolean} done
   */
  begin(frame, done) {
    this.#due.set(frame.type, { frame, done });
    this.#send(frame);
    this.#tick();
  }

  /** @param {string} type */
  end(type) {
    this.#due.delete(type);
  }

  /** @param {string} type */
  about(type) {
    return this.#due.has(type);
  }

  clear() {
    this.#due.clear();
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** @param {Session | null} session drop what it shows, and all about another session */
  follow(session) {
    for (const [type, { frame, done }] of this.#due) {
      if (session?.session_id !== frame.session_id || done(session)) this.#due.delete(type);
    }
  }

  /** Say everything that is due at once: a new socket stands, or the server can hear again. */
  again() {
    for (const { frame } of this.#due.values()) this.#send(frame);
  }

  #tick() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.again();
      if (this.#due.size > 0) this.#tick();
    }, EVERY_MS);
  }
}
