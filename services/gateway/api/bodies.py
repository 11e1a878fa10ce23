"""Reading what a caller sends: bounded bodies, strictly typed, and query parameters."""

import asyncio
import re
from typing import TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway.api.problems import FieldError, Invalid
from services.gateway.api.settings import ApiSettings
from shared.errors import Refused

B = TypeVar("B", bound=Struct)

_WHERE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[^\]]*)\]")


class BodyTooLarge(Refused):
    """More bytes than any call takes; told by the length or found while reading."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__("body-too-large", f"A body has at most {bytes_max} bytes.")


async def read(request: Request, settings: ApiSettings) -> bytes:
    """The whole body, at most `body_bytes_max` bytes of it whether or not a length was declared.

    Refused: `body-too-large`, `body-timeout`.
    """
    bytes_max = settings.body_bytes_max
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > bytes_max:
        raise BodyTooLarge(bytes_max)
    body = bytearray()
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > bytes_max:
                    raise BodyTooLarge(bytes_max)
    except TimeoutError:
        raise Refused("body-timeout", "The body did not arrive in time.") from None
    return bytes(body)


def decode(request: Request, body: bytes, decoder: msgspec.json.Decoder[B]) -> B:
    """The body as the decoder's type.

    Refused: `unsupported-media-type`, `malformed-json` (no JSON at all, 400) and `invalid-body`
    (JSON of another shape or type, 422, naming the field).
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refused("unsupported-media-type", "Send the body as application/json.")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        _check_syntax(body)  # the type may be found wrong before the syntax is
        raise Invalid([_field_error(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(error) from None


def _check_syntax(body: bytes) -> None:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from None


def _malformed(error: Exception) -> Refused:
    return Refused("malformed-json", f"The body is not JSON: {error}.")


def query(request: Request, kind: type[B]) -> B:
    """The query parameters as that type; those it does not know say nothing.

    Refused: `invalid-query`, naming the parameter.
    """
    given = dict(request.query_params)
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        wrong = _field_error(str(error))
        name = (wrong.pointer or "").removeprefix("/")
        named = FieldError(f"{name}: {wrong.detail}", parameter=name)
        raise Invalid([named], "invalid-query") from None


def _field_error(message: str) -> FieldError:
    """msgspec says "Expected `str`, got `int` - at `$.a[0]`"; this names the field as `/a/0`."""
    match = _WHERE.fullmatch(message)
    assert match is not None
    steps = _STEP.finditer(match["path"] or "")
    names = [step["name"] or step["index"] for step in steps]
    if field := _FIELD.fullmatch(match["what"]):
        names.append(field["name"])
    pointer = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
    return FieldError(match["what"], pointer)


class RefusedUpload(Response):
    """An answer given before the body was read: sent at once, then reads on for a little.

    Closing a connection with unread bytes resets it, and the reset may overtake the answer.
    """

    def __init__(self, problem: Response, settings: ApiSettings) -> None:
        super().__init__(problem.body, problem.status_code, problem.headers, problem.media_type)
        self.headers["Connection"] = "close"
        self._bytes_max = settings.refused_body_bytes_max
        self._timeout_s = settings.refused_body_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send(start | {"headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        # A client that waits for "100 Continue" sends nothing after this answer.
        if not any(name == b"expect" for name, _ in scope["headers"]):
            await self._read_on(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _read_on(self, receive: Receive) -> None:
        left = self._bytes_max
        try:
            async with asyncio.timeout(self._timeout_s):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            return
