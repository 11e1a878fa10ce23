"""The names of the pool's keys. All carry the hash tag `{pool}`: a script runs on one node.

tickets          hash    request id → ticket (JSON)
attempts         hash    request id → attempt
waiting          zset    request ids by since, ms
expiries         zset    request ids by expires_at, ms
bucket:<n>:<p>   zset    request ids of those native in n practising p, by since
buckets          set     keys of the buckets that may hold something
tombstone:<id>   hash    how a ticket left: outcome, attempt, match (JSON); expires
unpublished      hash    match id → match (JSON)
claimed          zset    match ids of the unpublished by the time they were claimed, ms
met:<user>       zset    users someone was matched with lately; expires
waits:<n>:<p>    list    recent waits of the matched, ms, newest first; expires
epoch            string  run_id of the Redis that sessions has filled
sweep            string  the process that sweeps now; expires
"""

TICKETS = "{pool}:tickets"
ATTEMPTS = "{pool}:attempts"
WAITING = "{pool}:waiting"
EXPIRIES = "{pool}:expiries"
BUCKETS = "{pool}:buckets"
UNPUBLISHED = "{pool}:unpublished"
CLAIMED = "{pool}:claimed"
EPOCH = "{pool}:epoch"
SWEEP = "{pool}:sweep"

_BUCKET = "{pool}:bucket:"


def bucket(native: str, practice: str) -> str:
    return f"{_BUCKET}{native}:{practice}"


def languages_of(bucket_key: str) -> tuple[str, str]:
    """(native, practice) of a bucket's key."""
    native, practice = bucket_key.removeprefix(_BUCKET).split(":")
    return native, practice


def waits(native: str, practice: str) -> str:
    return f"{{pool}}:waits:{native}:{practice}"


def tombstone(request_id: str) -> str:
    return f"{{pool}}:tombstone:{request_id}"


def met(user_id: str) -> str:
    return f"{{pool}}:met:{user_id}"
