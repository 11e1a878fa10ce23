/** Who waits for whom: the figures of the queue, seen from one user's side. */

import { primaryOf } from "./languages.js";

/**
 * For each language one speaks and each one practises: how many wait on the other side, and how
 * long one would wait oneself (null: there is no honest estimate).
 */
export function pairsOf(user, status) {
  return user.native_languages.flatMap((native) =>
    user.practice_languages.map(({ language, level }) => {
      const theirs = figure(status, primaryOf(language), primaryOf(native));
      const mine = figure(status, primaryOf(native), primaryOf(language));
      const waiting = theirs?.waiting ?? 0;
      const atOnce = waiting > (mine?.waiting ?? 0);
      return {
        native,
        language,
        level,
        waiting,
        estimate: atOnce ? 0 : (mine?.estimated_wait_s ?? null),
      };
    }),
  );
}

function figure(status, native, practice) {
  return status.pairs.find((pair) => pair.native === native && pair.practice === practice);
}

/**
 * Languages the user neither speaks nor practises whose speakers wait for one of the user's own:
 * `{language, native, waiting}`, most waiting first.
 */
export function offersFor(user, status) {
  const natives = user.native_languages.map(primaryOf);
  const known = [...natives, ...user.practice_languages.map(({ language }) => primaryOf(language))];
  return status.pairs
    .filter(({ native, practice }) => natives.includes(practice) && !known.includes(native))
    .filter(({ waiting }) => waiting > 0)
    .map(({ native, practice, waiting }) => ({ language: native, native: practice, waiting }))
    .sort((a, b) => b.waiting - a.waiting);
}

/** Asks for the figures every few seconds while the page is seen; `told(status)` gets them. */
export function watchQueue(parley, told, everyMs = 5_000) {
  let timer = null;
  let over = false;
  async function ask() {
    try {
      if (!document.hidden) {
        const status = await parley.queueStatus();
        if (!over) told(status);
      }
    } catch {
      if (!over) told(null);
    }
    if (!over) timer = setTimeout(ask, everyMs);
  }
  ask();
  return () => {
    over = true;
    clearTimeout(timer);
  };
}
