/**
 * The protocol of Parley for a front end: sign up, ask, be told, talk. Without a DOM.
 *
 * docs/protocol.md is the contract it keeps. Events: `change` (anything that the getters show),
 * `link`, `call`, `problem` (an `error` of the socket), and each server frame by its type, with
 * the frame as `detail`.
 */

import { Api } from "./parley/api.js";
import { Calls } from "./parley/calls.js";
import { Conversation } from "./parley/conversation.js";
import { NOTHING, apply, asked } from "./parley/state.js";
import { KEY, MemoryStorage, Tokens } from "./parley/tokens.js";

export { TEXT_MAX } from "./parley/chat.js";
export { Problem } from "./parley/problem.js";
export { KNOWN } from "./parley/state.js";
export { MemoryStorage } from "./parley/tokens.js";

/** @typedef {import("./parley/types.js").Registration} Registration */

export class Parley extends Api {
  #tokens;
  #calls;
  #conversation;

  /**
   * @param {object} [parts]
   * @param {string} [parts.baseUrl] of a gateway
   * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} [parts.storage] of the tokens
   * @param {LockManager} [parts.locks]
   * @param {typeof globalThis.WebSocket} [parts.WebSocket]
   * @param {typeof globalThis.RTCPeerConnection} [parts.RTCPeerConnection]
   * @param {typeof globalThis.fetch} [parts.fetch]
   * @param {() => number} [parts.random] in [0, 1)
   */
  constructor({
    baseUrl = globalThis.location.origin,
    storage = ownStorage(),
    locks = globalThis.navigator?.locks,
    WebSocket = globalThis.WebSocket,
    RTCPeerConnection = globalThis.RTCPeerConnection,
    fetch = globalThis.fetch.bind(globalThis),
    random = Math.random,
  } = {}) {
    super(() => this.#calls);
    const token = (/** @type {string | null | undefined} */ refused) =>
      this.#tokens.access(refused);
    this.#calls = new Calls({ baseUrl, fetch, access: token, random });
    this.#tokens = new Tokens({ storage, locks, renew: (held) => this.#calls.renew(held) });
    const url = `${baseUrl.replace(/^http/, "ws").replace(/\/$/, "")}/api/v1/ws`;
    const tell = (/** @type {string} */ type, /** @type {any} */ detail) => this.#tell(type, detail);
    const parts = { url, WebSocket, RTCPeerConnection, token, random, tell };
    this.#conversation = new Conversation(parts);
    const { link } = this.#conversation;
    globalThis.addEventListener?.("online", () => link.online());
    globalThis.addEventListener?.("offline", () => link.offline());
    globalThis.addEventListener?.("storage", ({ key }) => key === KEY && this.#stored());
  }

  /** Whether there are tokens; whether they are still good shows when they are used. */
  get signedIn() {
    return this.#tokens.held !== null;
  }

  /** @returns {import("./parley/types.js").Profile | null} */
  get user() {
    return this.state.user ?? this.#tokens.held?.user ?? null;
  }

  /** "waiting" backs off until `retryAtMs`; "stopped" has a `stopReason`. */
  get link() {
    return this.#conversation.link.status;
  }

  get retryAtMs() {
    return this.#conversation.link.retryAtMs;
  }

  get stopReason() {
    return this.#conversation.link.reason;
  }

  /** @returns {Readonly<import("./parley/types.js").State>} another object after each change */
  get state() {
    return this.#conversation.state;
  }

  /** @returns {import("./parley/types.js").ChatItem[]} of the live session, in order */
  get chat() {
    return this.#conversation.chat.items;
  }

  /** @returns {import("./parley/types.js").CallView} */
  get call() {
    return this.#conversation.call.view;
  }

  // Who one is

  /** @param {Registration} profile */
  async register(profile) {
    const options = { body: profile, anonymous: true };
    const { user, ...pair } = await this.#calls.call("POST", "/users", options);
    this.signOut();
    this.#tokens.keep(pair, user);
    this.#conversation.become({ ...NOTHING, user });
    return user;
  }

  async me() {
    return this.#keepUser(await this.#calls.call("GET", "/users/me"));
  }

  /** @param {Partial<Registration>} patch */
  async changeProfile(patch) {
    return this.#keepUser(await this.#calls.call("PATCH", "/users/me", { body: patch }));
  }

  /** Everything about this user goes, and what is open ends. */
  async erase() {
    await this.#calls.call("DELETE", "/users/me");
    this.signOut();
  }

  /** This browser forgets; there is no password to come back with. */
  signOut() {
    this.#tokens.forget();
    this.#conversation.forget("closed");
  }

  // Asking for a partner

  /**
   * The state has the request when this returns.
   * @param {{native_languages?: string[], timeout?: string,
   *   practice_languages?: import("./parley/types.js").Practice[]}} [wish] the profile's if left out
   */
  async ask(wish = {}) {
    const options = { body: wish, once: true };
    const accepted = await this.#calls.call("POST", "/match/request", options);
    this.#conversation.become(asked(this.state, accepted, wish, now()));
    return accepted;
  }

  async cancelRequest() {
    const id = this.state.request?.request_id;
    await this.#calls.call("DELETE", "/match/request");
    if (id === undefined || this.state.request?.request_id !== id) return;
    const frame = { type: "match.cancelled", request_id: id, reason: "user" };
    this.#conversation.become(apply(this.state, frame, now()));
  }

  // The socket

  connect() {
    this.#conversation.link.open();
  }

  disconnect() {
    this.#conversation.link.close();
  }

  /** After "replaced": the other page gets out, and a call of its goes on here. */
  useHere() {
    this.#conversation.call.takeOver();
    this.#conversation.link.open();
  }

  // The call. Without a live session `join`, `decline`, `leave` and `failed` throw `no-session`.

  join(/** @type {MediaStream} */ stream) {
    this.#conversation.call.join(stream);
  }

  decline() {
    this.#conversation.call.part("decline");
  }

  leave() {
    this.#conversation.call.part("leave");
  }

  failed(/** @type {"network" | "microphone" | "other"} */ reason) {
    this.#conversation.call.failed(reason);
  }

  setMuted(/** @type {boolean} */ muted) {
    this.#conversation.call.setMuted(muted);
  }

  replaceStream(/** @type {MediaStream} */ stream) {
    return this.#conversation.call.replaceStream(stream);
  }

  /** @returns {string} the message's id */
  sendChat(/** @type {string} */ text) {
    const id = this.#conversation.chat.say(text);
    this.#tell("change", undefined);
    return id;
  }

  #tell(/** @type {string} */ type, /** @type {any} */ detail) {
    this.#heed(type, detail);
    this.dispatchEvent(new CustomEvent(type, { detail }));
    if (CHANGES.has(type)) this.dispatchEvent(new CustomEvent("change"));
  }

  /** What follows for whoever is signed in. */
  #heed(/** @type {string} */ type, /** @type {any} */ detail) {
    if (type === "welcome") this.#tokens.keepUser(detail.user);
    if (type !== "link" || detail.link !== "stopped") return;
    if (detail.reason === "erased") this.#tokens.forget();
    if (!this.signedIn && this.state !== NOTHING) this.#conversation.become(NOTHING);
  }

  #keepUser(/** @type {import("./parley/types.js").Profile} */ user) {
    this.#tokens.keepUser(user);
    this.#conversation.become({ ...this.state, user });
    return user;
  }

  /** Another tab signed out, or in as somebody else. */
  #stored() {
    const id = this.#tokens.held?.user?.id;
    if (this.state.user === null || id === this.state.user.id) return;
    this.#conversation.forget("stopped", "signed-out");
  }
}

/** What changes what the getters show besides the state. */
const CHANGES = new Set(["link", "call", "chat"]);

function now() {
  return new Date().toISOString();
}

/** Pages that may keep nothing throw at the mere mention. */
function ownStorage() {
  try {
    return globalThis.localStorage ?? new MemoryStorage();
  } catch {
    return new MemoryStorage();
  }
}
