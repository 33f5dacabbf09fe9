from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.deliver import Step, decide
from bot.domain.cards import Card
from bot.domain.posts import Destination, Post, Shown, Subscription
from bot.errors import (
    CardRefused,
    DeliveryError,
    DestinationGone,
    DestinationMoved,
    MessageGone,
    PlaceClosed,
    TryLater,
)
from tests.acme import CHAT, OTHER, START, World


def post(shown: int = 0, message: str | None = None) -> Post:
    return Post(
        subject="1a", destination=CHAT, wanted=9, loud=1, shown=shown, message=message, not_before=START
    )


def newest(revision: int, loud: int = 1, over: bool = False) -> Shown:
    return Shown(revision=revision, loud=loud, over=over, card=Card(title="BTC"))


@pytest.mark.parametrize(
    ("shows", "known", "step"),
    [
        (post(), newest(1), Step.SEND),
        (post(), newest(4, over=True), Step.DROP),
        (post(), None, Step.DROP),
        (post(2, "5"), newest(3), Step.EDIT),
        (post(2, "5"), newest(4, over=True), Step.EDIT),
        (post(2, "5"), newest(4, loud=3), Step.SEND),
        (post(2, "5"), newest(4, loud=4, over=True), Step.SEND),
        (post(2, "5"), newest(2), Step.REST),
        (post(2, "5"), None, Step.DROP),
    ],
)
def test_the_rule_of_delivery(shows: Post, known: Shown | None, step: Step) -> None:
    assert decide(shows, known) is step


@pytest.mark.parametrize(
    ("shows", "known", "step"),
    [
        (post(), newest(1), Step.HUSH),
        (post(), newest(4, over=True), Step.DROP),
        (post(2, "5"), newest(3), Step.EDIT),
        (post(2, "5"), newest(4, loud=4), Step.EDIT),
        (post(2, "5"), newest(2), Step.REST),
    ],
)
def test_the_rule_of_delivery_in_silence(shows: Post, known: Shown | None, step: Step) -> None:
    assert decide(shows, known, silent=True) is step


async def test_a_wave_is_sent_once_and_then_edited_in_place() -> None:
    world = World()
    for revision in (1, 2, 3):
        await world.revise(revision)
        await world.settle()
    assert world.room.calls == ["send", "edit", "edit"]
    assert world.room.showing == {"1": 3}


async def test_a_burst_of_revisions_costs_one_message() -> None:
    world = World()
    for revision in range(1, 40):
        await world.revise(revision, loud=revision)
    await world.settle_all()
    assert world.room.calls == ["send"]
    assert world.room.showing == {"1": 39}


async def test_what_was_shown_is_logged_in_the_markets_time_and_whether_it_rang() -> None:
    world = World()
    world.market.pass_by(timedelta(hours=-2))
    for revision in (1, 2):
        await world.revise(revision)
        await world.settle()
    log = await world.store.posts.log(START - timedelta(days=1))
    assert [(line.revision, line.loud) for line in log] == [(2, False), (1, True)]
    assert {line.sent for line in log} == {world.market.now}


async def test_a_loud_revision_rings_in_reply_to_the_old_message_and_is_the_one_edited_from_then_on() -> None:
    world = World()
    for revision, loud in ((1, 1), (2, 2), (3, 2)):
        await world.revise(revision, loud=loud)
        await world.settle()
    assert world.room.calls == ["send", "send", "edit"]
    assert world.room.replies == {"1": None, "2": "1"}
    assert world.room.showing == {"1": 1, "2": 3}


async def test_a_wave_that_was_over_before_anybody_was_told_is_not_told() -> None:
    world = World()
    await world.revise(1)
    await world.revise(2, over=True)
    await world.settle_all()
    assert world.room.calls == []
    assert [p for p in await world.store.posts.of("1a") if p.shown] == []


async def test_what_a_platform_puts_off_is_sent_exactly_when_it_said() -> None:
    world = World([TryLater("slow down", retry_after=timedelta(seconds=7))])
    await world.revise(1)
    await world.settle()
    world.time.pass_by(timedelta(seconds=6))
    assert await world.settle() == []
    world.time.pass_by(timedelta(seconds=1))
    assert await world.settle() == [Step.SEND]
    assert world.room.showing == {"1": 1}


async def test_what_was_done_and_how_soon_a_chat_was_first_told_is_counted() -> None:
    world = World([TryLater("slow down", retry_after=timedelta(seconds=7))])
    await world.revise(1)
    await world.settle()
    world.time.pass_by(timedelta(seconds=7))
    await world.settle()
    await world.revise(2)
    await world.settle()
    counted = world.lane.delivered
    assert counted.faults == {("acme", "TryLater"): 1}
    assert counted.steps == {("acme", "send"): 1, ("acme", "edit"): 1}
    told = counted.first_told["acme"]
    assert (sum(told.counts), told.sum_s) == (1, 7.0), "an edit is not the first"


async def test_a_chat_that_is_gone_is_left_with_its_topics_until_it_is_back() -> None:
    world, topic = World([DestinationGone("the bot was blocked")]), Destination("acme", "7", "3")
    for destination in (CHAT, topic, OTHER):
        await world.store.subscriptions.add(Subscription(destination=destination, created=START))
    await world.revise(1)
    await world.settle_all()
    assert [s.destination for s in await world.store.subscriptions.all()] == [OTHER]
    assert await world.store.posts.of("1a") == []
    assert await world.store.chats.back(CHAT, START) == 2


