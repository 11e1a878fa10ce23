import asyncio

import msgspec
import pytest

from shared.errors import Refused, Unavailable
from shared.events import PoolLost, PulseSent
from shared.identifiers import UserId
from shared.requests import Done, GetVersions, UnblockUser
from shared.testing import Proxy, RecordingPublisher, ScriptedAsker, eventually

QUESTION = GetVersions(user_ids=(UserId("u1"),))


async def test_eventually_returns_what_the_check_returns_once_it_passes() -> None:
    attempts = []

    def check() -> str:
        attempts.append(1)
        assert len(attempts) == 3
        return "there"

    assert await eventually(check) == "there"


async def test_eventually_raises_the_last_failure_at_its_deadline() -> None:
    async def check() -> None:
        raise AssertionError("never so")

    with pytest.raises(AssertionError, match="never so"):
        await eventually(check, deadline_s=0.05)


async def test_eventually_does_not_hide_other_errors() -> None:
    def check() -> None:
        raise KeyError("a fault")

    with pytest.raises(KeyError):
        await eventually(check)


async def test_a_recording_publisher_remembers_what_the_wire_would_carry() -> None:
    publisher = RecordingPublisher()
    event = PoolLost(correlation_id="c", epoch="e")
    await publisher.publish(event, PoolLost(correlation_id="c", epoch="f"))
    assert publisher.of(PoolLost)[0] == event
    assert publisher.of(PulseSent) == []
    with pytest.raises(msgspec.ValidationError):
        await publisher.publish(PoolLost(correlation_id="c", epoch=7))  # type: ignore[arg-type]
    publisher.failing = Unavailable("rabbitmq")
    with pytest.raises(Unavailable):
        await publisher.publish(event)
    assert len(publisher.published) == 2


async def test_a_scripted_asker_answers_by_value_function_or_error() -> None:
    asker = ScriptedAsker({GetVersions: lambda request: dict.fromkeys(request.user_ids, 3)})
    assert await asker.ask(QUESTION) == {"u1": 3}
    asker.script[GetVersions] = {"u1": 4}
    assert await asker.ask(QUESTION) == {"u1": 4}
    asker.script[GetVersions] = Refused("unknown-user", "nobody")
    with pytest.raises(Refused):
        await asker.ask(QUESTION)
    assert asker.asked == [QUESTION] * 3


async def test_a_scripted_asker_refuses_what_the_wire_would() -> None:
    asker = ScriptedAsker({GetVersions: Done()})
    with pytest.raises(Unavailable):
        await asker.ask(UnblockUser(user_id=UserId("u1"), blocked_id=UserId("u2")))
    asker.script[GetVersions] = {"u1": "four"}
    with pytest.raises(msgspec.ValidationError):
        await asker.ask(QUESTION)


async def test_a_proxy_goes_to_the_next_server_while_the_first_is_gone() -> None:
    async def serve(name: bytes, port: int = 0) -> asyncio.Server:
        def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(name)
            writer.close()

        return await asyncio.start_server(say, "127.0.0.1", port)

    async def ask(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        said = await reader.read()
        writer.close()
        return said

    first, second = await serve(b"first"), await serve(b"second")
    ports = [server.sockets[0].getsockname()[1] for server in (first, second)]
    async with Proxy(*(f"http://127.0.0.1:{port}" for port in ports)) as proxy:
        assert await ask(proxy.port) == b"first"
        first.close()
        await first.wait_closed()
        assert await ask(proxy.port) == b"second"
        async with await serve(b"first again", ports[0]):
            assert await ask(proxy.port) == b"first again"
    second.close()
    await second.wait_closed()
