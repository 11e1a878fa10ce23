"""What happens to one user, as sessions would tell it: each step is the next state."""

from datetime import UTC, datetime, timedelta

import msgspec

from shared.domain import (
    EndedRequest,
    EndedSession,
    Level,
    LiveSession,
    Partner,
    PendingRequest,
    Practice,
    Profile,
    RequestEndReason,
    RequestStatus,
    SessionEndReason,
    SessionStatus,
    Turn,
    UserState,
)
from shared.identifiers import RequestId, SessionId, UserId, new_id

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEN = UserId("01935000-0000-7000-8000-00000000000b")
ENGLISH = (Practice("en", Level.B1),)
SPANISH = (Practice("es", Level.B1),)


def profile(user_id: UserId) -> Profile:
    return Profile(
        id=user_id,
        display_name="Ana",
        native_languages=("es",),
        practice_languages=ENGLISH,
        interests=("film",),
        relay_only=False,
        created_at=NOON,
    )


class Life:
    """Begins registered and idle. Ids count up, so that a failing path reads well."""

    def __init__(self, user_id: UserId | None = None) -> None:
        self.user_id = user_id or UserId(new_id())
        self.state = UserState(version=1, user=profile(self.user_id))
        self.states = [self.state]
        self._count = 0

    def ask(self) -> UserState:
        return self._next(request=self._pending())

    def match(self) -> UserState:
        request = self._request()
        session = LiveSession(
            session_id=SessionId(self._id("s")),
            request_id=request.request_id,
            status=SessionStatus.WAITING,
            partner=Partner(
                id=BEN,
                display_name="Ben",
                native_languages=("en",),
                practice_languages=SPANISH,
                shared_interests=("film",),
            ),
            you_practise="en",
            partner_practises="es",
            polite=True,
            join_by=NOON + timedelta(seconds=30),
        )
        ended = self._ended(RequestStatus.MATCHED, RequestEndReason.MATCHED, session.session_id)
        return self._next(request=None, session=session, last_request=ended)

    def join(self) -> UserState:
        """Of whoever has not: this user first. The second join makes it connecting."""
        session = self.live()
        if not session.joined:
            return self._going_on(joined=True, generation=session.generation + 1)
        return self._going_on(
            partner_joined=True,
            generation=session.generation + 1,
            status=SessionStatus.CONNECTING,
            connect_by=NOON + timedelta(seconds=60),
        )

    def connect(self) -> UserState:
        """Both do: the first turn begins, in Spanish."""
        return self._going_on(
            status=SessionStatus.ACTIVE,
            active_at=NOON,
            ends_at=NOON + timedelta(hours=1),
            turn=_turn(0),
        )

    def turn(self) -> UserState:
        turn = self.live().turn
        assert turn is not None
        return self._going_on(turn=_turn(turn.number + 1))

    def join_again(self) -> UserState:
        """One of the two, on a newer connection."""
        return self._going_on(generation=self.live().generation + 1)

    def live(self) -> LiveSession:
        assert self.state.session is not None
        return self.state.session

    def _going_on(self, **changes: object) -> UserState:
        return self._next(session=msgspec.structs.replace(self.live(), **changes))

    def cancel(self) -> UserState:
        ended = self._ended(RequestStatus.CANCELLED, RequestEndReason.USER)
        return self._next(request=None, last_request=ended)

    def expire(self) -> UserState:
        ended = self._ended(RequestStatus.EXPIRED, RequestEndReason.TIMEOUT)
        return self._next(request=None, last_request=ended)

    def hang_up(self, *, requeued: bool = False) -> UserState:
        session = self.live()
        request = self._pending(session.session_id) if requeued else None
        ended = EndedSession(
            session_id=session.session_id,
            request_id=session.request_id,
            reason=SessionEndReason.ABANDONED,
            ended_at=NOON,
            duration_s=0,
            completed_minimum=False,
            requeued_as=request.request_id if request else None,
        )
        return self._next(session=None, request=request, last_session=ended)

    def rename(self) -> UserState:
        """A change that no frame shows."""
        return self._next()

    def erase(self) -> UserState:
        return self._next(request=None, session=None, erased=True)

    def _next(self, **changes: object) -> UserState:
        version = self.state.version + 1
        self.state = msgspec.structs.replace(self.state, version=version, **changes)
        self.states.append(self.state)
        return self.state

    def _pending(self, requeued_from: SessionId | None = None) -> PendingRequest:
        return PendingRequest(
            request_id=RequestId(self._id("r")),
            since=NOON,
            expires_at=NOON + timedelta(minutes=5),
            native_languages=("es",),
            practice_languages=ENGLISH,
            requeued_from=requeued_from,
        )

    def _ended(
        self,
        status: RequestStatus,
        reason: RequestEndReason,
        session_id: SessionId | None = None,
    ) -> EndedRequest:
        return EndedRequest(
            request_id=self._request().request_id,
            status=status,
            reason=reason,
            ended_at=NOON,
            session_id=session_id,
        )

    def _request(self) -> PendingRequest:
        assert self.state.request is not None
        return self.state.request

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"


def _turn(number: int) -> Turn:
    since = NOON + number * timedelta(minutes=10)
    return Turn(
        number=number,
        language=("es", "en")[number % 2],
        since=since,
        until=since + timedelta(minutes=10),
        level=Level.B1,
    )
