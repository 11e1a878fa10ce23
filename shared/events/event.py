"""What every event carries."""

from msgspec import Struct, field

from shared.identifiers import EventId, new_event_id


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event carries. `correlation_id` is the request or call that began it."""

    event_id: EventId = field(default_factory=new_event_id)
    correlation_id: str
