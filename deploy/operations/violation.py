"""What an audit finds."""

from msgspec import Struct


class Violation(Struct, frozen=True, order=True):
    """`rule` does not hold of `subject`, mostly an id."""

    rule: str
    subject: str
    says: str
