/** Which step of the journey a page shows: a pure function of what is known. */

/** The pages somebody may open while nothing is under way. */
export const PAGES = ["home", "history", "talk", "settings", "microphone", "relay-unavailable"];

/** Why the client stopped for good, as far as that is a step of its own. */
const STOPPED = {
  "erased": "erased",
  "signed-out": "signed-out",
  "not-authenticated": "signed-out",
};

/**
 * `notice`: why nobody is signed in any more. `watched`: the request or session this page last saw
 * alive, `{kind, id}`; how it ended is shown until it is dismissed.
 */
export function stepOf({ notice, signedIn, link, stopReason, state, phase, watched, page }) {
  if (!signedIn) return notice ?? "signup";
  if (link === "replaced") return "replaced";
  if (link === "stopped") return STOPPED[stopReason] ?? "stopped";
  if (!state) return "loading";
  if (state.session) return liveStep(state.session, phase);
  if (state.request) return state.request.requeued_from ? "requeued" : "waiting";
  return outcomeOf(state, watched)?.step ?? page;
}

/** A page without a call of its own in a session under way was reloaded: it joins again. */
function liveStep(session, phase) {
  const here = phase !== "idle";
  if (session.status === "waiting") return here ? "connecting" : "found";
  if (!here) return "rejoin";
  return session.status === "active" ? "call" : "connecting";
}

/** How what was watched ended: `{step, session?, request?}`; null: there is nothing to tell. */
export function outcomeOf(state, watched) {
  if (!watched || state.request || state.session) return null;
  const { lastRequest: request, lastSession: session } = state;
  if (session && isOf(session, watched)) {
    const next = session.requeued_as;
    if (!next) return { step: sessionStep(session), session };
    return request?.request_id === next ? requestOutcome(request) : null;
  }
  if (watched.kind === "request" && request?.request_id === watched.id)
    return requestOutcome(request);
  return null;
}

function isOf(session, watched) {
  return watched.id === (watched.kind === "session" ? session.session_id : session.request_id);
}

function requestOutcome(request) {
  if (request.status === "expired") return { step: "expired", request };
  if (request.reason === "offline") return { step: "away", request };
  return null;
}

function sessionStep(session) {
  if (session.reason === "declined") return "declined";
  if (session.reason === "abandoned") return "missed";
  return "ended";
}
