"""Refusals that several answers share."""

from shared.errors import Refused


def unknown_user() -> Refused:
    return Refused("unknown-user", "no such user")


def unknown_request() -> Refused:
    return Refused("unknown-request", "no such request of this user")


def unknown_session() -> Refused:
    return Refused("unknown-session", "no such session of this user")
