"""What the gateway counts: calls, sockets and their frames, limits, presence, promised waits."""

from shared.metrics import WAITS_S, counter, gauge, histogram

CALLS = histogram(
    "parley_http_seconds",
    "Calls answered, by method, route (as the contract names it) and class of status.",
    "method",
    "route",
    "status",
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

LIMITED = counter(
    "parley_limited",
    "Refused by a limit: calls by address, user or register; frames, signals and chats of sockets.",
    "limit",
)
LIMITS_OPEN = counter("parley_limits_open", "Times that limits were lifted for want of Redis.")

SOCKETS = gauge("parley_sockets_open", "Sockets open, with a hello or without one yet.")
CLOSED = counter(
    "parley_sockets_closed", "Sockets closed, by close code; gone: without any.", "code"
)
REFUSED = counter("parley_sockets_refused", "Handshakes refused, by status.", "status")
RESUMED = counter(
    "parley_resumes",
    "Welcomes: recovered (all that was relayed follows), lost (not all), fresh (nothing before).",
    "outcome",
)
HEARD = counter("parley_frames_received", "Frames of clients, by type.", "type")
SAID = counter("parley_frames_sent", "Frames to clients, by type.", "type")
RELAYED = counter(
    "parley_frames_relayed",
    "Frames for the partner: appended, repeated (said before), refused, unavailable.",
    "type",
    "outcome",
)

HELD = gauge("parley_presence_held", "1 while nobody is called silent because of an outage.")
HOLDS = counter("parley_presence_holds", "Sweeps of presence that an outage held back.")
SILENT = counter("parley_users_silent", "Users announced as silent with something open.")

ESTIMATES = counter("parley_estimates", "Waits asked for, by whether one was given.", "given")
ESTIMATED = histogram(
    "parley_wait_estimated_seconds", "What those were promised who were matched.", buckets=WAITS_S
)
REAL = histogram(
    "parley_wait_real_seconds", "How long those waited who were promised a time.", buckets=WAITS_S
)
ERROR = histogram(
    "parley_wait_error_seconds",
    "How far a promised wait was off: matched sooner or later than promised.",
    "matched",
    buckets=WAITS_S,
)

# What appears with its first count has no rate before it.
for _limit in ("address", "user", "register", "frames", "signals", "chats"):
    LIMITED.labels(_limit)
for _outcome in ("recovered", "lost", "fresh"):
    RESUMED.labels(_outcome)
for _given in ("yes", "no"):
    ESTIMATES.labels(_given)
for _matched in ("sooner", "later"):
    ERROR.labels(_matched)
for _status in ("403", "429", "503"):
    REFUSED.labels(_status)
for _type in ("signal", "chat"):
    for _relayed in ("appended", "repeated", "refused", "unavailable"):
        RELAYED.labels(_type, _relayed)
