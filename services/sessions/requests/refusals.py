"""Refusals that several answers share."""

from shared.errors import Refused


def unknown_user() -> Refused:
    return Refused("unknown-user", "no such user")


def unknown_request() -> Refused:
    return Refused("unknown-request", "no such request of this user")


def unknown_session() -> Refused:
    return Refused("unknown-session", "no such session of this user")


def idempotency_mismatch() -> Refused:
    return Refused("idempotency-mismatch", "this idempotency key was used with another body")


def relay_unavailable() -> Refused:
    """Nobody's address is shown for want of a relay."""
    return Refused(
        "relay-unavailable",
        "your profile allows calls through a relay only, and no relay is set up here",
    )
