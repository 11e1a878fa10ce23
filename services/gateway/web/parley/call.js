/** The call of the live session: joining, negotiating, and recovering whatever the network does. */

import { IceServers, impossible } from "./ice.js";
import { Participation } from "./participation.js";
import { Peer } from "./peer.js";
import { Recovery } from "./recovery.js";

/** Signals of a generation not told yet; more than a negotiation has. */
const EARLY_MAX = 100;
/** Signals dropped because they were too many are said again after this. */
const RESEND_MS = 1_000;

/** @typedef {import("./types.js").Session} Session */

export class Call {
  /** @type {import("./types.js").Phase} */
  phase = "idle";
  /** @type {import("./types.js").CallView["failure"]} of the last call */
  failure = null;
  muted = false;

  #link;
  #changed;
  #PeerConnection;
  #participation;
  #ice = new IceServers({
    ask: () => this.#link.send({ type: "ice.refresh", session_id: this.#session?.session_id }),
    configure: (ice) => this.#peer?.configure(ice),
    restart: (ice) => this.#peer?.restart(ice),
  });
  #recovery = new Recovery({
    hopeful: () => this.#hopeful(),
    connection: () => this.#peer?.connection ?? "new",
    restart: () => this.#ice.restart(),
    giveUp: () => this.failed("network"),
  });
  #peerAway = false;
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {Peer | null} */
  #peer = null;
  #generation = -1;
  /** Only a greater generation is one that this page takes part in. */
  #above = -1;
  #early = [];
  #heardBefore = false;
  #takingOver = false;

  /**
   * @param {object} parts
   * @param {typeof globalThis.RTCPeerConnection} parts.RTCPeerConnection
   * @param {import("./link.js").Link} parts.link
   * @param {() => void} parts.changed
   */
  constructor({ RTCPeerConnection, link, changed }) {
    this.#PeerConnection = RTCPeerConnection;
    this.#link = link;
    this.#changed = changed;
    this.#participation = new Participation(link);
  }

  /** @returns {import("./types.js").CallView} */
  get view() {
    const peer = this.#peer;
    return {
      phase: this.phase,
      remoteStream: peer?.stream ?? null,
      muted: this.muted,
      failure: this.failure,
      parting: this.#participation.parting,
      level: () => peer?.level() ?? 0,
      stats: () => peer?.stats() ?? null,
    };
  }

  /** @param {MediaStream} stream with live audio */
  join(stream) {
    this.#heardBefore = false;
    this.#join();
    this.failure = null;
    this.#take(stream);
  }

  /** @param {"leave" | "decline"} how */
  part(how) {
    this.#participation.part(how);
    this.#stop("idle");
    this.#changed();
  }

  /** @param {NonNullable<import("./types.js").CallView["failure"]>} reason */
  failed(reason) {
    this.#participation.failed(reason === "relay-impossible" ? "network" : reason);
    this.#stop("failed");
    this.failure = reason;
    this.#changed();
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    this.muted = muted;
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !muted;
    this.#changed();
  }

  /** @param {MediaStream} stream another microphone, in mid-call */
  async replaceStream(stream) {
    this.#take(stream);
    await this.#peer?.replaceStream(stream);
  }

  /** The next welcome is in place of another page of this user: what that began is not ours. */
  takeOver() {
    this.#takingOver = true;
  }

  /** @param {import("./types.js").State} state */
  follow({ session, peerAway }) {
    const before = this.#session;
    this.#participation.follow(session);
    if (session?.session_id !== before?.session_id) this.#stop("idle");
    if (this.#peerAway && !peerAway) this.#recovery.hasten();
    this.#peerAway = peerAway;
    if (session === null || !this.#calling) return;
    this.#ice.follow(session.ice);
    if (session.status === "waiting" || this.#takingOver) return;
    if (session.generation > Math.max(this.#above, this.#generation)) this.#negotiate(session);
    else if (this.phase === "connected") this.#participation.connected();
  }

  /** @param {boolean} recovered whether no frame of the partner was lost */
  welcomed(recovered) {
    const anew = this.#takingOver || (!recovered && this.#participation.elsewhere);
    this.#takingOver = false;
    this.#participation.again();
    if (!this.#calling || this.#session === null) return;
    if (anew && this.#session.status !== "waiting") this.#join();
    else if (!recovered) this.#ice.restart();
    this.#peer?.resend();
    this.#recovery.hasten();
  }

  /** @param {any} frame a `signal` of the partner */
  hear(frame) {
    if (frame.session_id !== this.#session?.session_id) return;
    if (frame.generation > this.#generation) {
      this.#early = [...this.#early, frame].slice(-EARLY_MAX);
    } else if (frame.generation === this.#generation) this.#peer?.hear(frame);
  }

  /** @param {any} frame an `ice` that came */
  hearIce({ session_id, ice }) {
    if (this.#calling && session_id === this.#session?.session_id) this.#ice.hear(ice);
  }

  /** Signals were dropped. */
  resendSoon() {
    const peer = this.#peer;
    setTimeout(() => peer !== null && peer === this.#peer && peer.resend(), RESEND_MS);
  }

  get #session() {
    return this.#participation.session;
  }

  get #calling() {
    return this.phase !== "idle" && this.phase !== "failed";
  }

  #hopeful() {
    return this.#link.status === "open" && !this.#peerAway;
  }

  #take(/** @type {MediaStream} */ stream) {
    this.#stream = stream;
    this.setMuted(this.muted);
  }

  #join() {
    this.#above = this.#participation.join();
    this.#endPeer();
    this.phase = this.#heardBefore ? "recovering" : "joining";
    this.#changed();
  }

  #negotiate(/** @type {Session} */ { session_id, generation, polite, ice }) {
    this.#endPeer();
    this.#participation.negotiating();
    this.#generation = generation;
    if (impossible(ice)) {
      this.failed("relay-impossible");
      return;
    }
    this.phase = this.#heardBefore ? "recovering" : "negotiating";
    this.#peer = new Peer({
      RTCPeerConnection: this.#PeerConnection,
      ice,
      polite,
      stream: this.#stream,
      signal: (signal) => this.#link.send({ type: "signal", session_id, generation, ...signal }),
      changed: () => this.#peerChanged(),
    });
    this.#recovery.begin();
    for (const frame of this.#early.splice(0)) this.hear(frame);
    this.#changed();
  }

  #peerChanged() {
    const connection = this.#peer?.connection;
    const lost = connection === "disconnected" || connection === "failed";
    if (connection === "connected") {
      this.phase = "connected";
      this.#heardBefore = true;
      this.#recovery.end();
      this.#participation.connected();
    } else if (lost && this.#link.status === "replaced") {
      this.#stop("idle"); // The call goes on in the page that replaced this one.
    } else if (lost) {
      this.phase = this.#heardBefore ? "recovering" : "negotiating";
      this.#recovery.begin();
      if (connection === "failed") this.#recovery.hasten();
    }
    this.#changed();
  }

  #stop(/** @type {import("./types.js").Phase} */ phase) {
    this.#endPeer();
    this.#ice.stop();
    this.#early = [];
    this.#above = this.#generation = -1;
    this.#stream = null;
    this.phase = phase;
  }

  #endPeer() {
    this.#recovery.end();
    this.#peer?.close();
    this.#peer = null;
  }
}
