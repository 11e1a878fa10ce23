/** The socket that comes back: hello, welcome, heartbeat, close codes, back-off. */

import { BackOff } from "./backoff.js";
import { Problem } from "./problem.js";

export const SUBPROTOCOL = "parley.v1";
/** From the first attempt to the welcome; hello itself must be said within 5 s. */
const WELCOME_MS = 10_000;
/** An answer to a ping takes no longer on any line that a call could live on. */
const PONG_MS = 5_000;
/** From a goodbye to the close that follows it. */
const FAREWELL_MS = 2_000;

const REPLACED = 4509;
const NOT_AUTHENTICATED = 4501;
/** Close codes after which coming back would change nothing. */
const STOPS = { 4500: "bad-frame", 4513: "too-large" };

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {"closed"|"connecting"|"open"|"waiting"|"offline"|"replaced"|"stopped"} Status */

/**
 * @typedef {object} Parts
 * @property {string} url
 * @property {typeof globalThis.WebSocket} WebSocket
 * @property {(refused: string | null) => Promise<string>} token one other than `refused`
 * @property {() => object} hello what else to say in it
 * @property {(frame: Frame) => void} heard every frame, `welcome` first
 * @property {() => void} changed of `status`, `retryAtMs`, `reason`
 * @property {() => number} random
 * @property {() => boolean} online
 */

export class Link {
  /** @type {Status} */
  status = "closed";
  /** @type {number | null} when the next try is due, if waiting */
  retryAtMs = null;
  /** @type {string | null} why it is stopped */
  reason = null;

  #parts;
  #backOff;
  /** @type {WebSocket | null} */
  #socket = null;
  /** Counts attempts, and so sockets: what belongs to an older one is ignored. */
  serial = 0;
  #timer = null;
  #token = null;
  #refused = null;
  #refusal = null;
  #afterMs = null;
  #heartbeatMs = 10_000;
  #silent = false;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#backOff = new BackOff(parts.random);
  }

  /** Connect, whatever it was that closed or stopped it before. */
  open() {
    if (this.status === "connecting" || this.status === "open") return;
    this.#backOff.reset();
    this.#begin();
  }

  /** @param {Status} status */
  close(status = "closed", reason = null) {
    this.#drop();
    this.#become(status, { reason });
  }

  /** A new socket at once: only that makes a new generation. */
  reopen() {
    this.#drop();
    this.#begin();
  }

  /** The network is back, or another one: don't sit out the wait, don't trust the old socket. */
  online() {
    if (this.status === "waiting" || this.status === "offline") this.#begin();
    else if (this.status === "open") this.#ping();
  }

  offline() {
    if (this.status === "waiting") this.#become("offline", { retryAtMs: this.retryAtMs });
    else if (this.status === "open") this.#ping();
  }

  /**
   * @param {object} frame
   * @returns {boolean} whether it went out; whether it arrived shows in what comes back
   */
  send(frame) {
    if (this.status !== "open" || this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  async #begin() {
    const serial = ++this.serial;
    const current = () => serial === this.serial;
    clearTimeout(this.#timer);
    this.#become("connecting");
    try {
      this.#token = await this.#parts.token(this.#refused);
    } catch (problem) {
      if (current()) this.#noToken(problem);
      return;
    }
    if (current()) this.#connect(current);
  }

  #noToken(/** @type {unknown} */ problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.signedOut) this.close("stopped", this.#refusal ?? "signed-out");
    else this.#wait(Math.max(this.#backOff.next(), (problem.retryAfterS ?? 0) * 1000));
  }

  #connect(/** @type {() => boolean} */ current) {
    const socket = new this.#parts.WebSocket(this.#parts.url, [SUBPROTOCOL]);
    this.#socket = socket;
    this.#refusal = null;
    this.#afterMs = null;
    this.#timer = setTimeout(() => this.#lost(), WELCOME_MS);
    socket.onopen = () => {
      const hello = { type: "hello", token: this.#token, ...this.#parts.hello() };
      if (current()) socket.send(JSON.stringify(hello));
    };
    socket.onmessage = ({ data }) => current() && this.#hear(data);
    socket.onclose = ({ code }) => current() && this.#closed(code);
  }

  #hear(/** @type {string} */ data) {
    const frame = parsed(data);
    if (frame === null) return;
    this.#silent = false;
    const opens = frame.type === "welcome" && this.#welcomed(frame);
    if (frame.type === "error") this.#refusal = frame.code;
    if (frame.type === "goodbye") this.#afterMs = frame.after_ms;
    this.#parts.heard(frame);
    if (opens) this.#parts.changed(); // After the state it came with.
    if (frame.type === "goodbye") this.#farewell(frame);
  }

  #welcomed(/** @type {any} */ frame) {
    this.#backOff.reset();
    this.#refused = null;
    this.#heartbeatMs = (frame.heartbeat_s ?? 10) * 1000;
    if (this.status === "open") return false;
    clearTimeout(this.#timer);
    this.status = "open";
    this.#watch();
    return true;
  }

  /** Whoever says goodbye closes next, and the code says why; not to depend on it, leave then. */
  #farewell(/** @type {any} */ { action, after_ms }) {
    if (action === "stop") {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.close("stopped", "goodbye"), FAREWELL_MS);
    } else {
      this.#drop();
      this.#wait(after_ms);
    }
  }

  /** Nothing heard for a heartbeat: ask; nothing heard then: it is dead, whatever it says. */
  #watch() {
    this.#silent = true;
    this.#timer = setTimeout(() => (this.#silent ? this.#ping() : this.#watch()), this.#heartbeatMs);
  }

  #ping() {
    clearTimeout(this.#timer);
    this.#silent = true;
    this.send({ type: "ping" });
    this.#timer = setTimeout(() => (this.#silent ? this.#lost() : this.#watch()), PONG_MS);
  }

  #closed(/** @type {number} */ code) {
    const refusal = this.#refusal;
    if (code === REPLACED) this.close("replaced");
    else if (code === NOT_AUTHENTICATED) this.#unauthenticated(refusal);
    else if (code >= 4500 && code < 5000) this.close("stopped", STOPS[code] ?? String(code));
    else this.#lost();
  }

  /** Once with a fresh token; that of somebody erased won't get better. */
  #unauthenticated(/** @type {string | null} */ refusal) {
    const again = this.#refused !== null;
    if (refusal === "unknown-user") this.close("stopped", "erased");
    else if (again) this.close("stopped", "not-authenticated");
    else {
      this.#refused = this.#token;
      this.#drop();
      this.#begin();
    }
  }

  #lost() {
    const afterMs = this.#afterMs;
    this.#drop();
    this.#wait(afterMs ?? this.#backOff.next());
  }

  #wait(/** @type {number} */ ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(), ms);
    const status = this.#parts.online() ? "waiting" : "offline";
    this.#become(status, { retryAtMs: Date.now() + ms });
  }

  #drop() {
    this.serial += 1;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #become(/** @type {Status} */ status, { retryAtMs = null, reason = null } = {}) {
    Object.assign(this, { status, retryAtMs, reason });
    this.#parts.changed();
  }
}

/** @returns {Frame | null} null for what is no frame: it is ignored */
function parsed(/** @type {string} */ data) {
  try {
    const frame = JSON.parse(data);
    return typeof frame?.type === "string" ? frame : null;
  } catch {
    return null;
  }
}
