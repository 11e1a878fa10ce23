"""The closed lists of words that are stored, sent and shown."""

import enum


class Level(enum.StrEnum):
    """CEFR levels of the Council of Europe, weakest first."""

    A1 = "A1"
    A2 = "A2"
    B1 = "B1"
    B2 = "B2"
    C1 = "C1"
    C2 = "C2"


class RequestStatus(enum.StrEnum):
    PENDING = "pending"
    MATCHED = "matched"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class RequestEndReason(enum.StrEnum):
    """Why a request left `pending`."""

    MATCHED = "matched"
    USER = "user"
    OFFLINE = "offline"
    ERASED = "erased"
    TIMEOUT = "timeout"


class SessionStatus(enum.StrEnum):
    WAITING = "waiting"
    CONNECTING = "connecting"
    ACTIVE = "active"
    ENDED = "ended"


class SessionEndReason(enum.StrEnum):
    ABANDONED = "abandoned"
    DECLINED = "declined"
    LEFT = "left"
    OFFLINE = "offline"
    FAILED = "failed"
    MAXIMUM = "maximum"
    BLOCKED = "blocked"
    ERASED = "erased"


class FailReason(enum.StrEnum):
    """Why a participant could not talk. Whose microphone is gone is not matched anew."""

    NETWORK = "network"
    MICROPHONE = "microphone"
    OTHER = "other"


class FeedbackTag(enum.StrEnum):
    """What a participant may say of a talk besides the rating."""

    FRIENDLY = "friendly"
    PATIENT = "patient"
    HELPFUL = "helpful"
    FUN = "fun"
    GOOD_AUDIO = "good-audio"
    BAD_AUDIO = "bad-audio"
    WRONG_LEVEL = "wrong-level"
    ONE_LANGUAGE_ONLY = "one-language-only"
    RUDE = "rude"


class ReportReason(enum.StrEnum):
    HARASSMENT = "harassment"
    HATE = "hate"
    SEXUAL = "sexual"
    MINOR = "minor"
    SPAM = "spam"
    SCAM = "scam"
    OTHER = "other"
