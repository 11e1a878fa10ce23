/** What went wrong with a call, in words, and trying again when that makes sense. */

import { button, h, say, set, show } from "./dom.js";
import { duration, has, t } from "./i18n.js";

/** The text for a Problem, or for whatever else was thrown. */
export function problemText(problem) {
  if (has(`problem.${problem.code}`)) return t(`problem.${problem.code}`);
  return problem.status >= 500 ? t("problem.unavailable") : t("problem.other");
}

/**
 * A box that tells a problem. `attempt(work)` runs it, shows what it throws and offers to run it
 * again, not before the server said so; resolves to true if it went well.
 */
export function problemBox() {
  const text = h("p");
  const wait = h("p", { class: "hint" });
  const again = button(t("action.tryAgain"), () => box.repeat(), { picture: "retry" });
  const node = h("div", { class: "problem", role: "alert", hidden: true }, text, again);
  const holder = h("div", { hidden: true }, node, wait);
  const box = { node: holder, attempt, clear, repeat: () => {} };
  let timer = null;

  function clear() {
    clearInterval(timer);
    show(holder, false);
    show(node, false);
    say(text, "");
    say(wait, "");
  }

  async function attempt(work, { retry = true } = {}) {
    clear();
    try {
      await work();
      return true;
    } catch (problem) {
      if (!problem.code) console.error(problem);
      tell(problem, retry ? () => attempt(work) : null);
      return false;
    }
  }

  function tell(problem, repeat) {
    say(text, problemText(problem));
    box.repeat = repeat ?? (() => {});
    show(again, Boolean(repeat) && mayPass(problem));
    show(holder, true);
    show(node, true);
    pause(problem.retryAfterS ?? 0);
  }

  function pause(seconds) {
    const until = Date.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      set(again, "disabled", left > 0);
      say(wait, left > 0 ? t("problem.wait", { time: duration(left) }) : "");
      if (left <= 0) clearInterval(timer);
    };
    timer = setInterval(tick, 500);
    tick();
  }

  return box;
}

/** Faults of what was entered do not go away by asking again. */
function mayPass({ code, status }) {
  return !code || code === "offline" || status === 429 || status >= 500;
}

/** Run `work` with the button busy meanwhile, so that nothing is sent twice. */
export async function busy(pressed, work) {
  if (pressed.getAttribute("aria-busy")) return;
  set(pressed, "aria-busy", "true");
  try {
    await work();
  } finally {
    set(pressed, "aria-busy", null);
  }
}
