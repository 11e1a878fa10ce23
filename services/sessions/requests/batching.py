"""Opens that arrive together share one transaction."""

import asyncio
import contextvars
from collections import deque
from functools import partial

from msgspec import Struct

from services.sessions.config import Settings
from services.sessions.outbox import Outbox
from services.sessions.requests.opening import Outcome, open_requests
from services.sessions.store.database import Transaction
from shared import tracing
from shared.errors import Unavailable
from shared.identifiers import UserId
from shared.requests import OpenRequest, RequestOpened


class _Waiting(Struct, eq=False):
    """Somebody's question, the trace it belongs to, and where the answer goes."""

    asked: OpenRequest
    trace: str
    answer: "asyncio.Future[RequestOpened]"


class Openings:
    """Gathers opens while others commit, then takes all that gathered in one transaction.

    A batch skips users whom another transaction has locked; these are taken alone, so that
    nobody waits for another's lock. Of one user a batch takes one.
    """

    def __init__(self, outbox: Outbox, settings: Settings, tasks: asyncio.TaskGroup) -> None:
        self._outbox = outbox
        self._settings = settings
        self._tasks = tasks
        self._gathered: deque[_Waiting] = deque()
        self._free = settings.open_batches_in_flight

    async def open_request(self, asked: OpenRequest) -> RequestOpened:
        """Raises `Refused` and `Unavailable`."""
        answer: asyncio.Future[RequestOpened] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(asked, tracing.carried(), answer)
        self._gathered.append(waiting)
        self._start()
        return await answer

    def _start(self) -> None:
        if self._gathered and self._free:
            self._free -= 1
            # Not under the ids of whoever comes first: it works for all who come.
            self._tasks.create_task(self._work(), context=contextvars.Context())

    async def _work(self) -> None:
        """Take batches until nothing is left to take."""
        try:
            while batch := self._take():
                await self._commit(batch)
        finally:
            self._free += 1

    def _take(self) -> dict[UserId, _Waiting]:
        """The oldest, one of each user; a user's second one waits for the next batch."""
        batch: dict[UserId, _Waiting] = {}
        left: list[_Waiting] = []
        while self._gathered and len(batch) < self._settings.open_batch_max:
            waiting = self._gathered.popleft()
            if waiting.answer.cancelled():
                continue
            if waiting.asked.user_id in batch:
                left.append(waiting)
            else:
                batch[waiting.asked.user_id] = waiting
        self._gathered.extendleft(reversed(left))
        return batch

    async def _commit(self, batch: dict[UserId, _Waiting]) -> None:
        try:
            outcomes = await self._transact(batch, skip_locked=True)
        except Unavailable as error:
            _answer_all(batch, error)
            return
        except Exception:  # somebody's question is at fault: it must not hurt the others
            outcomes = {}
        for user_id, waiting in batch.items():
            if user_id in outcomes:
                _answer(waiting, outcomes[user_id])
            else:
                self._tasks.create_task(self._alone(waiting))

    async def _alone(self, waiting: _Waiting) -> None:
        user_id = waiting.asked.user_id
        try:
            outcomes = await self._transact({user_id: waiting}, skip_locked=False)
            _answer(waiting, outcomes[user_id])
        except Exception as error:  # whoever asked is told, and the bus logs what it is
            _answer(waiting, error)

    async def _transact(
        self, batch: dict[UserId, _Waiting], *, skip_locked: bool
    ) -> dict[UserId, Outcome]:
        body = partial(_open_locked, batch=batch, settings=self._settings, alone=not skip_locked)
        first, *others = [waiting.trace for waiting in batch.values()]
        with tracing.span(
            "open requests", tracing.INTERNAL, first, others, parley__requests=len(batch)
        ):
            return await self._outbox.transact(list(batch), body, skip_locked=skip_locked)


async def _open_locked(
    transaction: Transaction,
    *,
    batch: dict[UserId, _Waiting],
    settings: Settings,
    alone: bool,
) -> dict[UserId, Outcome]:
    """Open for those who are locked; who is not, alone, does not exist."""
    mine = {
        user_id: each.asked
        for user_id, each in batch.items()
        if alone or user_id in transaction.locked
    }
    outcomes = await open_requests(transaction, mine, settings)
    for user_id, outcome in outcomes.items():
        if isinstance(outcome, RequestOpened):
            transaction.traces[outcome.request.request_id] = batch[user_id].trace
    return outcomes


def _answer(waiting: _Waiting, outcome: Outcome | Exception) -> None:
    if waiting.answer.done():
        return  # whoever asked has gone
    if isinstance(outcome, RequestOpened):
        waiting.answer.set_result(outcome)
    else:
        waiting.answer.set_exception(outcome)


def _answer_all(batch: dict[UserId, _Waiting], error: Exception) -> None:
    for waiting in batch.values():
        _answer(waiting, error)
