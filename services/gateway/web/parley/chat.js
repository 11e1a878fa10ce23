/** The text beside the call: what was said, in the order both see, and what is on its way. */

import { identifier } from "./identifier.js";

/** The longest message the server takes; the rest of the text stays with whoever wrote it. */
export const TEXT_MAX = 2_000;

/** @typedef {import("./types.js").ChatItem} ChatItem */

export class Chat {
  #send;
  #now;
  #sessionId = null;
  #sendable = false;
  #held = false;
  /** @type {ChatItem[]} */
  #told = [];
  /** @type {ChatItem[]} */
  #pending = [];

  /**
   * @param {(frame: object) => boolean} send false: nobody is there, try again after a welcome
   * @param {() => string} now RFC 3339
   */
  constructor(send, now = () => new Date().toISOString()) {
    this.#send = send;
    this.#now = now;
  }

  /** @returns {ChatItem[]} first what both see, in one order, then what is on its way */
  get items() {
    return [...this.#told, ...this.#pending];
  }

  /** Whether something was refused for now and has not come back since. */
  get held() {
    return this.#held && this.#pending.some(({ failed }) => !failed);
  }

  /**
   * Follow the live session: another one begins an empty page. What was written while waiting goes
   * out once both have joined.
   * @param {import("./types.js").Session | null} session
   */
  follow(session) {
    const id = session?.session_id ?? null;
    if (id !== this.#sessionId) {
      this.#sessionId = id;
      this.#told = [];
      this.#pending = [];
      this.#held = false;
    }
    const sendable = session !== null && session.status !== "waiting";
    if (sendable && !this.#sendable) this.flush();
    this.#sendable = sendable;
  }

  /**
   * @param {string} text
   * @returns {string} the message's id
   */
  say(text) {
    const item = { id: identifier(), mine: true, text, sent_at: this.#now(), pending: true };
    this.#held = this.held;
    this.#pending.push(item);
    if (this.#sendable && !this.#held) this.#say(item);
    return item.id;
  }

  /** Something was refused for now: what is written next must not overtake it. */
  hold() {
    this.#held = true;
  }

  /** Say again what has not come back: the server tells each id once. */
  flush() {
    for (const item of this.#pending) if (!item.failed) this.#say(item);
  }

  /**
   * A `chat` frame, of the partner or one's own come back.
   * @param {any} frame
   * @param {string | undefined} me
   * @returns {boolean} whether it is news
   */
  hear({ session_id, id, sender, text, sent_at }, me) {
    if (session_id !== this.#sessionId) return false;
    const mine = sender === me;
    const known = this.#told.some((item) => item.id === id && item.mine === mine);
    if (known) return false;
    if (mine) this.#pending = this.#pending.filter((item) => item.id !== id);
    this.#told.push({ id, mine, text, sent_at, pending: false });
    return true;
  }

  /**
   * The server would not take a message for good.
   * @param {string | null | undefined} id
   */
  refuse(id) {
    const fail = (/** @type {ChatItem} */ item) =>
      item.id === id ? { ...item, pending: false, failed: true } : item;
    this.#pending = this.#pending.map(fail);
  }

  #say(/** @type {ChatItem} */ { id, text }) {
    this.#send({ type: "chat", session_id: this.#sessionId, id, text });
  }
}
