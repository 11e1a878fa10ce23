/** How long to wait before the next try: 0.5 s doubling to 30 s, full jitter. */

const FIRST_MS = 500;
const MOST_MS = 30_000;

export class BackOff {
  #random;
  #attempt = 0;

  /** @param {() => number} random in [0, 1) */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** @returns {number} milliseconds, drawn anew and on average longer with each call */
  next() {
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** this.#attempt);
    this.#attempt = Math.min(this.#attempt + 1, 16);
    return this.#random() * most;
  }

  reset() {
    this.#attempt = 0;
  }
}
