"""What to tell a client that knows one state when another is present. Pure.

A state names what is open and how the last request and session ended. That bridges one step, and
several if they are of one line (found, ended, requeued, found again). When the client holds a
request or session whose fate the present state no longer tells, only a welcome can tell it.
"""

from services.gateway.realtime import talk
from services.gateway.realtime.protocol import (
    IceConfiguration,
    Limits,
    MatchCancelled,
    MatchExpired,
    MatchRequeued,
    SessionEnded,
    StateFrame,
    Welcome,
)
from shared.domain import EndedRequest, RequestStatus, UserState


def frames(
    before: UserState | None, after: UserState, ice: IceConfiguration
) -> tuple[StateFrame, ...] | None:
    """The frames that lead from `before` to `after`, in the order things happened.

    `ice` is what the session of `after` is connected with, if it has one. Empty when there is
    nothing to tell: an older or equal version, or a change no frame shows.
    None when frames cannot tell it and a welcome must.
    """
    if before is None:
        return None
    if after.version <= before.version:
        return ()
    if not _bridges(before, after):
        return None
    told = (
        _session_ended(before, after),
        _request_ended(before, after),
        _requeued(before, after),
        talk.found(before, after, ice),
        talk.connecting(before, after),
        talk.talking(before, after),
    )
    return tuple(frame for frame in told if frame is not None)


def welcome(
    state: UserState,
    ice: IceConfiguration,
    heartbeat_s: float,
    limits: Limits,
    id: str | None = None,
    *,
    peer_away: bool = False,
    offset: str = "0-0",
    recovered: bool = True,
) -> Welcome:
    """The whole present state."""
    session = state.session
    return Welcome(
        user=state.user,
        version=state.version,
        heartbeat_s=heartbeat_s,
        limits=limits,
        request=state.request,
        session=talk.view(session, ice, peer_away) if session is not None else None,
        last_request=state.last_request,
        last_session=state.last_session,
        offset=offset,
        recovered=recovered,
        id=id,
    )


def _bridges(before: UserState, after: UserState) -> bool:
    """Whether `after` still names the session and the request that `before` had open."""
    session, ended = after.session, after.last_session
    if before.session is not None:
        named = {known.session_id for known in (session, ended) if known is not None}
        return before.session.session_id in named
    if before.request is not None:
        known = (after.request, after.last_request, session, ended)
        return before.request.request_id in {one.request_id for one in known if one is not None}
    return True


def _session_ended(before: UserState, after: UserState) -> SessionEnded | None:
    ended = after.last_session
    if ended is None:
        return None
    if before.last_session is not None and before.last_session.session_id == ended.session_id:
        return None
    return SessionEnded(
        version=after.version,
        session_id=ended.session_id,
        request_id=ended.request_id,
        reason=ended.reason,
        duration_s=ended.duration_s,
        completed_minimum=ended.completed_minimum,
        requeued_as=ended.requeued_as,
        by_you=ended.by_you,
        practised_s=ended.practised_s,
        partner_practised_s=ended.partner_practised_s,
    )


def _request_ended(before: UserState, after: UserState) -> MatchExpired | MatchCancelled | None:
    """A matched request is told by its session: found, or ended already."""
    ended = after.last_request
    if ended is None or _same(before.last_request, ended):
        return None
    if ended.status is RequestStatus.EXPIRED:
        return MatchExpired(version=after.version, request_id=ended.request_id)
    if ended.status is RequestStatus.CANCELLED:
        return MatchCancelled(
            version=after.version, request_id=ended.request_id, reason=ended.reason
        )
    return None


def _same(before: EndedRequest | None, after: EndedRequest) -> bool:
    return before is not None and before.request_id == after.request_id


def _requeued(before: UserState, after: UserState) -> MatchRequeued | None:
    request = after.request
    if request is None or request.requeued_from is None:
        return None
    if before.request is not None and before.request.request_id == request.request_id:
        return None
    return MatchRequeued(
        version=after.version,
        request_id=request.request_id,
        session_id=request.requeued_from,
        since=request.since,
        expires_at=request.expires_at,
    )
