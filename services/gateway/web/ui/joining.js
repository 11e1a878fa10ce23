/** Joining a session by itself: only while the page is seen and the microphone is alive. */

// Time enough to see who it is and to decline.
const LOOK_S = 3;
const MICROPHONE_STEPS = [
  "microphone",
  "waiting",
  "requeued",
  "found",
  "connecting",
  "rejoin",
  "call",
  "relay-unavailable",
];
const RESUMING = ["waiting", "requeued", "found", "rejoin", "microphone"];

export class Joining {
  #session = null;
  #seenAt = null;
  #opening = false;

  constructor(app) {
    this.app = app;
    this.step = null;
  }

  /** Called whenever anything changed, and twice a second. */
  follow(step) {
    if (step !== this.step) this.#entered(step);
    if (step === "found") this.#count();
    else if (step === "rejoin" && this.ready) this.join();
    else this.#seenAt = null;
    if (!["found", "rejoin"].includes(step)) this.#session = null;
  }

  get ready() {
    return !document.hidden && this.app.microphone.live;
  }

  /** Whole seconds until it joins by itself; null if it will not. */
  get countdown() {
    if (this.#seenAt === null) return null;
    return Math.max(0, Math.ceil(LOOK_S - (performance.now() - this.#seenAt) / 1000));
  }

  /** Join now, with the microphone if there is one; a gesture may ask for it first. */
  async join() {
    const { journey, microphone, parley } = this.app;
    const session = journey.state?.session?.session_id;
    if (!microphone.live) await microphone.open();
    const same = session === journey.state?.session?.session_id;
    if (!microphone.live || !same || this.#session === session) return;
    this.#session = session;
    parley.join(microphone.stream);
  }

  #count() {
    if (!this.ready) this.#seenAt = null;
    else this.#seenAt ??= performance.now();
    if (this.countdown === 0) this.join();
  }

  /** The microphone is on as long as it is needed, and comes back by itself after a reload. */
  #entered(step) {
    this.step = step;
    const { journey, microphone } = this.app;
    // Known before the server has told what became of the talk: opening it takes a moment.
    const early = step === "loading" && journey.wasTalking;
    if (!MICROPHONE_STEPS.includes(step) && !early) microphone.close();
    else if ((RESUMING.includes(step) || early) && !microphone.live) this.#reopen();
  }

  async #reopen() {
    const { microphone } = this.app;
    if (this.#opening || microphone.status !== "off") return;
    this.#opening = true;
    if (await microphone.granted()) await microphone.open();
    this.#opening = false;
  }
}
