/** The tokens of whoever is signed in: kept in storage, refreshed by one tab at a time. */

import { Problem } from "./problem.js";

export const KEY = "parley.tokens";
const LOCK = "parley.token";
/** A token about to expire would be refused by the time it arrives. */
const MARGIN_MS = 30_000;

/**
 * @typedef {object} Held
 * @property {string} access_token
 * @property {string} refresh_token
 * @property {number} expires_at_ms by this machine's clock
 * @property {import("./types.js").Profile} user as last seen
 */

export class Tokens {
  #storage;
  #locks;
  #renew;
  #now;

  /**
   * @param {object} parts
   * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} parts.storage shared by the tabs
   * @param {LockManager | undefined} parts.locks without them tabs may refresh side by side, which
   *   the server bears: the old refresh token is good until its successor is used
   * @param {(refreshToken: string) => Promise<import("./types.js").TokenPair>} parts.renew
   * @param {() => number} [parts.now] milliseconds
   */
  constructor({ storage, locks, renew, now = Date.now }) {
    this.#storage = storage;
    this.#locks = locks ?? new LocalLocks();
    this.#renew = renew;
    this.#now = now;
  }

  /** @returns {Held | null} read anew each time: another tab may have written */
  get held() {
    try {
      const held = JSON.parse(this.#storage.getItem(KEY) ?? "null");
      return held?.refresh_token ? held : null;
    } catch {
      return null;
    }
  }

  /**
   * @param {import("./types.js").TokenPair} pair
   * @param {import("./types.js").Profile} user
   */
  keep(pair, user) {
    const { access_token, refresh_token, expires_in } = pair;
    const expires_at_ms = this.#now() + expires_in * 1000;
    this.#write({ access_token, refresh_token, expires_at_ms, user });
  }

  /** @param {import("./types.js").Profile} user the same user, changed */
  keepUser(user) {
    const held = this.held;
    if (held && held.user?.id === user.id) this.#write({ ...held, user });
  }

  forget() {
    this.#storage.removeItem(KEY);
  }

  /**
   * An access token good for some while yet and other than `refused`.
   *
   * Throws `signed-out`, or why it could not be refreshed. Who is told that the refresh token is
   * no longer good is signed out from then on.
   * @param {string | null} [refused]
   * @returns {Promise<string>}
   */
  async access(refused = null) {
    const held = this.#required();
    if (this.#good(held, refused)) return held.access_token;
    const refresh = /** @type {any} */ (() => this.#refreshed(refused));
    return this.#locks.request(LOCK, refresh);
  }

  async #refreshed(/** @type {string | null} */ refused) {
    const held = this.#required();
    if (this.#good(held, refused)) return held.access_token; // Another tab was first.
    const pair = await this.#renewed(held);
    if (this.#required().user.id !== held.user.id) throw signedOut();
    this.keep(pair, this.#required().user);
    return pair.access_token;
  }

  async #renewed(/** @type {Held} */ held) {
    try {
      return await this.#renew(held.refresh_token);
    } catch (problem) {
      if (!(problem instanceof Problem) || ![401, 404].includes(problem.status)) throw problem;
      if (this.held?.refresh_token === held.refresh_token) this.forget();
      throw signedOut(problem.detail);
    }
  }

  #good(/** @type {Held} */ held, /** @type {string | null} */ refused) {
    return held.access_token !== refused && held.expires_at_ms - MARGIN_MS > this.#now();
  }

  #required() {
    const held = this.held;
    if (held === null) throw signedOut();
    return held;
  }

  #write(/** @type {Held} */ held) {
    this.#storage.setItem(KEY, JSON.stringify(held));
  }
}

function signedOut(detail = "Nobody is signed in here.") {
  return new Problem("signed-out", { status: 401, detail });
}

/** What `navigator.locks` does, within one page: it is missing where a page is not secure. */
class LocalLocks {
  #last = Promise.resolve();

  /**
   * @template T
   * @param {string} _name
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  request(_name, work) {
    const done = this.#last.then(work);
    this.#last = done.then(nothing, nothing);
    return done;
  }
}

function nothing() {}

/** A `Storage` for pages that may not keep anything: it lasts as long as the page. */
export class MemoryStorage {
  #items = new Map();

  getItem(/** @type {string} */ key) {
    return this.#items.get(key) ?? null;
  }

  setItem(/** @type {string} */ key, /** @type {string} */ value) {
    this.#items.set(key, value);
  }

  removeItem(/** @type {string} */ key) {
    this.#items.delete(key);
  }
}
