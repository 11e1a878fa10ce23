/** What a participant says to the server, each until the state shows that it was heard. */

import { Insistence } from "./insistence.js";
import { Problem } from "./problem.js";

/** @typedef {import("./types.js").Session} Session */

const PARTINGS = /** @type {const} */ (["leave", "decline", "failed"]);

export class Participation {
  /** @type {Session | null} the live one */
  session = null;

  #link;
  #insistence = new Insistence((frame) => this.#say(frame));
  /** The socket on which joining was last said: said there again it begins nothing new. */
  #joinedOn = -1;

  /** @param {import("./link.js").Link} link */
  constructor(link) {
    this.#link = link;
  }

  /** @returns {"leave" | "decline" | "failed" | null} said, not yet shown by the state */
  get parting() {
    return PARTINGS.find((how) => this.#insistence.about(`session.${how}`)) ?? null;
  }

  /** @param {Session | null} session */
  follow(session) {
    this.session = session;
    this.#insistence.follow(session);
  }

  /**
   * Join; where the session is beyond waiting, on a new socket: that begins a new generation.
   * @returns {number} only a greater generation is one that this joining began or takes part in
   */
  join() {
    const { status, generation } = this.#required;
    const above = status === "waiting" ? -1 : generation;
    if (status !== "waiting" && !this.elsewhere) this.#link.reopen();
    this.#insist({ type: "session.join" }, (session) =>
      session.status === "waiting" ? session.joined : session.generation > above,
    );
    return above;
  }

  /** Whether joining was said on another socket than the present one. */
  get elsewhere() {
    return this.#joinedOn !== this.#link.serial;
  }

  /** What was true of an older generation is not of this one. */
  negotiating() {
    this.#insistence.end("session.connected");
  }

  connected() {
    if (this.session?.status !== "connecting") return;
    if (this.#insistence.about("session.connected")) return;
    this.#insist({ type: "session.connected" }, ({ status }) => status === "active");
  }

  /** @param {"leave" | "decline"} how */
  part(how) {
    this.#insistence.clear();
    this.#insist({ type: `session.${how}` }, () => false);
  }

  /** @param {"network" | "microphone" | "other"} reason */
  failed(reason) {
    this.#insistence.clear();
    this.#insist({ type: "session.failed", reason }, () => false);
  }

  /** A new socket stands. */
  again() {
    this.#insistence.again();
  }

  /** @returns {Session} Throws `no-session`. */
  get #required() {
    if (this.session === null) throw new Problem("no-session");
    return this.session;
  }

  #insist(/** @type {object} */ frame, /** @type {(session: Session) => boolean} */ done) {
    const { session_id } = this.#required;
    this.#insistence.begin({ .../** @type {any} */ (frame), session_id }, done);
  }

  #say(/** @type {any} */ frame) {
    const sent = this.#link.send(frame);
    if (sent && frame.type === "session.join") this.#joinedOn = this.#link.serial;
    return sent;
  }
}
