"""The judge's bench over a real store: recording, recovering, alerting, and saying when it is blind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.bench import Bench
from bot.blindness import watch_over
from bot.domain.market import Group, Instrument, Liquidation, OpenInterest, Position, Price, Venue
from bot.domain.posts import Destination, Measure, Subscription, Threshold
from bot.domain.units import Amount, Unit
from bot.domain.verdicts import Verdict
from bot.domain.waves import Stage, Wave
from bot.health import Health
from bot.judging import judge
from bot.pipeline.judge import Judge, Stepped
from bot.pipeline.memory import JudgeState
from bot.ports import Store
from bot.running import running
from storage.memory import MemoryStore
from storage.sqlite import open_sqlite
from storage.streams import LocalStream
from tests.pipeline.market import BTC, GROUPS, MINUTE, OPENING, PACE, Scene, path, told
from tests.storage.samples import DAY, wave

CHAT = Destination("local", "page")
CRASH = Scene(positions=path((5, 1.0), (35, 0.82)), price=path((5, 1.0), (35, 0.88)), quiet=True)


@dataclass
class Clock:
    now: datetime = OPENING

    def __call__(self) -> datetime:
        return self.now


@dataclass
class World:
    """A bench whose clock is set by hand."""

    store: Store
    quiet: bytes
    clock: Clock = field(default_factory=Clock)

    def bench(self) -> Bench:
        return Bench(Judge(GROUPS, PACE), self.store, Health(self.clock), self.clock, self.clock)

    async def begin(self) -> Bench:
        """A bench that has the quiet history behind it, in a store whose chat wants every wave."""
        await self.store.journal.keep("judge", self.quiet)
        await self.store.subscriptions.add(
            Subscription(destination=CHAT, threshold=Threshold(Measure.W, 2.0), created=OPENING)
        )
        bench = self.bench()
        await bench.recover()
        return bench

    async def play(self, bench: Bench, since: int, until: int) -> None:
        minutes = told(CRASH, OPENING + since * MINUTE, OPENING + until * MINUTE, MINUTE)
        for at, said in minutes:
            self.clock.now = at
            for one in said:
                bench.hear(one)
            await bench.step(at)

    async def waves(self) -> list[Wave]:
        return list(await self.store.waves.recent())


@pytest.fixture
def world(quiet_days: tuple[bytes, list[Wave]]) -> World:
    return World(MemoryStore(), quiet_days[0])


@asynccontextmanager
async def sqlite_world(tmp_path: Path, quiet: bytes, clock: Clock) -> AsyncIterator[World]:
    async with open_sqlite(tmp_path / "washout.db") as store:
        yield World(store, quiet, clock)


async def eventually(look: Callable[[], Awaitable[bool]]) -> None:
    """Let the other tasks work until there is something to see."""
    async with asyncio.timeout(5):
        while not await look():  # noqa: ASYNC110 - what is waited for is a row, not a task of ours
            await asyncio.sleep(0)


async def recorded(world: World) -> bool:
    return bool(await world.store.journal.readings(OPENING, OPENING + MINUTE))


async def test_a_wave_is_kept_and_posted_to_who_wants_it(world: World) -> None:
    bench = await world.begin()
    await world.play(bench, 0, 80)
    (wave,) = await world.waves()
    (post,) = await world.store.posts.of(wave.id)
    assert (post.destination, post.wanted, post.loud) == (CHAT, wave.revision, 1)
    # 18 % of every position; the coins of inverse contracts fall less, since each dollar buys more of them.
    assert wave.fall == pytest.approx(0.162, abs=0.002)


class Crashing(Judge):
    """Falls over as soon as it is to make a step."""

    def stepping(self, at: datetime, *, snap: bool = True) -> Iterator[Stepped | None]:
        raise MemoryError(at)


async def test_what_was_heard_is_recorded_before_anything_is_made_of_it(world: World) -> None:
    bench = replace(world.bench(), judge=Crashing(GROUPS, PACE))
    with pytest.raises(MemoryError):
        await world.play(bench, 0, 1)
    assert await recorded(world)


async def test_a_crash_between_two_checkpoints_changes_no_wave(
    tmp_path: Path, quiet_days: tuple[bytes, list[Wave]], world: World
) -> None:
    undisturbed = await world.begin()
    await world.play(undisturbed, 0, 80)
    clock = Clock()
    async with sqlite_world(tmp_path, quiet_days[0], clock) as first:
        bench = await first.begin()
        await first.play(bench, 0, 22)  # and dies, with what it knows since the last checkpoint
    async with sqlite_world(tmp_path, quiet_days[0], clock) as second:
        again = second.bench()
        await again.recover()
        assert again.judge.at == OPENING + 22 * MINUTE
        await second.play(again, 22, 80)
        assert msgspec.json.encode(await second.waves()) == msgspec.json.encode(await world.waves())


async def test_a_memory_of_another_release_is_rebuilt_from_the_readings(world: World) -> None:
    bench = await world.begin()
    await world.play(bench, 0, 10)
    await world.store.journal.keep("judge", b"\x93not ours")
    again = world.bench()
    assert await again.recover() == OPENING + 10 * MINUTE
    assert BTC in again.judge.assets


@pytest.mark.parametrize("share", [(0, 1), (0, 4), (3, 4)])
async def test_who_lost_the_memory_gives_no_name_a_second_time(world: World, share: tuple[int, int]) -> None:
    """Another release, or another number of partitions, begins with what the store has."""
    before = [wave(name, revision=9, onset=OPENING - 40 * DAY, stage=Stage.OVER) for name in ("1", "2", "7")]
    for one in before:
        await world.store.waves.save(one)
    lived = Judge(GROUPS, PACE)
    lived.restore(msgspec.msgpack.decode(world.quiet, type=JudgeState))
    lesson = lived.lesson(BTC)
    assert lesson is not None

    async def begin() -> Bench:
        bench = replace(world.bench(), judge=Judge(GROUPS, PACE, share=share))
        bench.judge.learn(BTC, lesson)
        await bench.recover()
        return bench

    await world.play(await begin(), 0, 80)
    known = await world.waves()
    assert [await world.store.waves.get(one.id) for one in before] == before
    [new] = [one for one in known if one.onset >= OPENING]
    assert int(new.id, 36) % share[1] == (share[0] + 1) % share[1], "a name of its own share"
    await world.store.journal.keep("judge", b"\x93not ours")
    await begin()
    made_again = {one.id for one in await world.waves()}
    assert made_again == {one.id for one in known}, "it has the name it had"


async def test_the_very_first_start_has_nothing_to_recover(world: World) -> None:
    assert await world.bench().recover() is None


async def test_what_is_not_believed_is_quarantined_once_per_change_of_verdict(world: World) -> None:
    bench = world.bench()
    instrument = Instrument(Venue("bybit"), "BTCUSDT", BTC)
    for minute in range(4):
        at = OPENING + minute * MINUTE
        bench.hear(Price(instrument, Decimal(0), at, at))
        await bench.step(at)
    (kept,) = await world.store.journal.quarantined(OPENING - MINUTE)
    assert (kept.what, kept.verdict) == ("BTCUSDT", Verdict.IMPOSSIBLE)


async def test_what_comes_after_its_step_is_recorded_in_the_step_it_came_in(world: World) -> None:
    bench = await world.begin()
    seen = LocalStream()
    late = [o for _, said in told(CRASH, OPENING, OPENING + MINUTE, MINUTE) for o in said]
    stale = [msgspec.structs.replace(o, received=OPENING - timedelta(seconds=5)) for o in late]
    world.clock.now = OPENING + timedelta(seconds=10)
    async with running(judge(bench, seen, speed=1.0)):
        await asyncio.sleep(0)  # the judge looks at the clock first
        await seen.put([o for o in stale if isinstance(o, OpenInterest)])
        world.clock.now = OPENING + MINUTE + timedelta(seconds=1)
        await seen.put([msgspec.structs.replace(late[0], at=world.clock.now, received=world.clock.now)])
        await eventually(lambda: recorded(world))
    assert not await world.store.journal.readings(OPENING - MINUTE, OPENING)


async def test_blind_is_said_once_and_so_is_seeing_again(world: World) -> None:
    bench = world.bench()
    venue, source = Venue("bybit"), "tickers"
    assert isinstance(bench.health, Health)
    bench.health.expect(
        venue, source, world.clock.now, title="Bybit", group=Group.OFFSHORE, late_after=MINUTE
    )

    async def destinations() -> Sequence[Destination]:
        return [CHAT]

    subject = f"blind-{world.clock.now:%Y%m%d%H%M%S}"

    async def told_of(revision: int) -> bool:
        return any(post.wanted == revision for post in await world.store.posts.of(subject))

    async with running(watch_over(bench, destinations, sleep_s=0)):
        await asyncio.sleep(0)
        assert not await world.store.posts.claim("local", world.clock.now, MINUTE, 9)
        world.clock.now += timedelta(minutes=6)
        await eventually(lambda: told_of(1))
        notice = await world.store.notices.notice(subject)
        assert notice is not None
        assert "No venue has answered for 6 min" in notice.text
        world.clock.now += timedelta(minutes=4)
        bench.health.heard(venue, source, world.clock.now, open_interest=True)
        await eventually(lambda: told_of(2))
        notice = await world.store.notices.notice(subject)
        assert notice is not None
        assert notice.over
        assert "blind for about 9 min" in notice.text or "blind for about 10 min" in notice.text
    assert await world.waves() == []


def test_the_state_survives_its_wire_format(quiet_days: tuple[bytes, list[Wave]]) -> None:
    state = msgspec.msgpack.decode(quiet_days[0], type=JudgeState)
    assert msgspec.msgpack.encode(state) == quiet_days[0]


async def test_liquidations_whose_dollars_cannot_be_known_are_kept_as_such_once() -> None:
    store, clock = MemoryStore(), Clock()
    bench = Bench(Judge(GROUPS, PACE), store, Health(clock), clock, clock)
    unsized = Instrument(Venue("gate"), "BTC_USDT", BTC)
    amount, price = Amount(Decimal(3), Unit.CONTRACTS), Decimal(100_000)
    for second in range(3):
        at = OPENING + timedelta(seconds=second)
        bench.hear(Liquidation(unsized, Position.LONG, amount, price, at, at))
    await bench.record()
    (kept,) = await store.journal.quarantined(OPENING - MINUTE, limit=9)
    assert (kept.venue, kept.what, kept.verdict) == ("gate", "BTC_USDT liquidations", Verdict.UNPRICED)
