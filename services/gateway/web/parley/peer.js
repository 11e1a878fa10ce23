/**
 * One connection to the partner: perfect negotiation within one generation.
 * https://www.w3.org/TR/webrtc/#perfect-negotiation-example
 */

/** @typedef {{description?: RTCSessionDescriptionInit, candidate?: RTCIceCandidateInit | null}} Signal */

/** Both would offer at once; the polite side lets the other go first and offers if that is silent. */
const POLITE_PAUSE_MS = 1_500;
/** What was said this shortly before a socket was lost may not have arrived. */
const DOUBTFUL_MS = 15_000;

export class Peer {
  /** @type {MediaStream | null} what the partner sends */
  stream = null;

  #pc;
  #polite;
  #signal;
  #offering = false;
  #answerPending = false;
  #ignoring = false;
  /** @type {(RTCIceCandidateInit | null)[]} come before their description */
  #early = [];
  #unsent = false;
  #saidAt = -Infinity;
  #hearing = Promise.resolve();
  #pause = null;

  /**
   * @param {object} parts
   * @param {typeof globalThis.RTCPeerConnection} parts.RTCPeerConnection
   * @param {import("./types.js").IceConfiguration} parts.ice
   * @param {boolean} parts.polite
   * @param {MediaStream | null} parts.stream what the partner is to hear
   * @param {(signal: Signal) => boolean} parts.signal false: it did not go out
   * @param {() => void} parts.changed of `connection` or `stream`
   */
  constructor({ RTCPeerConnection, ice, polite, stream, signal, changed }) {
    const pc = new RTCPeerConnection(configuration(ice));
    this.#pc = pc;
    this.#polite = polite;
    this.#signal = signal;
    pc.onnegotiationneeded = () => this.#offerInTurn();
    pc.onicecandidate = ({ candidate }) => this.#say({ candidate: candidate?.toJSON() ?? null });
    pc.onconnectionstatechange = changed;
    pc.ontrack = ({ streams, track }) => {
      this.stream = streams[0] ?? new MediaStream([track]);
      changed();
    };
    const [track] = stream?.getAudioTracks() ?? [];
    if (track && stream) pc.addTrack(track, stream);
    else pc.addTransceiver("audio");
  }

  /** @returns {RTCPeerConnectionState} */
  get connection() {
    return this.#pc.connectionState;
  }

  /** @param {Signal} signal of the partner, in the order it was sent */
  hear(signal) {
    this.#hearing = this.#hearing.then(() => this.#take(signal)).catch(ignored);
  }

  /** After a socket was lost: say again what may be lost with it. The partner bears hearing twice. */
  resend() {
    const doubtful = this.#unsent || Date.now() - this.#saidAt < DOUBTFUL_MS;
    if (doubtful || this.connection !== "connected" || this.#pc.signalingState !== "stable") {
      this.#describe();
    }
  }

  /**
   * Look for another way to the partner.
   * @param {import("./types.js").IceConfiguration} ice
   */
  restart(ice) {
    if (this.#closed) return;
    this.configure(ice);
    this.#pc.restartIce();
    // An offer that nobody answers holds up the next.
    if (this.#pc.signalingState === "have-local-offer") this.#describe();
  }

  /** @param {import("./types.js").IceConfiguration} ice used from the next restart on */
  configure(ice) {
    if (!this.#closed) this.#pc.setConfiguration(configuration(ice));
  }

  /** @param {MediaStream} stream */
  async replaceStream(stream) {
    const [track] = stream.getAudioTracks();
    const [sender] = this.#pc.getSenders();
    await sender?.replaceTrack(track ?? null);
  }

  /** @returns {number} of the partner's voice just now, 0 to 1 */
  level() {
    const [receiver] = this.#closed ? [] : this.#pc.getReceivers();
    return receiver?.getSynchronizationSources()[0]?.audioLevel ?? 0;
  }

  stats() {
    return this.#pc.getStats();
  }

  close() {
    clearTimeout(this.#pause);
    const pc = this.#pc;
    pc.onnegotiationneeded = pc.onicecandidate = pc.onconnectionstatechange = pc.ontrack = null;
    pc.close();
  }

  get #closed() {
    return this.#pc.signalingState === "closed";
  }

  #offerInTurn() {
    if (!this.#polite || this.#pc.remoteDescription !== null) {
      this.#offer();
      return;
    }
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      if (this.#pc.signalingState === "stable" && !this.#pc.remoteDescription) this.#offer();
    }, POLITE_PAUSE_MS);
  }

  async #offer() {
    try {
      this.#offering = true;
      await this.#pc.setLocalDescription();
      this.#describe();
    } catch (error) {
      ignored(error);
    } finally {
      this.#offering = false;
    }
  }

  async #take(/** @type {Signal} */ { description, candidate }) {
    if (this.#closed) return;
    if (description) await this.#takeDescription(description);
    else await this.#takeCandidate(candidate ?? null);
  }

  async #takeDescription(/** @type {RTCSessionDescriptionInit} */ description) {
    const pc = this.#pc;
    const { type } = description;
    // Told twice, after a socket was lost.
    if (type === "answer" && pc.signalingState !== "have-local-offer") return;
    const ready = !this.#offering && (pc.signalingState === "stable" || this.#answerPending);
    const collision = type === "offer" && !ready;
    this.#ignoring = !this.#polite && collision;
    if (this.#ignoring) return;
    this.#answerPending = type === "answer";
    await pc.setRemoteDescription(description).finally(() => (this.#answerPending = false));
    for (const candidate of this.#early.splice(0)) await this.#takeCandidate(candidate);
    if (type !== "offer") return;
    await pc.setLocalDescription();
    this.#describe();
  }

  async #takeCandidate(/** @type {RTCIceCandidateInit | null} */ candidate) {
    if (this.#pc.remoteDescription === null) {
      this.#early.push(candidate);
      return;
    }
    try {
      await this.#pc.addIceCandidate(candidate ?? undefined);
    } catch (error) {
      if (!this.#ignoring) ignored(error);
    }
  }

  /** The present description; it holds the candidates found so far. */
  #describe() {
    const description = this.#pc.localDescription;
    if (description === null || this.#closed) return;
    this.#unsent = false;
    this.#say({ description: { type: description.type, sdp: description.sdp } });
  }

  #say(/** @type {Signal} */ signal) {
    this.#saidAt = Date.now();
    if (!this.#signal(signal)) this.#unsent = true;
  }
}

/** @returns {RTCConfiguration} */
function configuration(/** @type {import("./types.js").IceConfiguration} */ ice) {
  return { iceServers: ice.ice_servers, iceTransportPolicy: ice.ice_transport_policy };
}

/** One signal that does not fit is no reason to give up: restarts and new generations follow. */
function ignored(/** @type {unknown} */ error) {
  console.debug("parley:", error);
}
