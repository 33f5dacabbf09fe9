"""Quiet hours, mute, and the summary of what a chat was spared."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from msgspec.structs import replace

from bot.deliver import SUMMARY, Spared, Step, sum_up
from bot.domain.chats import ChatSettings, QuietHours, RolePing
from bot.domain.posts import YEARLY_W, Destination, Latency, Post
from bot.errors import TryLater
from tests.acme import CHAT, OTHER, START, World

NIGHT = ChatSettings(destination=CHAT, quiet=QuietHours(time(21), time(7)))
"""``START`` is 21:00, so the night has just begun."""
MORNING = timedelta(hours=10)
TOPIC = replace(CHAT, topic="3")


async def look(world: World, times: int = 3) -> None:
    """The loop of summaries, and delivery, so many minutes long."""
    spared: Spared = {}
    for _ in range(times):
        spared = await sum_up(world.lane, spared)
        await world.settle()
        world.time.pass_by(SUMMARY)


async def asleep(settings: ChatSettings = NIGHT) -> World:
    world = World()
    await world.choose(settings)
    return world


def told(world: World) -> list[str]:
    return [card.title for card in world.room.cards]


async def test_a_wave_of_the_night_that_is_still_running_in_the_morning_is_told_then() -> None:
    world = await asleep()
    await world.revise(1, to=(CHAT, OTHER))
    assert sorted(await world.settle()) == sorted([Step.HUSH, Step.SEND])
    await world.revise(2, loud=2)
    world.time.pass_by(MORNING - timedelta(seconds=1))
    assert await world.settle() == []
    world.time.pass_by(timedelta(seconds=1))
    assert await world.settle() == [Step.SEND]
    assert world.room.showing == {"1": 2}


async def test_waves_of_the_night_that_are_over_become_one_summary() -> None:
    world = await asleep()
    for subject, size in (("1a", 3.0), ("1b", 2.5)):
        await world.revise(1, subject=subject, size=size)
        await world.settle()
        await world.revise(2, subject=subject, over=True)
    await look(world)
    assert world.room.calls == []
    world.time.now = START + MORNING
    assert await world.settle() == [Step.DROP, Step.DROP]
    await look(world)
    assert told(world) == ["Spared: 1a, 1b"]
    assert await world.store.chats.held("acme") == {}
    await look(world)
    assert world.room.calls == ["send"]


async def test_a_summary_waits_until_nothing_is_added_any_more() -> None:
    world = World()
    await world.store.chats.hold(CHAT, "1a", START)
    spared = await sum_up(world.lane, {})
    await world.store.chats.hold(CHAT, "1b", START)
    await sum_up(world.lane, await sum_up(world.lane, spared))
    await world.settle()
    assert told(world) == ["Spared: 1a, 1b"]


async def test_a_summary_is_not_told_in_silence() -> None:
    world = await asleep()
    await world.store.chats.hold(CHAT, "1a", START)
    await look(world)
    assert told(world) == []
    await world.choose(replace(NIGHT, quiet=None))
    await look(world)
    assert told(world) == ["Spared: 1a"]


async def test_a_summary_wanted_again_after_a_crash_is_not_told_again() -> None:
    world = World()
    for _ in range(2):  # the second time, nobody had yet written down that it was summed up
        await world.store.chats.hold(CHAT, "1a", START)
        await look(world)
    assert told(world) == ["Spared: 1a"]


async def test_a_topic_is_silent_with_its_chat_and_summed_up_by_itself() -> None:
    world = await asleep()
    for to in (TOPIC, CHAT):
        await world.revise(1, to=(to,))
    assert await world.settle() == [Step.HUSH, Step.HUSH]
    await world.revise(2, over=True, to=())
    await world.store.posts.raise_to("1a", revision=2, loud=1)
    world.time.now = START + MORNING
    await world.settle()
    held = await world.store.chats.held("acme")
    assert held == {TOPIC: ["1a"], CHAT: ["1a"]}


async def test_what_stands_in_a_silent_chat_goes_on_being_corrected_without_a_sound() -> None:
    world = World()
    await world.revise(1)
    await world.settle()
    await world.choose(NIGHT)
    for revision in (2, 3):
        await world.revise(revision, loud=revision, over=revision == 3)
        await world.settle()
    assert world.room.calls == ["send", "edit", "edit"]
    assert world.room.showing == {"1": 3}
    world.time.now = START + MORNING
    await look(world)
    assert world.room.calls == ["send", "edit", "edit"]


async def test_a_wave_that_grows_historic_breaks_through_where_the_chat_allows_it() -> None:
    world = await asleep(replace(NIGHT, break_through=True))
    await world.revise(1, size=3.0)
    assert await world.settle() == [Step.HUSH]
    await world.revise(2, size=YEARLY_W)
    assert await world.settle() == [Step.SEND]


@pytest.mark.parametrize(
    "settings",
    [NIGHT, replace(NIGHT, break_through=True, muted_until=START + timedelta(days=1))],
    ids=["not allowed", "muted"],
)
async def test_a_historic_wave_waits_where_the_chat_wants_it_so(settings: ChatSettings) -> None:
    world = await asleep(settings)
    await world.revise(1, size=YEARLY_W + 1)
    assert await world.settle() == [Step.HUSH]


async def test_ending_the_silence_tells_at_once_what_was_put_off() -> None:
    world = await asleep()
    await world.revise(1)
    await world.settle()
    await world.choose(replace(NIGHT, quiet=None))
    assert await world.settle() == [Step.SEND]


async def test_a_wave_that_ended_while_the_platform_wanted_us_to_wait_is_summed_up() -> None:
    world = World([TryLater("flood", retry_after=timedelta(hours=2))])
    await world.revise(1)
    await world.settle()
    await world.revise(2, over=True)
    world.time.pass_by(timedelta(hours=2))
    await world.settle()
    await look(world)
    assert told(world) == ["Spared: 1a"]


async def test_a_notice_that_nobody_was_told_of_in_time_is_not_summed_up() -> None:
    world = await asleep()
    await world.revise(1, notice=True)
    await world.settle()
    await world.revise(2, over=True, notice=True)
    world.time.now = START + MORNING
    assert await world.settle() == [Step.DROP]
    assert await world.store.chats.held("acme") == {}


async def test_a_chat_that_was_told_is_not_told_again_in_a_summary() -> None:
    world = World()
    await world.revise(1)
    await world.settle()
    await world.revise(2, over=True)
    [post] = await world.store.posts.claim("acme", world.time.now, MORNING, 9)
    # somebody deleted the message meanwhile
    assert await world.lane.settle(replace(post, message=None)) is Step.DROP
    assert await world.store.chats.held("acme") == {}


ROLES = replace(NIGHT, quiet=None, pings=(RolePing("41", 2.5), RolePing("42", YEARLY_W)))


async def test_roles_are_pinged_by_a_sound_as_large_as_they_chose_and_by_nothing_else() -> None:
    world = await asleep(ROLES)
    await world.revise(1, size=3.0)
    await world.revise(1, subject="blind", size=9.0, notice=True)
    await world.settle()
    await world.revise(2, size=4.0, loud=2)
    await world.settle()
    assert [(card.title, card.pings) for card in world.room.cards] == [
        ("blind", ()),
        ("1a", ("41",)),
        ("1a", ("41", "42")),
    ]


async def test_a_role_is_called_once_when_the_wave_grows_to_its_size_though_the_revision_is_quiet() -> None:
    world = await asleep(ROLES)
    for revision, size in enumerate((3.0, 3.8, 3.9, 4.7), start=1):
        await world.revise(revision, size=size)
        await world.settle()
    assert [card.pings for card in world.room.cards] == [("41",), ("42",)]
    assert world.room.calls == ["send", "edit", "send", "edit"]


async def test_a_wave_that_is_over_calls_no_role() -> None:
    world = await asleep(ROLES)
    await world.revise(1, size=3.0)
    await world.settle()
    await world.revise(2, size=4.0, over=True)
    await world.settle()
    assert world.room.calls == ["send", "edit"]


async def test_a_role_that_silence_held_back_is_called_when_it_ends() -> None:
    world = await asleep(ROLES)
    await world.revise(1, size=3.0)
    await world.settle()
    await world.choose(replace(ROLES, muted_until=START + timedelta(hours=1)))
    await world.revise(2, size=4.0)
    await world.settle()
    world.time.pass_by(timedelta(hours=1))
    await world.revise(3, size=4.0)
    await world.settle()
    assert [card.pings for card in world.room.cards] == [("41",), ("42",)]


async def test_delivery_is_timed_in_real_time_whatever_the_markets_clock_does() -> None:
    world = World()
    await world.revise(1, to=(CHAT, OTHER))
    world.market.pass_by(timedelta(hours=5))
    for seconds, destination in ((2, CHAT), (39, OTHER)):
        world.time.pass_by(timedelta(seconds=seconds))
        await world.lane.settle(await _post(world, destination))
    latency = await world.store.posts.latency("1a")
    assert latency == Latency(timedelta(seconds=2), timedelta(seconds=41), 2)


async def _post(world: World, destination: Destination) -> Post:
    return next(post for post in await world.store.posts.of("1a") if post.destination == destination)
