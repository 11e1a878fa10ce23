"""A TURN server for tests, and a client just able to ask it for an allocation (RFC 8656)."""

import asyncio
import base64
import hashlib
import hmac
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from msgspec import Struct

from deploy.local.processes import HOST, free_port
from tests.e2e.replica import END_WITH_US

SECRET = "turn-secret-only-for-tests"
REALM = "parley.test"
ANSWER_LIMIT_S = 5.0
START_LIMIT_S = 15.0

MAGIC = 0x2112A442
BINDING, ALLOCATE = 0x0001, 0x0003
ALLOCATED, BOUND = 0x0103, 0x0101
USERNAME, INTEGRITY, ERROR, REALM_, NONCE, TRANSPORT = 0x06, 0x08, 0x09, 0x14, 0x15, 0x19
UDP = struct.pack("!B3x", 17)


class Turn(Struct, frozen=True):
    """A running coturn, and the gateway's settings that name it."""

    port: int

    @property
    def url(self) -> str:
        return f"turn:{HOST}:{self.port}?transport=udp"

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        return (("TURN_SECRET", SECRET), ("TURN_URLS", self.url))

    async def refusal(self, username: str, credential: str) -> int | None:
        """Ask for an allocation as this user: None if granted, else the error's code."""
        async with asyncio.timeout(ANSWER_LIMIT_S):
            loop = asyncio.get_running_loop()
            transport, client = await loop.create_datagram_endpoint(
                _Client, remote_addr=(HOST, self.port)
            )
            try:
                kind, challenge = await client.ask(ALLOCATE, {TRANSPORT: UDP})
                assert kind != ALLOCATED, "it asked for no credentials at all"
                return await client.allocate(challenge, username, credential)
            finally:
                transport.close()


def credential(username: str) -> str:
    """What proves this username, as the gateway makes it."""
    mac = hmac.digest(SECRET.encode(), username.encode(), "sha1")
    return base64.b64encode(mac).decode()


@contextmanager
def turn_server(directory: Path) -> Iterator[Turn]:
    """coturn on loopback, which relays to loopback as well; it keeps nothing."""
    binary = shutil.which("turnserver")
    assert binary is not None, "turnserver is not installed, run: make prepare-tests"
    turn = Turn(free_port())
    directory.mkdir(parents=True, exist_ok=True)
    options = (
        *("-n", "--no-cli", "--no-tls", "--no-dtls", "--allow-loopback-peers"),
        *("--listening-ip", HOST, "--relay-ip", HOST, "--listening-port", str(turn.port)),
        *("--use-auth-secret", "--static-auth-secret", SECRET, "--realm", REALM),
        *("--min-port", "32768", "--max-port", "60999"),
        *("--userdb", str(directory / "turndb"), "--pidfile", str(directory / "pid")),
        *("--log-file", "stdout", "--simple-log"),
    )
    with (directory / "coturn.log").open("wb") as log:
        process = subprocess.Popen(
            [*END_WITH_US, binary, *options],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_answer(turn, process, directory / "coturn.log")
        yield turn
    finally:
        process.kill()
        process.wait()


def _await_answer(turn: Turn, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_LIMIT_S
    while not _answers(turn):
        assert process.poll() is None and time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.05)


def _answers(turn: Turn) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.5)
        probe.connect((HOST, turn.port))
        try:
            probe.send(struct.pack("!HHI", BINDING, 0, MAGIC) + os.urandom(12))
            return probe.recv(20)[:2] == struct.pack("!H", BOUND)
        except OSError:
            return False


class _Client(asyncio.DatagramProtocol):
    """One question at a time, and its answer: a kind and attributes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._answers.put_nowait(data)

    async def ask(
        self, kind: int, attributes: dict[int, bytes], key: bytes = b""
    ) -> tuple[int, dict[int, bytes]]:
        body = b"".join(_attribute(*one) for one in attributes.items())
        transaction = os.urandom(12)
        if key:  # The length counts the integrity that follows, the digest does not.
            head = struct.pack("!HHI", kind, len(body) + 24, MAGIC) + transaction
            body += _attribute(INTEGRITY, hmac.digest(key, head + body, "sha1"))
        head = struct.pack("!HHI", kind, len(body), MAGIC) + transaction
        self._transport.sendto(head + body)
        answer = await self._answers.get()
        assert answer[8:20] == transaction
        return struct.unpack("!H", answer[:2])[0], _attributes(answer[20:])

    async def allocate(
        self, challenge: dict[int, bytes], username: str, password: str
    ) -> int | None:
        realm = challenge[REALM_]
        text = f"{username}:{realm.decode()}:{password}"
        given = {TRANSPORT: UDP, USERNAME: username.encode()}
        given |= {REALM_: realm, NONCE: challenge[NONCE]}
        kind, attributes = await self.ask(
            ALLOCATE, given, hashlib.md5(text.encode(), usedforsecurity=False).digest()
        )
        if kind == ALLOCATED:
            return None
        hundreds, rest = attributes[ERROR][2:4]
        return hundreds * 100 + rest


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        kind, length = struct.unpack("!HH", data[:4])
        found[kind] = data[4 : 4 + length]
        data = data[4 + length + -length % 4 :]
    return found
