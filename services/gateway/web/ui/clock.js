/** The time of the server, by which deadlines are told; the clocks of phones are often off. */

// The Date header counts whole seconds: a smaller difference says nothing.
const TRUSTED_MS = 2_000;

let ahead = 0;

/** The server said it is `serverMs` now. */
export function learn(serverMs) {
  if (!Number.isFinite(serverMs)) return;
  const difference = serverMs + 500 - Date.now();
  ahead = Math.abs(difference) > TRUSTED_MS ? difference : 0;
}

/** Milliseconds since 1970, as the server counts them. */
export function now() {
  return Date.now() + ahead;
}

/** Seconds until an RFC 3339 time, never negative; 0 for none. */
export function secondsUntil(iso) {
  return iso ? Math.max(0, (Date.parse(iso) - now()) / 1000) : 0;
}

export function secondsSince(iso) {
  return iso ? Math.max(0, (now() - Date.parse(iso)) / 1000) : 0;
}
