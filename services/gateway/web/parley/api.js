/** The calls that need no more than a token: each gives the decoded answer or throws a `Problem`. */

/** @typedef {import("./types.js").Practice} Practice */

export class Api extends EventTarget {
  /** @type {import("./calls.js").Calls["call"]} */
  #call;

  /** @param {() => import("./calls.js").Calls} calls */
  constructor(calls) {
    super();
    this.#call = (method, path, options) => calls().call(method, path, options);
  }

  /** @returns {Promise<{code: string, name: string, direction: "ltr"|"rtl"}[]>} */
  async languages() {
    const { languages } = await this.#call("GET", "/languages", { anonymous: true });
    return languages;
  }

  /**
   * Who waits in the pool, the longest queue first; none when nobody has measured lately.
   * @returns {Promise<{measured_at: string | null, waiting: number, pairs: {native: string,
   *   practice: string, waiting: number, estimated_wait_s: number | null}[]}>}
   */
  queueStatus() {
    return this.#call("GET", "/queue/status", { anonymous: true });
  }

  /**
   * This user's own history, newest first; `next_cursor` is null on the last page.
   * @param {{cursor?: string | null, limit?: number}} [page]
   */
  sessions({ cursor, limit } = {}) {
    return this.#call("GET", "/sessions", { query: { cursor, limit } });
  }

  session(/** @type {string} */ id) {
    return this.#call("GET", `/sessions/${encodeURIComponent(id)}`);
  }

  /**
   * @param {string} sessionId an ended one
   * @param {{rating: number, tags?: string[], comment?: string}} feedback 1 to 5
   */
  feedback(sessionId, feedback) {
    const path = `/sessions/${encodeURIComponent(sessionId)}/feedback`;
    return this.#call("POST", path, { body: feedback, once: true });
  }

  /**
   * @param {{session_id: string, reason: string, details?: string}} report
   * @returns {Promise<{report_id: string}>}
   */
  report(report) {
    return this.#call("POST", "/reports", { body: report, once: true });
  }

  /** @returns {Promise<string[]>} the ids of those whom this user blocked */
  async blocks() {
    return (await this.#call("GET", "/blocks")).user_ids;
  }

  /** At once: a live session with that user ends. */
  block(/** @type {string} */ userId) {
    return this.#call("PUT", `/blocks/${encodeURIComponent(userId)}`);
  }

  unblock(/** @type {string} */ userId) {
    return this.#call("DELETE", `/blocks/${encodeURIComponent(userId)}`);
  }
}
