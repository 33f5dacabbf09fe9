from __future__ import annotations

import asyncio

import pytest

from bot.deliver import HOLD
from bot.domain.posts import Destination, Shown
from bot.errors import StorageError
from bot.running import running
from tests.acme import CHAT, OTHER, World, never, until


async def test_news_wakes_the_loop_and_every_chat_is_told() -> None:
    world, news = World(), asyncio.Event()
    async with running(world.delivering(news, never)):
        await world.revise(1, to=(CHAT, OTHER))
        news.set()
        await until(lambda: len(world.chat.rooms) == 2 and not world.chat.inside)
    assert [room.showing for room in world.chat.rooms.values()] == [{"1": 1}, {"1": 1}]


async def test_the_sweep_finds_what_a_lost_wake_up_missed() -> None:
    world, asleep, woken = World(), asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await woken.wait()
        woken.clear()

    async with running(world.delivering(asyncio.Event(), sleep)):
        await asleep.wait()
        await world.revise(1)
        await asyncio.sleep(0)
        assert world.room.calls == []
        woken.set()
        await until(lambda: world.room.showing)
    assert world.room.calls == ["send"]


async def test_one_chat_is_told_one_thing_at_a_time_and_a_slow_chat_delays_nobody() -> None:
    world, news, open_door = World(), asyncio.Event(), asyncio.Event()

    async def door(destination: Destination) -> None:
        if destination == CHAT:
            await open_door.wait()

    world.chat.door = door
    async with running(world.delivering(news, never)):
        for subject in ("1a", "1b", "1c"):
            await world.revise(1, subject=subject, to=(CHAT, OTHER))
        news.set()
        await until(lambda: len(world.chat.room(OTHER).showing) == 3)
        assert world.room.showing == {}
        open_door.set()
        await until(lambda: len(world.room.showing) == 3)
    assert world.chat.most_inside == {"7": 1, "8": 1}


async def test_a_revision_that_comes_while_a_message_is_on_its_way_is_shown_after_it() -> None:
    world, news, open_door = World(), asyncio.Event(), asyncio.Event()
    world.chat.door = lambda destination: open_door.wait()
    async with running(world.delivering(news, never)):
        await world.revise(1)
        news.set()
        await until(lambda: world.chat.inside)
        await world.revise(2)
        news.set()
        open_door.set()
        await until(lambda: world.room.showing == {"1": 2})
    assert world.room.calls == ["send", "edit"]


async def test_a_revision_wanted_in_the_moment_of_recording_is_shown_at_once() -> None:
    world, news = World(), asyncio.Event()

    async def nervous() -> None:
        """Looks between any two steps of the others."""
        while True:
            news.set()
            await asyncio.sleep(0)

    async def door(destination: Destination) -> None:
        if len(world.room.calls) < 5:
            await world.revise(len(world.room.calls) + 1)

    world.chat.door = door
    async with running(world.delivering(news, never), nervous()):
        await world.revise(1)
        await until(lambda: world.room.showing == {"1": 5})
    assert world.room.calls == ["send", "edit", "edit", "edit", "edit"]


async def test_in_one_chat_what_must_ring_goes_before_edits_and_larger_before_smaller() -> None:
    world, news, open_door = World(), asyncio.Event(), asyncio.Event()
    for subject in ("told", "first"):
        await world.revise(1, subject=subject, size=9.0)
    await world.settle()
    world.chat.door = lambda destination: open_door.wait()
    world.room.showing.clear()
    async with running(world.delivering(news, never)):
        await world.revise(2, subject="first", size=9.0)
        news.set()
        await until(lambda: world.chat.inside)
        for subject, size in (("told", 9.0), ("small", 2.0), ("large", 4.0)):  # one look finds each
            await world.revise(2, subject=subject, size=size)
            news.set()
            for _ in range(5):
                await asyncio.sleep(0)
        open_door.set()
        await until(lambda: len(world.room.calls) == 6 and not world.chat.inside)
    assert world.room.calls == ["send", "send", "edit", "send", "send", "edit"]
    assert [card.title for card in world.room.cards[2:]] == ["large", "small"]


async def test_a_call_that_outlasts_its_claim_is_not_made_twice() -> None:
    world, news, open_door = World(), asyncio.Event(), asyncio.Event()
    world.chat.door = lambda destination: open_door.wait()
    async with running(world.delivering(news, never)):
        await world.revise(1)
        await world.revise(1, subject="1b")
        news.set()
        await until(lambda: world.chat.inside)
        world.time.pass_by(HOLD * 2)
        news.set()
        for _ in range(20):
            await asyncio.sleep(0)
        open_door.set()
        await until(lambda: len(world.room.showing) == 2)
        for _ in range(20):
            await asyncio.sleep(0)
    assert world.room.calls == ["send", "send"]


async def test_a_post_whose_claim_ran_out_while_it_waited_is_left_to_whoever_has_it_now() -> None:
    world, news, open_door = World(), asyncio.Event(), asyncio.Event()
    world.chat.door = lambda destination: open_door.wait()
    async with running(world.delivering(news, never)):
        await world.revise(1, size=2.0)
        await world.revise(1, subject="1b")
        news.set()
        await until(lambda: world.chat.inside)
        world.time.pass_by(HOLD)
        _, waiting = await world.store.posts.claim("acme", world.time.now, HOLD, 10)
        open_door.set()
        await until(lambda: world.room.showing)
        for _ in range(20):
            await asyncio.sleep(0)
    assert waiting.subject == "1b"
    assert world.room.calls == ["send"]


async def test_stopping_finishes_and_records_the_message_that_is_on_its_way() -> None:
    world, news, open_door = World(), asyncio.Event(), asyncio.Event()
    world.chat.door = lambda destination: open_door.wait()
    await world.revise(1)
    await world.revise(1, subject="1b")
    task = asyncio.ensure_future(world.delivering(news, never))
    await until(lambda: world.chat.inside)
    task.cancel()
    await asyncio.sleep(0)
    open_door.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.room.calls == ["send"]
    shown = {
        p.subject: p.shown for p in [*await world.store.posts.of("1a"), *await world.store.posts.of("1b")]
    }
    assert sorted(shown.values()) == [0, 1]


async def test_a_store_that_fails_ends_delivery_with_its_own_error() -> None:
    world, news = World(), asyncio.Event()

    async def present(subject: str, destination: Destination) -> Shown | None:
        raise StorageError("disk full")

    world.present = present  # type: ignore[method-assign]
    await world.revise(1)
    with pytest.raises(StorageError, match="disk full"):
        await world.delivering(news, never)
