"""What to tell of the live session: found, connecting, talking, whose turn it is. Pure."""

from datetime import datetime

import msgspec
from msgspec import Struct

from services.gateway.realtime import topics
from services.gateway.realtime.protocol import (
    IceConfiguration,
    MatchFound,
    SessionActive,
    SessionConnecting,
    SessionTurn,
    SessionView,
)
from shared.domain import LiveSession, SessionStatus, Turn, UserState


def view(session: LiveSession, ice: IceConfiguration, peer_away: bool) -> SessionView:
    """The live session as a welcome tells it."""
    turn = session.turn
    return SessionView(
        **msgspec.structs.asdict(session),
        ice=ice,
        topics=topics.pick(turn, session.session_id) if turn is not None else None,
        peer_away=peer_away,
    )


def found(before: UserState, after: UserState, ice: IceConfiguration) -> MatchFound | None:
    """A session that the client does not know."""
    session = after.session
    if session is None or _shown(before, session) is not None:
        return None
    return MatchFound(
        version=after.version,
        request_id=session.request_id,
        session_id=session.session_id,
        partner=session.partner,
        you_practise=session.you_practise,
        partner_practises=session.partner_practises,
        polite=session.polite,
        join_by=session.join_by,
        ice=ice,
    )


def _shown(before: UserState, session: LiveSession) -> LiveSession | None:
    """This session as the client knows it."""
    shown = before.session
    return shown if shown is not None and shown.session_id == session.session_id else None


def connecting(before: UserState, after: UserState) -> SessionConnecting | None:
    """That both have joined, or that they must negotiate anew."""
    session = after.session
    if session is None or session.status is not SessionStatus.CONNECTING:
        return None
    shown = _shown(before, session)
    if shown is not None and shown.status is session.status and not _anew(shown, session):
        return None
    assert session.connect_by is not None, "a session that connects has a deadline for it"
    return SessionConnecting(
        version=after.version,
        session_id=session.session_id,
        generation=session.generation,
        connect_by=session.connect_by,
    )


def talking(before: UserState, after: UserState) -> SessionActive | SessionTurn | None:
    """That they talk at last or must negotiate anew, and whose turn it is; or the turn alone."""
    session = after.session
    talk = _talk(session)
    if session is None or talk is None:
        return None
    shown = _shown(before, session)
    offered = topics.pick(talk.turn, session.session_id)
    if shown is None or _talk(shown) is None or _anew(shown, session):
        return SessionActive(
            version=after.version,
            session_id=session.session_id,
            generation=session.generation,
            active_at=talk.active_at,
            ends_at=talk.ends_at,
            turn=talk.turn,
            topics=offered,
        )
    if shown.turn == talk.turn:
        return None
    return SessionTurn(
        version=after.version, session_id=session.session_id, turn=talk.turn, topics=offered
    )


def _anew(shown: LiveSession, session: LiveSession) -> bool:
    return session.generation > shown.generation


class _Talk(Struct, frozen=True):
    active_at: datetime
    ends_at: datetime
    turn: Turn


def _talk(session: LiveSession | None) -> _Talk | None:
    """What an active session has and no other."""
    if session is None or session.status is not SessionStatus.ACTIVE:
        return None
    active_at, ends_at, turn = session.active_at, session.ends_at, session.turn
    assert active_at is not None and ends_at is not None and turn is not None
    return _Talk(active_at, ends_at, turn)
