"""What asyncpg raises, mapped to Parley's errors in this one place."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from shared.errors import Rejected, Unavailable


class Overtaken(Unavailable):
    """Another transaction came between: nothing was changed, try the whole again."""

    def __init__(self) -> None:
        super().__init__("postgres")


_OVERTAKEN = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidCachedStatementError,  # a migration came between; prepared anew next time
    asyncpg.OutdatedSchemaCacheError,
)
_UNAVAILABLE = (
    OSError,  # refused, reset, and every time-out
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.OperatorInterventionError,  # shutting down, starting, statement time-out
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # connected to a standby after a failover
    asyncpg.InternalClientError,  # the protocol was cut in the middle
)


@contextmanager
def failures_mapped() -> Iterator[None]:
    """Raises `Unavailable("postgres")`, `Rejected` for data no retry can help, or `Overtaken`."""
    try:
        yield
    except asyncpg.DataError as error:
        raise Rejected(f"Postgres cannot store this: {error}") from error
    except _OVERTAKEN as error:
        raise Overtaken from error
    except _UNAVAILABLE as error:
        raise Unavailable("postgres") from error
    except asyncpg.InterfaceError as error:
        if "clos" in str(error):  # "connection is closed", "pool is closing"
            raise Unavailable("postgres") from error
        raise
