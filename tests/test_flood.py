"""Far more liquidations than usual: written down as they come, and everybody else gets their turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from bot.bench import RECORD_AT, Bench
from bot.domain.assets import Asset
from bot.domain.market import Group, Instrument, Liquidation, Position, Venue
from bot.domain.units import Amount, Unit
from bot.health import Health
from bot.judging import BREATH, judge
from bot.pipeline.judge import PIECE, Judge
from bot.pipeline.memory import Pace
from bot.running import running
from bot.stage import wall
from storage.memory import MemoryStore
from storage.streams import LocalStream
from tests.simulator.calling import MINUTE, Hands
from tests.simulator.fleet import eventually

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ACME = Venue("acme")


def told(number: int, coin: str = "BTC") -> Liquidation:
    instrument = Instrument(ACME, f"{coin}-PERP", Asset(coin))
    at = NOON + timedelta(milliseconds=number)
    amount = Amount(Decimal(1), Unit.BASE)
    return Liquidation(instrument, Position.LONG, amount, Decimal(60_000), at, at, str(number))


@asynccontextmanager
async def judging() -> AsyncIterator[tuple[Bench, LocalStream]]:
    """A judge at work at noon, for whom time stands still: no step is due."""
    clock, seen = Hands(NOON), LocalStream()
    bench = Bench(
        Judge({ACME: Group.OFFSHORE}, Pace(MINUTE, 3 * MINUTE)), MemoryStore(), Health(clock), clock, wall
    )
    async with running(judge(bench, seen, speed=1.0)):
        yield bench, seen


async def recorded(bench: Bench) -> float:
    sums = await bench.store.journal.liquidated(Asset("BTC"), NOON, NOON + MINUTE, MINUTE)
    return sum(one.long_usd for one in sums)


async def test_a_flood_is_written_down_before_the_next_step() -> None:
    async with judging() as (bench, seen):
        await seen.put([told(number) for number in range(RECORD_AT - 1)])
        await eventually(lambda: seen.waiting == 0)
        assert await recorded(bench) == 0
        await seen.put([told(RECORD_AT)])
        async with asyncio.timeout(5):
            while await recorded(bench) < RECORD_AT * 60_000:  # noqa: ASYNC110 (a row, no task of ours)
                await asyncio.sleep(0)


async def test_others_get_their_turn_while_a_flood_is_heard() -> None:
    async with judging() as (bench, seen):
        turns = await turns_until(bench, seen, [told(number, f"C{number}") for number in range(10 * BREATH)])
        assert turns >= 10


async def turns_until(bench: Bench, seen: LocalStream, batch: Sequence[Liquidation]) -> int:
    """How often another task had its turn while ``batch``, each of another coin, was heard."""
    heard = [0]

    async def look() -> None:
        while True:
            heard.append(len(bench.judge.assets))
            await asyncio.sleep(0)

    async with running(look()):
        await seen.put(batch)
        await eventually(lambda: heard[-1] == len(batch))
    return len({so_far for so_far in heard if so_far})


def test_a_step_of_many_coins_comes_in_pieces() -> None:
    many = Judge({ACME: Group.OFFSHORE}, Pace(MINUTE, 3 * MINUTE))
    for number in range(4 * PIECE):
        many.take(told(number, f"C{number}"))
    *pauses, done = many.stepping(NOON)
    assert pauses == [None] * 4
    assert done == many.step(NOON)


def test_the_memory_of_many_coins_is_packed_in_pieces() -> None:
    many = Judge({ACME: Group.OFFSHORE}, Pace(MINUTE, 3 * MINUTE))
    for number in range(5):
        many.take(told(number, f"C{number}"))
    *pauses, packed = many.packing()
    assert pauses == [None] * 5
    assert packed == msgspec.msgpack.encode(many.state())


async def test_others_get_their_turn_while_the_memory_is_packed() -> None:
    async with judging() as (bench, seen):
        await seen.put([told(number, f"C{number}") for number in range(50)])
        await eventually(lambda: len(bench.judge.assets) == 50)
        turns = 0

        async def look() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with running(look()):
            await bench.keep()
        assert turns >= 50
    kept = await bench.kept_state()
    assert kept is not None
    assert [one.asset for one in kept.assets] == list(bench.judge.assets)
