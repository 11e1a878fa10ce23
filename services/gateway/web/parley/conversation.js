/** What the socket says, and what becomes of it: the state, the chat, the call. */

import { Call } from "./call.js";
import { Chat } from "./chat.js";
import { Link } from "./link.js";
import { BEGINNING, after } from "./offsets.js";
import { NOTHING, apply } from "./state.js";

/** What the server does not know, or could not take, is looked at or said again after this. */
const AGAIN_MS = 2_000;
/** What was not relayed, though it could have been. */
const REFUSED = { "too-many-signals": "signal", "too-many-messages": "chat" };

/** @typedef {import("./types.js").Frame} Frame */

export class Conversation {
  /** @type {Readonly<import("./types.js").State>} */
  state = NOTHING;
  link;
  chat;
  call;

  #tell;
  /** That of the last relayed frame; a fresh page asks for all of the live session's. */
  #offset = BEGINNING;
  #again = null;

  /**
   * @param {object} parts
   * @param {string} parts.url of the socket
   * @param {typeof globalThis.WebSocket} parts.WebSocket
   * @param {typeof globalThis.RTCPeerConnection} parts.RTCPeerConnection
   * @param {(refused: string | null) => Promise<string>} parts.token
   * @param {() => number} parts.random
   * @param {(type: string, detail: any) => void} parts.tell
   */
  constructor({ url, WebSocket, RTCPeerConnection, token, random, tell }) {
    this.#tell = tell;
    this.link = new Link({
      url,
      WebSocket,
      token,
      random,
      hello: () => ({ last_offset: this.#offset, last_version: this.state.version }),
      heard: (frame) => this.#hear(frame),
      changed: () => this.#linkChanged(),
      online: () => globalThis.navigator?.onLine !== false,
    });
    this.chat = new Chat((frame) => this.link.send(frame));
    this.call = new Call({
      RTCPeerConnection,
      link: this.link,
      changed: () => tell("call", this.call.view),
    });
  }

  /** @param {Readonly<import("./types.js").State>} state */
  become(state) {
    const before = this.state;
    this.state = state;
    // Offsets are those of one session's stream.
    if (state.session?.session_id !== before.session?.session_id) this.#offset = BEGINNING;
    this.chat.follow(state.session);
    this.call.follow(state);
    if (state !== before) this.#tell("change", undefined);
  }

  /**
   * Nobody is signed in any more.
   * @param {import("./link.js").Status} status
   * @param {string | null} [reason]
   */
  forget(status, reason = null) {
    this.become(NOTHING);
    this.link.close(status, reason);
  }

  #linkChanged() {
    const { status, retryAtMs, reason } = this.link;
    this.#tell("link", { link: status, retryAtMs, reason });
  }

  #hear(/** @type {Frame} */ frame) {
    if (!this.#news(frame)) return;
    this.become(apply(this.state, frame, new Date().toISOString()));
    if (frame.type === "welcome") this.#welcomed(frame);
    if (frame.type === "chat") this.#heardChat(frame);
    if (frame.type === "signal") this.call.hear(frame);
    if (frame.type === "ice") this.call.hearIce(frame);
    if (frame.type === "error") this.#refused(frame);
    this.#tell(frame.type, frame);
    if (frame.type === "error") this.#tell("problem", frame);
  }

  /** Relayed frames may come twice; each counts once. */
  #news(/** @type {Frame} */ { offset, type, session_id }) {
    if (type === "welcome" || offset === undefined) return true;
    if (session_id !== this.state.session?.session_id) return false;
    if (!after(offset, this.#offset)) return false;
    this.#offset = offset;
    return true;
  }

  #welcomed(/** @type {Frame} */ { offset = BEGINNING, recovered = true }) {
    if (this.state.session !== null) this.#offset = offset;
    this.call.welcomed(recovered);
    this.chat.flush();
  }

  #heardChat(/** @type {Frame} */ frame) {
    const me = this.state.user?.id;
    this.chat.hear(frame, me);
    if (this.chat.held && frame.sender === me) this.#holdChat(); // More was written meanwhile.
  }

  /** Too much at once: the rest goes out a little later, in the order written. */
  #holdChat() {
    this.chat.hold();
    this.#later(() => this.chat.flush());
  }

  #refused(/** @type {Frame} */ { code, about, id }) {
    const unheard = code === "unavailable" ? about?.type : REFUSED[code];
    if (unheard === "signal") this.call.resendSoon();
    if (unheard === "chat") this.#holdChat();
    if (code === "invalid-frame") this.chat.refuse(id);
    // The server knows better what is open: have it say so.
    const live = about?.session_id === this.state.session?.session_id;
    if (code === "unknown-session" && live) this.#later(() => this.link.send({ type: "hello" }));
  }

  #later(/** @type {() => void} */ act) {
    clearTimeout(this.#again);
    this.#again = setTimeout(act, AGAIN_MS);
  }
}
