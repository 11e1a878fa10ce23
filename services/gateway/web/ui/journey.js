/** Where somebody is on the way to a talk, and what they may do there. */

import { outcomeOf, stepOf } from "./steps.js";

const WATCHED = "parley.watched";
const PARTNER = "parley.partner";
const RATED = "parley.rated";

/** Says "change" whenever the step or anything shown in it may be another. */
export class Journey extends EventTarget {
  #page = "home";
  #notice = null;
  #wasSignedIn = false;

  constructor(parley, microphone, storage = sessionStorage) {
    super();
    this.parley = parley;
    this.microphone = microphone;
    this.storage = storage;
    this.wish = {}; // what to ask for besides the profile
    this.talk = null; // the record shown on the page "talk"
    for (const name of ["change", "link", "call"])
      parley.addEventListener(name, () => this.#followed());
    microphone.addEventListener("change", () => this.#changed());
  }

  get state() {
    return this.parley.state?.user ? this.parley.state : null;
  }

  get step() {
    return stepOf({
      notice: this.#notice,
      signedIn: this.parley.signedIn,
      link: this.parley.link,
      stopReason: this.parley.stopReason,
      state: this.state,
      phase: this.phase,
      watched: this.#read(WATCHED),
      page: this.#page,
    });
  }

  get phase() {
    return this.parley.call?.phase ?? "idle";
  }

  get outcome() {
    return this.state && outcomeOf(this.state, this.#read(WATCHED));
  }

  /** This page, or what it was before it was reloaded, has last seen a session alive. */
  get wasTalking() {
    return this.#read(WATCHED)?.kind === "session";
  }

  /** The partner of the live session, or of the last one this page saw. */
  get partner() {
    return this.state?.session?.partner ?? this.#read(PARTNER)?.partner ?? null;
  }

  /** What this page knows of the session it saw last: `{session_id, partner, …}` or null. */
  get lastSeen() {
    return this.#read(PARTNER);
  }

  /** What this page gave a session lately, or undefined. */
  ratingOf(sessionId) {
    const last = this.#read(RATED);
    return last?.session_id === sessionId ? last.rating : undefined;
  }

  keepRating(session_id, rating) {
    this.#keep(RATED, { session_id, rating });
  }

  open(page, talk = null) {
    this.storage.removeItem(WATCHED);
    this.talk = talk;
    this.#page = page;
    this.#changed();
  }

  /** On the way to a partner: first the microphone. */
  find(wish = {}) {
    this.wish = wish;
    this.open("microphone");
  }

  /** Ask for a partner. Throws a Problem. */
  async search() {
    try {
      await this.parley.ask(this.wish);
    } catch (problem) {
      if (problem.code === "relay-unavailable") return this.open("relay-unavailable");
      if (problem.code !== "request-pending" && problem.code !== "session-live") throw problem;
    }
    this.#page = "home";
    this.#changed();
  }

  async register(profile) {
    await this.parley.register(profile);
    this.#notice = null;
    this.parley.connect();
    this.open("home");
  }

  async erase() {
    await this.parley.erase();
    this.#leave("erased");
  }

  async signOut() {
    await this.parley.signOut();
    this.#leave("signed-out");
  }

  startAgain() {
    this.#notice = null;
    this.#wasSignedIn = false;
    if (this.parley.signedIn || this.parley.link === "stopped") this.parley.signOut();
    this.#notice = null;
    this.#changed();
  }

  #leave(notice) {
    this.#notice = notice;
    this.open("home");
  }

  #followed() {
    const state = this.state;
    if (state?.session) this.#watch("session", state.session.session_id);
    else if (state?.request) this.#watch("request", state.request.request_id);
    if (state?.session) this.#keep(PARTNER, seen(state.session));
    if (this.parley.signedIn) this.#notice = null;
    else if (this.#wasSignedIn)
      this.#notice ??= this.parley.stopReason === "erased" ? "erased" : "signed-out";
    this.#wasSignedIn = this.parley.signedIn;
    this.#changed();
  }

  #watch(kind, id) {
    this.#page = "home";
    this.#keep(WATCHED, { kind, id });
  }

  #keep(key, value) {
    const text = JSON.stringify(value);
    if (this.storage.getItem(key) !== text) this.storage.setItem(key, text);
  }

  #read(key) {
    return JSON.parse(this.storage.getItem(key) ?? "null");
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** What is worth keeping of a session after it: not its credentials. */
function seen({ session_id, partner, you_practise, partner_practises }) {
  return { session_id, partner, you_practise, partner_practises };
}
