/** What the server's frames make of the state that a client shows. Pure. */

/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").Frame} Frame */

/** @type {Readonly<State>} */
export const NOTHING = Object.freeze({
  version: 0,
  user: null,
  request: null,
  session: null,
  lastRequest: null,
  lastSession: null,
  waiting: null,
  peerAway: false,
  topics: null,
});

/**
 * The state after a frame. A type that is not known changes nothing: the server may be newer.
 * @param {Readonly<State>} state
 * @param {Frame} frame
 * @param {string} now RFC 3339: when what the frame says is taken to have happened
 * @returns {Readonly<State>}
 */
export function apply(state, frame, now) {
  const step = STEPS[frame.type];
  return step ? Object.freeze({ ...state, ...step(state, frame, now) }) : state;
}

/**
 * The state once a request is accepted over HTTP; the socket says nothing of that. Its fate may
 * have been told before the answer came.
 * @param {Readonly<State>} state
 * @param {any} accepted the 202
 * @param {Record<string, any>} asked
 * @param {string} now
 */
export function asked(state, accepted, asked, now) {
  const { request_id, status, expires_at, estimated_wait_s } = accepted;
  const told = [state.request, state.session, state.lastRequest, state.lastSession];
  if (status !== "pending" || told.some((one) => one?.request_id === request_id)) return state;
  const request = {
    request_id,
    since: now,
    expires_at,
    native_languages: asked.native_languages ?? state.user?.native_languages ?? [],
    practice_languages: asked.practice_languages ?? state.user?.practice_languages ?? [],
    requeued_from: null,
  };
  return Object.freeze({ ...state, request, waiting: { waited_s: 0, estimated_wait_s } });
}

/** @type {Record<string, (state: any, frame: any, now: string) => Partial<State>>} */
const STEPS = {
  "welcome": (state, frame) => ({
    version: frame.version,
    user: frame.user,
    request: frame.request,
    session: frame.session,
    lastRequest: frame.last_request,
    lastSession: frame.last_session,
    waiting: state.request?.request_id === frame.request?.request_id ? state.waiting : null,
    peerAway: frame.session?.peer_away ?? false,
    topics: frame.session?.topics ?? null,
  }),

  "match.waiting": (state, { request_id, waited_s, estimated_wait_s }) =>
    state.request?.request_id === request_id ? { waiting: { waited_s, estimated_wait_s } } : {},

  "match.found": (state, frame, now) => ({
    version: frame.version,
    request: null,
    waiting: null,
    lastRequest: ended(state, frame, "matched", "matched", now),
    session: {
      session_id: frame.session_id,
      request_id: frame.request_id,
      status: "waiting",
      partner: frame.partner,
      you_practise: frame.you_practise,
      partner_practises: frame.partner_practises,
      polite: frame.polite,
      join_by: frame.join_by,
      generation: 0,
      joined: false,
      partner_joined: false,
      relay_only: frame.ice?.ice_transport_policy === "relay",
      connect_by: null,
      active_at: null,
      ends_at: null,
      turn: null,
      ice: frame.ice,
      topics: null,
      peer_away: false,
    },
    peerAway: false,
    topics: null,
  }),

  "match.expired": (state, frame, now) => ({
    version: frame.version,
    ...withoutRequest(state, frame),
    lastRequest: ended(state, frame, "expired", "timeout", now),
  }),

  "match.cancelled": (state, frame, now) => ({
    version: frame.version ?? state.version,
    ...withoutRequest(state, frame),
    lastRequest: ended(state, frame, "cancelled", frame.reason, now),
  }),

  "match.requeued": (state, frame) => ({
    version: frame.version,
    request: {
      request_id: frame.request_id,
      since: frame.since,
      expires_at: frame.expires_at,
      native_languages: languages(state).native_languages,
      practice_languages: languages(state).practice_languages,
      requeued_from: frame.session_id,
    },
    waiting: null,
  }),

  "session.connecting": (state, frame) => ({
    version: frame.version,
    session: ofSession(state, frame, {
      status: "connecting",
      generation: frame.generation,
      connect_by: frame.connect_by,
      joined: true,
      partner_joined: true,
    }),
  }),

  "session.active": (state, frame) => ({
    version: frame.version,
    session: ofSession(state, frame, {
      status: "active",
      generation: frame.generation,
      active_at: frame.active_at,
      ends_at: frame.ends_at,
      turn: frame.turn,
      topics: frame.topics,
      joined: true,
      partner_joined: true,
    }),
    topics: frame.topics,
  }),

  "session.turn": (state, frame) => ({
    version: frame.version,
    session: ofSession(state, frame, { turn: frame.turn, topics: frame.topics }),
    topics: frame.topics,
  }),

  "session.ended": (state, { type, version, ...frame }, now) => ({
    version,
    ...withoutRequest(state, frame),
    lastSession: { ...frame, ended_at: now },
    ...(state.session?.session_id === frame.session_id
      ? { session: null, peerAway: false, topics: null }
      : {}),
  }),

  "peer.away": (state, frame) => away(state, frame, true),
  "peer.back": (state, frame) => away(state, frame, false),
  "ice": (state, frame) => ({ session: ofSession(state, frame, { ice: frame.ice }) }),

  // These change nothing here: the chat, the call and the link see to them.
  "chat": unchanged,
  "signal": unchanged,
  "pong": unchanged,
  "error": unchanged,
  "goodbye": unchanged,
};

/** The types of frame that this client knows. */
export const KNOWN = Object.freeze(Object.keys(STEPS));

function unchanged() {
  return {};
}

function ofSession(state, frame, change) {
  const { session } = state;
  return session?.session_id === frame.session_id ? { ...session, ...change } : session;
}

function away(state, frame, peerAway) {
  if (state.session?.session_id !== frame.session_id) return {};
  return { peerAway, session: { ...state.session, peer_away: peerAway } };
}

function withoutRequest(state, { request_id }) {
  return state.request?.request_id === request_id ? { request: null, waiting: null } : {};
}

/** A last request, with the languages it asked for: a requeue asks for the same. */
function ended(state, frame, status, reason, ended_at) {
  const { request_id, session_id = null } = frame;
  return { request_id, status, reason, ended_at, session_id, ...languages(state) };
}

function languages(state) {
  const last = [state.request, state.lastRequest].find((one) => one?.native_languages);
  const { native_languages = [], practice_languages = [] } = last ?? state.user ?? {};
  return { native_languages, practice_languages };
}
