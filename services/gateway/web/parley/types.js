/**
 * The shapes of what the server tells, as JSDoc types. Fields keep the names they have on the wire;
 * times are RFC 3339 texts, languages BCP 47 tags, durations seconds.
 */

/** @typedef {"A1"|"A2"|"B1"|"B2"|"C1"|"C2"} Level */
/** @typedef {{language: string, level: Level}} Practice */

/**
 * @typedef {object} Profile
 * @property {string} id
 * @property {string} display_name
 * @property {string[]} native_languages
 * @property {Practice[]} practice_languages
 * @property {string[]} interests
 * @property {boolean} relay_only
 * @property {string} created_at
 */

/**
 * @typedef {object} Registration
 * @property {string} display_name
 * @property {string[]} native_languages
 * @property {Practice[]} practice_languages
 * @property {string[]} [interests]
 * @property {boolean} [relay_only] never show this user's address to a partner
 */

/** @typedef {{access_token: string, refresh_token: string, expires_in: number}} TokenPair */

/**
 * @typedef {object} Partner
 * @property {string} id
 * @property {string} display_name
 * @property {string[]} native_languages
 * @property {Practice[]} practice_languages
 * @property {string[]} shared_interests
 */

/**
 * @typedef {object} PendingRequest
 * @property {string} request_id
 * @property {string} since
 * @property {string} expires_at
 * @property {string[]} native_languages
 * @property {Practice[]} practice_languages
 * @property {string | null} [requeued_from] the session it follows
 */

/**
 * @typedef {object} EndedRequest
 * @property {string} request_id
 * @property {"matched"|"cancelled"|"expired"} status
 * @property {"matched"|"user"|"offline"|"erased"|"timeout"} reason
 * @property {string} ended_at
 * @property {string | null} [session_id] what a match became
 */

/**
 * @typedef {object} IceConfiguration
 * @property {RTCIceServer[]} ice_servers
 * @property {"all"|"relay"} ice_transport_policy
 * @property {string | null} [expires_at] of the credentials
 */

/**
 * @typedef {object} Turn
 * @property {number} number from 0
 * @property {string} language spoken from `since` until `until`
 * @property {string} since
 * @property {string} until
 * @property {Level | null} [level] of whoever practises it
 */

/**
 * @typedef {object} Topics
 * @property {string} language
 * @property {string[]} prompts the same for both
 * @property {Level | null} [level]
 * @property {boolean} [fallback] there are none in the turn's language: these are English
 */

/**
 * @typedef {object} Session the live one, from this user's side
 * @property {string} session_id
 * @property {string} request_id
 * @property {"waiting"|"connecting"|"active"} status
 * @property {Partner} partner
 * @property {string} you_practise
 * @property {string} partner_practises
 * @property {boolean} polite
 * @property {string} join_by
 * @property {number} generation
 * @property {boolean} joined
 * @property {boolean} partner_joined
 * @property {boolean} relay_only
 * @property {string | null} connect_by
 * @property {string | null} active_at
 * @property {string | null} ends_at
 * @property {Turn | null} turn
 * @property {IceConfiguration} ice
 * @property {Topics | null} topics
 * @property {boolean} peer_away
 */

/**
 * @typedef {object} EndedSession
 * @property {string} session_id
 * @property {string} request_id
 * @property {"abandoned"|"declined"|"left"|"offline"|"failed"|"maximum"|"blocked"|"erased"} reason
 * @property {string} ended_at
 * @property {number} duration_s
 * @property {boolean} completed_minimum
 * @property {string | null} [requeued_as]
 * @property {boolean} by_you it ended by what this user did or failed to do
 * @property {number} practised_s
 * @property {number} partner_practised_s
 */

/**
 * @typedef {object} State what a client shows
 * @property {number} version
 * @property {Profile | null} user
 * @property {PendingRequest | null} request
 * @property {Session | null} session
 * @property {EndedRequest | null} lastRequest
 * @property {EndedSession | null} lastSession
 * @property {{waited_s: number, estimated_wait_s: number | null} | null} waiting
 * @property {boolean} peerAway
 * @property {Topics | null} topics
 */

/**
 * @typedef {object} ChatItem
 * @property {string} id
 * @property {boolean} mine
 * @property {string} text
 * @property {string} sent_at by the server's clock, once it is not pending
 * @property {boolean} pending on its way
 * @property {boolean} [failed] the server would not take it
 */

/** @typedef {"idle"|"joining"|"negotiating"|"connected"|"recovering"|"failed"} Phase */

/**
 * @typedef {object} CallView
 * @property {Phase} phase
 * @property {MediaStream | null} remoteStream another one after each new generation
 * @property {boolean} muted
 * @property {"network"|"relay-impossible"|"microphone"|"other"|null} failure why the last call failed
 * @property {"leave"|"decline"|"failed"|null} parting said, not yet confirmed by the server
 * @property {() => number} level of the partner's voice just now, 0 to 1
 * @property {() => Promise<RTCStatsReport> | null} stats of the connection
 */

/** @typedef {{type: string, [field: string]: any}} Frame see docs/protocol.md */

export {};
