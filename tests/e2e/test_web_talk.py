"""Two people hear each other: two Chromiums, from sign-up to the record of their talk."""

import asyncio
import os
import time
from functools import partial

import pytest

from shared.testing import eventually
from tests.e2e.browsers import Browsers
from tests.e2e.stack import Stack
from tests.e2e.stores import Stores
from tests.e2e.visitor import Visitor

# PARLEY_TALKS=20 shows that they meet every time.
TALKS = int(os.environ.get("PARLEY_TALKS", "1"))
ENDED = """
    SELECT reason, extract(epoch FROM ended_at - active_at)::float AS duration_s,
        (SELECT array_agg(practised_s) FROM participants WHERE session_id = id) AS practised_s
    FROM chat_sessions WHERE status = 'ended' AND id =
        (SELECT session_id FROM participants WHERE user_id = $1)
"""


async def meet(browsers: Browsers, urls: list[str]) -> tuple[Visitor, Visitor]:
    """Ana and Ben, each in a browser and at a gateway of their own, in their call."""
    ana, ben = await asyncio.gather(browsers.visit(urls[0]), browsers.visit(urls[-1]))
    await asyncio.gather(
        ana.sign_up("Ana", native="Spanish", practises="English"),
        ben.sign_up("Ben", native="English", practises="Spanish"),
    )
    await asyncio.gather(ana.find_partner(), ben.find_partner())
    await asyncio.gather(ana.at("call"), ben.at("call"))
    return ana, ben


async def check_recorded(stores: Stores, visitor: Visitor, talked_s: float) -> None:
    """The session stands in Postgres, ended by who left, about as long as the talk was."""

    async def ended() -> None:
        [row] = await stores.query(ENDED, visitor.id)
        assert row["reason"] == "left"
        assert talked_s - 2 <= row["duration_s"] <= talked_s + 4
        assert abs(sum(row["practised_s"]) - row["duration_s"]) <= 1

    await eventually(ended)


@pytest.mark.parametrize("_talk", range(TALKS))
async def test_two_people_go_from_sign_up_to_a_talk_by_clicks_and_typing_and_hear_each_other(
    web: Stack, browsers: Browsers, _talk: int
) -> None:
    ana, ben = await meet(browsers, web.urls)
    began = time.monotonic()
    await asyncio.gather(ana.hears(), ben.hears())
    await ana.send("¡Hola, Ben!")
    await ben.send("Hello Ana")
    for visitor in (ana, ben):
        await eventually(partial(check_messages, visitor, ["¡Hola, Ben!", "Hello Ana"]))
    talked_s = time.monotonic() - began
    await ana.hang_up()
    await asyncio.gather(ana.at("ended"), ben.at("ended"))
    await check_recorded(web.stores, ana, talked_s)


async def check_messages(visitor: Visitor, texts: list[str]) -> None:
    shown = await visitor.messages().all_inner_texts()
    assert len(shown) == len(texts)
    assert all(text in one for text, one in zip(texts, shown, strict=True)), shown
