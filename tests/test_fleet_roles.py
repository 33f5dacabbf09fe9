"""What one process of a fleet knows of the others, and leaves to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.cards import Card
from bot.domain.fleet import Member, Role
from bot.domain.health import SourceState
from bot.domain.market import Group, Venue
from bot.domain.posts import Destination
from bot.errors import ConfigError, LockLost, StorageError, TryLater
from bot.fleet import BotShare, Lane, only_one
from bot.health import Health
from bot.health_fleet import FleetHealth
from bot.ports import Held, Store
from bot.ports_fleet import Parcel
from handlers.web.door import Visitor
from handlers.web.figures import healthz
from storage.jetstream import Cluster
from storage.jetstream_wire import pack
from storage.locks import LocalHeld
from storage.memory import MemoryStore
from storage.nats_fleet import MEET_S, Lag, Presence
from tests.nats_cluster import NatsCluster
from tests.storage.streams import jetstream
from tests.storage.streams import told as said

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BYBIT, OKX = Venue("bybit"), Venue("okx")


def clock() -> datetime:
    return NOON


def asking(*venues: Venue, heard: datetime = NOON) -> Health:
    health = Health(clock)
    for venue in venues:
        health.expect(venue, "tickers", NOON - MINUTE, title=venue, group=Group.OFFSHORE, late_after=MINUTE)
        health.heard(venue, "tickers", heard, open_interest=True)
        health.turn(venue, "tickers", heard, SourceState.FRESH)
    return health


def member(name: str, health: Health, **more: object) -> Member:
    told: dict[str, object] = {"sources": tuple(health.sources()), "open_interest": health.open_interest}
    told["at"] = NOON
    return Member(
        name=name,
        roles=(Role.COLLECT,),
        version="0",
        started=NOON,
        began=health.began,
        **(told | more),  # type: ignore[arg-type]
    )


def test_who_asks_nothing_itself_knows_how_every_venue_does() -> None:
    one, other = member("a", asking(BYBIT)), member("b", asking(OKX), rejected={BYBIT: 3})
    seen = FleetHealth(Health(clock), lambda: [one, other])
    assert [(row.venue, row.state, row.rejected) for row in seen.sources()] == [
        (BYBIT, SourceState.FRESH, 3),
        (OKX, SourceState.FRESH, 0),
    ]


def test_of_two_that_tell_of_one_venue_the_one_that_heard_it_last_is_right() -> None:
    old, new = asking(BYBIT, heard=NOON - MINUTE), asking(BYBIT)
    new.turn(BYBIT, "tickers", NOON, SourceState.THROTTLED, "slow down")
    seen = FleetHealth(Health(clock), lambda: [member("b", new), member("a", old)])
    assert [row.state for row in seen.sources()] == [SourceState.THROTTLED]


def test_a_fleet_is_blind_once_none_of_it_was_told_anything() -> None:
    members = [member("a", asking(BYBIT, heard=NOON - 9 * MINUTE)), member("b", asking(OKX))]
    seen = FleetHealth(Health(clock), lambda: members)
    assert seen.blind(NOON + 4 * MINUTE, 5 * MINUTE) is None
    assert seen.blind(NOON + 6 * MINUTE, 5 * MINUTE) == NOON
    assert FleetHealth(Health(clock), list).blind(NOON, 5 * MINUTE) is None


def test_what_nobody_does_is_told() -> None:
    told = healthz((), NOON, Visitor.OPERATOR, [member("a", asking(BYBIT)), member("b", asking(OKX))])
    assert told["roles"] == {"collect": 2, "judge": 0, "deliver": 0, "talk": 0, "page": 0}
    assert "roles" not in healthz((), NOON, Visitor.OPERATOR), "one process does everything"


@dataclass
class Work:
    """What an only-one role does, so far as a test lets it."""

    began: list[Held] = field(default_factory=list)
    ends: Exception | None = None
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _: Store, held: Held) -> None:
        self.began.append(held)
        self.go.clear()
        await self.go.wait()
        if self.ends is not None:
            raise self.ends


async def begun(work: Work, times: int) -> None:
    async with asyncio.timeout(5):
        while len(work.began) < times:  # noqa: ASYNC110 - a lock is taken by a task of its own
            await asyncio.sleep(0)


async def test_a_role_whose_lock_is_lost_is_left_and_taken_up_again() -> None:
    store, work = MemoryStore(), Work()
    task = asyncio.create_task(only_one(store, "judge.0", work))
    await begun(work, 1)
    work.began[0].lost.set()
    await begun(work, 2)
    work.ends = LockLost("somebody else has it")
    work.go.set()
    await begun(work, 3)
    task.cancel()
    await asyncio.wait({task})
    assert await store.locks.holders() == []


async def test_a_role_that_fails_by_itself_ends_the_process() -> None:
    work = Work(ends=StorageError("disk full"))
    task = asyncio.create_task(only_one(MemoryStore(), "judge.0", work))
    await begun(work, 1)
    work.go.set()
    with pytest.raises(StorageError, match="disk full"):
        await task


async def test_a_stop_is_heard_also_while_a_role_that_was_lost_is_being_ended() -> None:
    """And not before what it has in hand is finished: nobody else may begin until then."""
    began, asked, let_go, held_by = asyncio.Event(), asyncio.Event(), asyncio.Event(), list[Held]()

    async def work(_: Store, held: Held) -> None:
        held_by.append(held)
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            asked.set()
            await let_go.wait()

    store = MemoryStore()
    task = asyncio.create_task(only_one(store, "lane.telegram", work))
    async with asyncio.timeout(5):
        await began.wait()
        held_by[0].lost.set()
        await asked.wait()
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(held_by) == 1
    assert await store.locks.holders() == []


class Face:
    platform = "telegram"

    def __init__(self) -> None:
        self.said: list[Card] = []

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        self.said.append(card)
        return "1"

    async def edit(self, destination: Destination, message: str, card: Card) -> None:
        self.said.append(card)


async def test_a_lane_that_lost_its_lock_says_nothing_more() -> None:
    face, held = Face(), LocalHeld("lane.telegram", 1, "me")
    lane, chat = Lane(face, held), Destination("telegram", "42")
    await lane.send(chat, Card(title="one"))
    held.lost.set()
    for call in (lane.send(chat, Card(title="two")), lane.edit(chat, "1", Card(title="two"))):
        with pytest.raises(TryLater):
            await call
    assert ([card.title for card in face.said], lane.sent) == (["one"], 1)


async def seen(presence: Presence, names: Sequence[str]) -> None:
    async with asyncio.timeout(10):
        while [member.name for member in presence.members()] != list(names):  # noqa: ASYNC110 - it comes by NATS
            await asyncio.sleep(0.02)


async def test_processes_know_of_each_other_and_who_leaves_is_gone_at_once(nats: NatsCluster) -> None:
    async with jetstream(nats) as stream:
        assert stream.cluster
        one, other = (
            Presence(stream.cluster, name, lambda name=name: member(name, asking(BYBIT)))  # type: ignore[misc]
            for name in ("a", "b")
        )
        await one.listen()
        first, second = asyncio.create_task(one.run()), asyncio.create_task(other.run())
        await seen(one, ["a", "b"])
        second.cancel()
        await seen(one, ["a"])
        first.cancel()
        await asyncio.wait({first, second})


async def test_an_answerer_takes_its_share_once_all_know_of_it_and_keeps_it_while_cut_off() -> None:
    used: list[tuple[bool, int]] = []
    waits: list[float] = []
    others: list[int | None] = [2, 3, None, 1]

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if not others:
            raise StorageError("the play is over")

    share = BotShare(lambda lane, answerers: used.append((lane, answerers)), sleep=sleep)
    with share.sending(), pytest.raises(StorageError):
        await share.among(lambda: others.pop(0))
    assert used == [(False, 0), (True, 0), (True, 2), (True, 3), (True, 1), (True, 0), (False, 0)]
    assert waits[0] >= MEET_S


async def test_what_waits_where_nobody_judges_is_told_by_one_for_each_partition(nats: NatsCluster) -> None:
    async with jetstream(nats) as stream:
        assert stream.cluster
        for number in range(3):
            raw = pack(Parcel([said("BTC", number)], "a"), NOON)
            await stream.cluster.stream.publish(f"{stream.cluster.name}.seen.0", raw)
        ours, theirs = (
            Lag(stream.cluster, lambda name: name == "seen 0"),
            Lag(stream.cluster, lambda _: False),
        )
        await ours.look()
        await theirs.look()
        assert (ours.waiting, theirs.waiting) == ({"seen 0": 3}, {})
        loan = await stream.inlet.take(10)
        assert loan is not None
        await ours.look()
        assert ours.waiting == {"seen 0": 3}, "taken, and not given back"
        await loan.done()
        async with asyncio.timeout(10):
            while ours.waiting != {"seen 0": 2}:
                await ours.look()
    await ours.look()
    assert ours.waiting == {}, "unknown is not nothing"


def seated(cluster: Cluster, name: str, at: datetime) -> Presence:
    return Presence(cluster, name, lambda: member(name, asking(), at=at), lambda: at)


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(hours=-1)], ids=["ahead", "behind"])
async def test_whose_clock_is_another_than_everybodys_is_told_so_and_the_others_are_not(
    nats: NatsCluster, off: timedelta
) -> None:
    async with jetstream(nats) as stream:
        assert stream.cluster
        clocks = {"a": NOON, "b": NOON + timedelta(seconds=1), "wrong": NOON + off}
        there = {name: seated(stream.cluster, name, at) for name, at in clocks.items()}
        for one in there.values():
            await one.listen()
        telling = [asyncio.create_task(one.run()) for one in there.values()]
        for one in there.values():
            await seen(one, sorted(there))
        there["a"].check_clock()
        there["b"].check_clock()
        with pytest.raises(ConfigError, match=r"clock of this machine is (3600|3601|3599) s"):
            there["wrong"].check_clock()
        for task in telling:
            task.cancel()
        await asyncio.gather(*telling, return_exceptions=True)
