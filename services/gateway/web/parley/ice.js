/** ICE servers with credentials that expire: asked for anew in time, and before a restart. */

/** Fresh ones are asked for so long before the old ones expire. */
const MARGIN_MS = 60_000;
/** A clock that is wrong by hours must not ask without end. */
const EVERY_MS_MIN = 60_000;
/** What setTimeout can count. */
const DELAY_MS_MAX = 2 ** 31 - 1;
/** Fresh ones come within this, or the old ones must do. */
const ANSWER_MS = 2_000;

/** @typedef {import("./types.js").IceConfiguration} IceConfiguration */

export class IceServers {
  #parts;
  /** @type {IceConfiguration | null} */
  #ice = null;
  #expiry = null;
  #answer = null;

  /**
   * @param {object} parts
   * @param {() => boolean} parts.ask say `ice.refresh`; false: nobody is there to hear
   * @param {(ice: IceConfiguration) => void} parts.configure
   * @param {(ice: IceConfiguration) => void} parts.restart
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {IceConfiguration | null} ice those of the state; null: none are needed any more */
  follow(ice) {
    if (ice === null) this.stop();
    const news = ice?.expires_at !== this.#ice?.expires_at;
    this.#ice = ice;
    if (news && ice?.expires_at) this.#wind(Date.parse(ice.expires_at));
  }

  /** @param {IceConfiguration} ice the answer */
  hear(ice) {
    this.follow(ice);
    if (this.#answer === null) this.#parts.configure(ice);
    else this.#restart();
  }

  /** With fresh servers if they come in time. Offline there is nobody to restart with. */
  restart() {
    if (!this.#parts.ask()) return;
    clearTimeout(this.#answer);
    this.#answer = setTimeout(() => this.#restart(), ANSWER_MS);
  }

  stop() {
    clearTimeout(this.#expiry);
    clearTimeout(this.#answer);
    this.#ice = this.#expiry = this.#answer = null;
  }

  #restart() {
    clearTimeout(this.#answer);
    this.#answer = null;
    if (this.#ice) this.#parts.restart(this.#ice);
  }

  #wind(/** @type {number} */ expiresAtMs) {
    clearTimeout(this.#expiry);
    const leftMs = expiresAtMs - Date.now() - MARGIN_MS;
    const delayMs = Math.min(Math.max(leftMs, EVERY_MS_MIN), DELAY_MS_MAX);
    this.#expiry = setTimeout(() => {
      this.#parts.ask();
      this.#wind(expiresAtMs); // Should no answer come.
    }, delayMs);
  }
}

/**
 * @param {IceConfiguration} ice
 * @returns {boolean} whether only relays may be used and there is none
 */
export function impossible({ ice_servers, ice_transport_policy }) {
  const urls = ice_servers.flatMap((server) => server.urls);
  return ice_transport_policy === "relay" && !urls.some((url) => /^turns?:/.test(url));
}
