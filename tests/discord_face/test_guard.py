from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession

from bot.domain.posts import Destination
from bot.errors import TryLater
from bot.fence import fenced
from handlers.discord_face.faults import CODES
from handlers.discord_face.guard import INVALID_STOP, PER_SECOND, Guard
from handlers.discord_face.messenger import nonce
from storage.locks import LocalHeld
from tests.discord_face.server import Discord
from tests.local import wave

DOCS = (Path(__file__).parents[2] / "docs/delivery.md").read_text("utf-8")


class Time:
    """Stands still but for who sleeps."""

    def __init__(self) -> None:
        self.at = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(self.at + seconds)


async def test_no_second_holds_more_requests_than_discord_allows() -> None:
    time = Time()
    guard = Guard(time.now, time.sleep)
    await asyncio.gather(*(guard.turn() for _ in range(200)))
    went = [time.at, *time.slept]
    assert len(went) == 200
    assert max(sum(begin <= at <= begin + 1 for at in went) for begin in went) <= PER_SECOND


def test_refusals_stop_everything_until_they_are_ten_minutes_past() -> None:
    time = Time()
    guard = Guard(time.now, time.sleep)
    for n in range(INVALID_STOP):
        guard.check()
        guard.saw((401, 403, 429)[n % 3], "user")
        time.at += 0.01
    with pytest.raises(TryLater) as raised:
        guard.check()
    time.at += raised.value.retry_after.total_seconds() + 0.001
    guard.check()


def test_only_what_discord_counts_is_counted() -> None:
    guard = Guard(Time().now)
    for status, scope in ((200, ""), (404, ""), (429, "shared"), (500, "")):
        guard.saw(status, scope)
    assert guard.invalid == 0
    guard.saw(429, "global")
    assert guard.invalid == 1


async def test_answers_to_interactions_do_not_wait_for_their_turn(discord: Discord) -> None:
    time = Time()
    guard = Guard(time.now, time.sleep)
    async with ClientSession(trace_configs=[guard.trace()]) as session:
        for _ in range(3):
            async with session.post(f"{discord.api}/interactions/1/token/callback", json={}):
                pass
        assert not time.slept
        for _ in range(3):
            async with session.get(f"{discord.api}/users/@me"):
                pass
    assert len(time.slept) == 2
    assert guard.invalid == 3, "without a token each was refused"


async def test_what_a_lane_waited_to_say_is_not_said_once_its_lock_is_lost(discord: Discord) -> None:
    held = LocalHeld("lane.discord", 1, "a")

    async def lose(_: float) -> None:
        held.lost.set()

    guard = Guard(Time().now, lose)
    await guard.turn()
    async with ClientSession(trace_configs=[guard.trace()]) as session:
        with fenced(held), pytest.raises(TryLater, match="another process"):
            await session.get(f"{discord.api}/users/@me")
        async with session.get(f"{discord.api}/users/@me"):
            pass
    assert guard.invalid == 1, "the one without the lane came to Discord"


def test_a_nonce_is_that_of_its_words_and_its_place() -> None:
    here, there = Destination("discord", "1"), Destination("discord", "2")
    names = {nonce(here, wave(1), None), nonce(there, wave(1), None), nonce(here, wave(2), None)}
    names.add(nonce(here, wave(1), "5"))
    assert len(names) == 4
    assert nonce(here, wave(1), None) in names
    assert all(len(name) <= 25 for name in names)


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_in_the_table_of_the_docs(code: int) -> None:
    assert str(code) in DOCS
