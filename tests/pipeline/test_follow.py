"""A judge behind a stream makes the steps of one that sits beside its feeds, whoever lags, dies or leaves."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import pytest

from bot.bench import Bench
from bot.domain.market import Observation, Report, Snapshot
from bot.domain.waves import Wave
from bot.judging import Follower, Marks
from bot.ports_fleet import Loan, Parcel
from bot.recompute import recompute
from storage.memory import MemoryStore
from tests.pipeline.liquidations import FEEDS, SECOND
from tests.pipeline.market import BTC, GROUPS, MINUTE, OPENING, Scene, path, told
from tests.pipeline.test_bench import World
from tests.pipeline.test_early_bench import FALL, HEARD, Bursting

CRASH = Scene(positions=path((5, 1.0), (35, 0.82)), price=path((5, 1.0), (35, 0.88)))
SENDERS = ("a", "b", "c")
PATIENCE = 5 * MINUTE
MINUTES = 60


@dataclass
class Shelf:
    """Parcels in the order in which they came; what was not given back is there for the next who looks."""

    parcels: dict[int, Parcel]
    aside: list[str] = field(default_factory=list)

    def taken(self) -> Iterator[Loan[Parcel]]:
        for number in list(self.parcels):
            yield _Lent(self, number, self.parcels[number])


@dataclass
class _Lent:
    shelf: Shelf
    number: int
    item: Parcel

    async def done(self) -> None:
        del self.shelf.parcels[self.number]

    async def again(self, after: timedelta) -> None:
        """It stays where it is."""

    async def drop(self, reason: str) -> None:
        self.shelf.aside.append(reason)
        await self.done()


def parcels(chance: random.Random) -> Sequence[Parcel]:
    """The crash, told by three collectors that lag one behind the other, each in its own order."""
    queues: dict[str, deque[Parcel]] = {sender: deque() for sender in SENDERS}
    for at, said in told(CRASH, OPENING, OPENING + MINUTES * MINUTE, MINUTE):
        for place, sender in enumerate(SENDERS):
            mine = [one for one in said if _place(one) == place]
            until = at + timedelta(seconds=chance.uniform(0.1, 20))
            queues[sender].append(Parcel(mine, sender, until))
    for sender, queue in queues.items():
        queue.extend(
            Parcel((), sender, OPENING + (MINUTES + more) * MINUTE) for more in range(1, 2 * MINUTES)
        )
    mixed = []
    while any(queues.values()):
        # Nobody is so far behind that the others would not wait.
        earliest = min(queue[0].until for queue in queues.values() if queue and queue[0].until)
        ready = [q for q in queues.values() if q and q[0].until and q[0].until - earliest < 3 * MINUTE]
        mixed.append(chance.choice(ready).popleft())
    return mixed


def _place(said: Observation) -> int:
    assert not isinstance(said, Report)
    return sum(said.instrument.venue.encode()) % len(SENDERS)


@pytest.fixture
def world(quiet_days: tuple[bytes, list[Wave]]) -> World:
    return World(MemoryStore(), quiet_days[0])


async def undisturbed(world: World) -> tuple[bytes, bytes]:
    """What a judge makes of the same, minute by minute."""
    bench = await world.begin()
    for at, said in told(CRASH, OPENING, OPENING + MINUTES * MINUTE, MINUTE):
        for one in said:
            bench.hear(one)
        await bench.step(at)
    return await made(world)


async def made(world: World) -> tuple[bytes, bytes]:
    end = OPENING + MINUTES * MINUTE
    pictured: list[Snapshot] = list(await world.store.journal.snapshots(BTC, OPENING + MINUTE, end, MINUTE))
    assert len(pictured) == MINUTES
    return msgspec.json.encode(pictured), msgspec.json.encode(await world.waves())


def follower(bench: Bench) -> Follower:
    return Follower(bench, Marks(PATIENCE), lost=lambda: False)


@pytest.mark.parametrize("seed", range(4))
async def test_the_steps_are_the_same_whoever_lags(
    seed: int, world: World, quiet_days: tuple[bytes, list[Wave]]
) -> None:
    other = World(MemoryStore(), quiet_days[0])
    bench = await other.begin()
    one = follower(bench)
    other.clock.now = OPENING + timedelta(days=1)  # however late it is by the clock
    shelf = Shelf(dict(enumerate(parcels(random.Random(seed)))))  # noqa: S311
    for loan in shelf.taken():
        await one.take(loan)
    await one.close()
    assert await made(other) == await undisturbed(world)
    assert not [parcel for parcel in shelf.parcels.values() if parcel.said]


@pytest.mark.parametrize("seed", range(6))
async def test_the_steps_are_the_same_though_judge_after_judge_is_killed(
    seed: int, world: World, quiet_days: tuple[bytes, list[Wave]]
) -> None:
    chance = random.Random(seed)  # noqa: S311
    other = World(MemoryStore(), quiet_days[0])
    await other.begin()
    shelf = Shelf(dict(enumerate(parcels(chance))))
    while shelf.parcels:
        bench = other.bench()
        await bench.recover(behind=True)
        one, life = follower(bench), chance.randint(20, 60)
        for number, loan in enumerate(shelf.taken()):
            other.clock.now = max(other.clock.now, loan.item.until or OPENING)
            await one.take(loan)
            if chance.random() < 0.3:
                await one.record()
            if number > life:
                break
        else:
            await one.close()
            shelf.parcels.clear()
    assert await made(other) == await undisturbed(world)


def mixed_up(chance: random.Random) -> Sequence[Parcel]:
    """A burst and the fall after it, heard by the second; on the way anything overtakes anything for a while,
    and now and then a collector is silent for longer than anybody waits."""
    end = OPENING + MINUTES * MINUTE
    said = [one for _, minute in told(FALL, OPENING, end, MINUTE) for one in minute]
    said += [one for one in HEARD if OPENING < one.received <= end]
    said.sort(key=lambda one: one.received)
    arrivals: list[tuple[datetime, int, Parcel]] = []
    whose = [chance.choice(SENDERS) for _ in said]
    for sender in SENDERS:
        mine = deque(one for one, its in zip(said, whose, strict=True) if its == sender)
        now = OPENING
        while now < end + MINUTE:
            now += chance.uniform(0.2, 3) * SECOND
            batch = []
            while mine and mine[0].received <= now:
                batch.append(mine.popleft())
            silent = chance.random() < 0.005
            late = chance.uniform(0, 2) * SECOND + (20 * SECOND if silent else 0 * SECOND)
            arrivals.append((now + late, len(arrivals), Parcel(batch, sender, now)))
    return [parcel for _, _, parcel in sorted(arrivals)]


@pytest.mark.parametrize("seed", range(3))
async def test_what_many_told_is_computed_again_byte_for_byte(
    seed: int, quiet_days: tuple[bytes, list[Wave]]
) -> None:
    """Bursts count each liquidation in its turn, so the recording has to know whose turn it was."""
    world = Bursting(MemoryStore(), quiet_days[0])
    one = Follower(await world.begin(), Marks(10 * SECOND), lost=lambda: False)
    world.clock.now = OPENING + timedelta(days=1)
    for loan in Shelf(dict(enumerate(mixed_up(random.Random(seed))))).taken():  # noqa: S311
        await one.take(loan)
    await one.close()
    [wave] = await world.waves()
    again = await recompute(world.store, wave.id, GROUPS, FEEDS)
    assert len(again.told) == wave.revision >= 10
    assert any(told.burst is not None for told in again.told.values())
    assert [n for n in again.told if not again.same(n)] == []


async def test_a_stream_that_lends_no_more_is_given_back_what_waited_for_a_silent_collector(
    world: World,
) -> None:
    bench = await world.begin()
    said = [one for _, minute in told(CRASH, OPENING, OPENING + MINUTE, MINUTE) for one in minute]
    shelf = Shelf({0: Parcel((), "silent", OPENING), 1: Parcel(said, "a", OPENING + MINUTE)})
    one = follower(bench)
    for loan in shelf.taken():
        await one.take(loan)
    await one.record()
    assert list(shelf.parcels) == [1], "the silent one may still have something to tell"
    await one.make_room()
    assert not shelf.parcels
    assert len(await world.store.journal.readings(OPENING, OPENING + MINUTE)) == len(said)


async def test_a_collector_that_says_nothing_more_is_not_waited_for_longer_than_patience() -> None:
    marks = Marks(timedelta(seconds=3))
    due = OPENING + MINUTE
    marks.hear(Parcel((), "a", OPENING))
    marks.hear(Parcel((), "b", due - timedelta(seconds=0.5)))
    marks.hear(Parcel((), "a", due + timedelta(seconds=2)))
    assert not marks.complete(due), "b may still have something to tell"
    marks.hear(Parcel((), "a", due + timedelta(seconds=4)))
    assert marks.complete(due)


async def test_nobody_waits_for_who_said_good_bye() -> None:
    marks = Marks(timedelta(seconds=3))
    due = OPENING + MINUTE
    for sender in ("a", "b"):
        marks.hear(Parcel((), sender, OPENING))
    marks.hear(Parcel((), "b", OPENING + timedelta(seconds=30), leaves=True))
    marks.hear(Parcel((), "a", due))
    assert marks.complete(due)


async def test_right_after_the_start_others_may_be_there_that_have_not_spoken_yet() -> None:
    marks = Marks(timedelta(seconds=3))
    marks.hear(Parcel((), "a", OPENING))
    assert not marks.complete(OPENING)


async def test_what_cannot_be_judged_is_set_aside_and_the_rest_is_judged(world: World) -> None:
    bench = await world.begin()
    good = [one for _, said in told(CRASH, OPENING, OPENING + MINUTE, MINUTE) for one in said]
    odd = msgspec.structs.replace(good[0], amount=None)
    later = Parcel((), "a", OPENING + MINUTE + PATIENCE)
    shelf = Shelf({0: Parcel([odd, *good[1:]], "a", OPENING + MINUTE), 1: later})
    one = follower(bench)
    for loan in shelf.taken():
        await one.take(loan)
    await one.record()
    assert [reason.split(":")[0] for reason in shelf.aside] == ["AttributeError"]
    assert len(await world.store.journal.readings(OPENING, OPENING + MINUTE)) == len(good) - 1
