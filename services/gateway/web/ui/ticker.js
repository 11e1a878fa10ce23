/** A worker that only says that time passes: the timers of a page nobody sees are held back. */

const TICK_MS = 500;

setInterval(() => postMessage(null), TICK_MS);