async def test_a_topic_that_is_gone_leaves_its_chat_alone() -> None:
    world, topic = World([DestinationGone("topic closed", topic_only=True)]), Destination("acme", "7", "3")
    for destination in (CHAT, topic):
        await world.store.subscriptions.add(Subscription(destination=destination, created=START))
    await world.revise(1, to=(topic,))
    await world.settle_all()
    assert [s.destination for s in await world.store.subscriptions.all()] == [CHAT]
    assert await world.store.posts.of("1a") == []


async def test_a_chat_that_moved_is_told_under_its_new_name() -> None:
    world = World([DestinationMoved("upgraded", new_chat="-1007")])
    await world.store.subscriptions.add(Subscription(destination=CHAT, created=START))
    await world.revise(1)
    await world.settle_all()
    moved = Destination("acme", "-1007")
    assert [s.destination for s in await world.store.subscriptions.all()] == [moved]
    assert [p.destination for p in await world.store.posts.of("1a")] == [moved]
    assert world.chat.room(moved).showing == {"1": 1}


async def test_a_message_somebody_deleted_is_sent_anew() -> None:
    world = World([None, MessageGone("not found")])
    await world.revise(1)
    await world.settle()
    await world.revise(2)
    await world.settle()
    assert world.room.calls == ["send", "edit", "send"]
    assert world.room.replies["2"] is None


async def test_a_deleted_message_of_a_wave_that_is_over_is_left_deleted() -> None:
    world = World([None, MessageGone("not found")])
    await world.revise(1)
    await world.settle()
    await world.revise(2, over=True)
    await world.settle_all()
    assert world.room.calls == ["send", "edit"]


@pytest.mark.parametrize("fault", [CardRefused("too long"), MessageGone("what message?")])
async def test_a_refused_card_is_dropped_and_logged_with_its_wave(
    fault: DeliveryError, caplog: pytest.LogCaptureFixture
) -> None:
    world = World([fault])
    await world.revise(1)
    await world.settle_all()
    assert world.room.calls == ["send"]
    [record] = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.__dict__["wave"] == "1a"


async def test_a_place_that_is_closed_just_now_loses_the_post_and_keeps_its_subscription(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World([PlaceClosed("topic closed")])
    kept = Subscription(destination=CHAT, created=START)
    await world.store.subscriptions.add(kept)
    await world.revise(1)
    await world.settle_all()
    assert world.room.calls == ["send"]
    assert [one.destination for one in await world.store.subscriptions.of(CHAT)] == [CHAT]
    assert [r.levelname for r in caplog.records if r.name == "bot.deliver"] == ["WARNING"]


async def test_a_revision_that_cannot_be_seen_yet_is_looked_for_again_soon() -> None:
    world = World()
    await world.revise(1)
    await world.settle()
    known = world.newest["1a"]
    await world.revise(2)
    later, world.newest["1a"] = world.newest["1a"], known
    assert await world.settle() == [Step.REST]
    assert await world.settle() == []
    world.newest["1a"] = later
    world.time.pass_by(timedelta(seconds=1))
    assert await world.settle() == [Step.EDIT]
    assert world.room.showing == {"1": 2}


# --- laws

faults = st.one_of(
    st.none(),
    st.builds(TryLater, st.just("busy"), retry_after=st.integers(0, 90).map(lambda s: timedelta(seconds=s))),
    st.builds(MessageGone, st.just("gone")),
)
lives = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12)
"""Each revision: is it loud, and is the post settled before the next one."""


async def live(world: World, life: list[tuple[bool, bool]], *, ends: bool) -> int:
    """Play a wave's revisions; returns the newest loud one."""
    loud = 0
    for revision, (is_loud, settled) in enumerate(life, start=1):
        loud = revision if is_loud or revision == 1 else loud
        await world.revise(revision, loud=loud, over=ends and revision == len(life))
        if settled:
            await world.settle()
            world.time.pass_by(timedelta(seconds=20))
    await world.settle_all()
    return loud


@given(lives, st.lists(faults, max_size=12))
def test_whatever_fails_on_the_way_the_chat_ends_on_the_last_revision(
    life: list[tuple[bool, bool]], ways: list[DeliveryError | None]
) -> None:
    async def play() -> None:
        # A platform that loses a message it was never given is not this law's business.
        world = World()
        world.chat.faults = (
            None if isinstance(f, MessageGone) and world.room.calls[-1] == "send" else f for f in ways
        )
        await live(world, life, ends=False)
        assert list(world.room.showing.values())[-1] == len(life)
        [shown] = await world.store.posts.of("1a")
        assert shown.shown == shown.wanted == len(life)

    asyncio.run(play())


@given(lives, st.booleans())
def test_nothing_is_sent_twice_when_nothing_fails(life: list[tuple[bool, bool]], ends: bool) -> None:
    async def play() -> None:
        world = World()
        await live(world, life, ends=ends)
        louds = sum(is_loud or place == 0 for place, (is_loud, _) in enumerate(life))
        assert world.room.calls.count("send") <= louds
        assert len(world.room.calls) <= len(life)
        assert list(world.room.showing.values()) == sorted(world.room.showing.values())

    asyncio.run(play())


@given(lives, st.lists(faults, max_size=12))
def test_a_chat_that_was_never_told_is_never_told_of_a_wave_that_is_over(
    life: list[tuple[bool, bool]], ways: list[DeliveryError | None]
) -> None:
    async def play() -> None:
        world = World(ways)
        unsettled = [(is_loud, False) for is_loud, _ in life]
        await live(world, unsettled, ends=True)
        assert world.room.calls == []

    asyncio.run(play())


REACTIONS = {TryLater, DestinationGone, DestinationMoved, MessageGone, CardRefused, PlaceClosed}


def test_every_delivery_error_has_a_reaction_tested_above() -> None:
    assert set(DeliveryError.__subclasses__()) == REACTIONS
