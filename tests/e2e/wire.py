"""A door before the broker that knows AMQP: it counts deliveries, withholds acknowledgements.

AMQP 0-9-1 frames are type (1 byte), channel (2), size (4), payload, 0xCE; a method frame's payload
begins with the class and method ids. https://www.rabbitmq.com/amqp-0-9-1-protocol
"""

from collections.abc import Callable

from tests.e2e.door import Door, Filter

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
METHOD = 1
BASIC_DELIVER = b"\x00\x3c\x00\x3c"
BASIC_ACK = b"\x00\x3c\x00\x50"


class Wire(Door):
    """What passes between one service process and the broker.

    While acknowledgements are withheld, effects become durable and what follows from them is
    published, but as far as the broker knows nothing was ever finished.
    """

    def __init__(self, url: str, port: int) -> None:
        super().__init__(url, port)
        self.url = Door.address(url, port)
        self.holding = False
        self.withheld = 0
        self.delivered = 0
        self.redelivered = 0

    def hold(self) -> None:
        """From now on no acknowledgement passes; `withheld` counts them from 0."""
        self.withheld = 0
        self.holding = True

    def cut(self) -> None:
        """Every connection breaks; those that come after pass everything again."""
        self.holding = False
        super().cut()

    def filters(self) -> tuple[Filter, Filter]:
        return _of_frames(self._to_broker), _of_frames(self._from_broker)

    def _to_broker(self, frame: bytes) -> bool:
        if self.holding and frame[0] == METHOD and frame[7:11] == BASIC_ACK:
            self.withheld += 1
            return False
        return True

    def _from_broker(self, frame: bytes) -> bool:
        if frame[0] == METHOD and frame[7:11] == BASIC_DELIVER:
            # Consumer tag (a length byte and text), delivery tag (8 bytes), redelivered (1 byte).
            self.delivered += 1
            self.redelivered += frame[12 + frame[11] + 8] & 1
        return True


def _of_frames(passes: Callable[[bytes], bool]) -> Filter:
    """A filter of bytes as they come, that lets whole frames pass or not."""
    begun = b""

    def through(chunk: bytes) -> bytes:
        nonlocal begun
        frames, begun = _split(begun + chunk)
        return b"".join(frame for frame in frames if passes(frame))

    return through


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole frames, and the beginning of the next. The opening header counts as a frame."""
    frames = []
    begin = 0
    while len(data) - begin >= 8:
        size = int.from_bytes(data[begin + 3 : begin + 7], "big") + 8
        end = begin + (8 if data.startswith(PROTOCOL_HEADER, begin) else size)
        if end > len(data):
            break
        frames.append(data[begin:end])
        begin = end
    return frames, data[begin:]
