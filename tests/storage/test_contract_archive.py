"""What every store keeps to: what venues remember, and what was learnt from it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from bot.domain.market import Instrument, OpenInterest, PastLiquidations, Position
from bot.domain.units import Amount, Unit
from bot.domain.waves import Stage
from bot.ports import Store
from tests.storage.samples import BTC, BTC_SWAP, BTCUSDT, ETH, HOUR, KPEPE, MINUTE, NOW, PEPE, snapshot, wave

KEY = (BTC, BTCUSDT.venue, BTCUSDT.symbol)


def said(at: datetime, contract: Instrument = BTCUSDT, amount: str = "130000.250") -> OpenInterest:
    return OpenInterest(contract, Amount(Decimal(amount), Unit.BASE), at, NOW, Decimal("122000.10"))


async def test_a_piece_of_the_past_comes_back_exactly(store: Store) -> None:
    contracts = replace(
        said(NOW - HOUR, BTC_SWAP), amount=Amount(Decimal("1E+3"), Unit.CONTRACTS), price=None
    )
    told = [said(NOW - HOUR), said(NOW - MINUTE, amount="0.10")]
    await store.archive.keep(BTCUSDT, NOW - HOUR, NOW, told)
    await store.archive.keep(BTC_SWAP, NOW - HOUR, NOW, [contracts])
    await store.archive.keep(KPEPE, NOW - HOUR, NOW, [said(NOW - HOUR, KPEPE)])
    assert await store.archive.told(BTC, NOW - HOUR, NOW) == [told[0], contracts, told[1]]
    assert await store.archive.told(PEPE, NOW - HOUR, NOW) == [said(NOW - HOUR, KPEPE)]


async def test_the_past_is_told_from_one_time_on_and_before_another(store: Store) -> None:
    told = [said(NOW - n * HOUR) for n in (3, 2, 1)]
    await store.archive.keep(BTCUSDT, NOW - 3 * HOUR, NOW - HOUR, told)
    await store.archive.keep(BTCUSDT, NOW - HOUR, NOW, told)
    assert await store.archive.told(BTC, NOW - 3 * HOUR, NOW) == told
    assert await store.archive.told(BTC, NOW - 2 * HOUR, NOW - HOUR) == told[1:2]


async def test_a_piece_kept_twice_is_there_once(store: Store) -> None:
    for _ in range(2):
        await store.archive.keep(BTCUSDT, NOW - HOUR, NOW, [said(NOW - HOUR)])
    assert await store.archive.told(BTC, NOW - HOUR, NOW) == [said(NOW - HOUR)]


async def test_an_empty_piece_counts_as_far_as_it_reaches(store: Store) -> None:
    assert await store.archive.reached() == {}
    await store.archive.keep(BTCUSDT, NOW - HOUR, NOW, [said(NOW - HOUR)])
    await store.archive.keep(BTCUSDT, NOW - 3 * HOUR, NOW - HOUR, [])
    await store.archive.keep(KPEPE, NOW - MINUTE, NOW, [])
    assert await store.archive.reached() == {
        KEY: NOW - 3 * HOUR,
        (PEPE, KPEPE.venue, KPEPE.symbol): NOW - MINUTE,
    }
    assert await store.archive.reached(BTC) == {KEY: NOW - 3 * HOUR}
    assert await store.archive.reached(ETH) == {}


def lost(at: datetime, contract: Instrument = BTCUSDT, usd: float | None = 97.4) -> PastLiquidations:
    return PastLiquidations(contract, Position.LONG, at, MINUTE, Decimal("12.50"), None, usd)


async def test_sums_of_liquidations_come_back_exactly_and_once(store: Store) -> None:
    sums = [lost(NOW - HOUR), lost(NOW - MINUTE, usd=None)]
    other = replace(lost(NOW - HOUR, BTC_SWAP), contracts=None, coins=0.5)
    for _ in range(2):
        await store.archive.keep(BTCUSDT, NOW - HOUR, NOW, [said(NOW - HOUR)], [*sums, lost(NOW)])
        await store.archive.keep(BTC_SWAP, NOW - HOUR, NOW, [], [other])
        await store.archive.keep(KPEPE, NOW - HOUR, NOW, [], [lost(NOW - HOUR, KPEPE)])
    assert await store.archive.liquidated(BTC, NOW - HOUR, NOW + HOUR) == [sums[0], other, sums[1]]
    assert await store.archive.liquidated(BTC, NOW - MINUTE, NOW) == [sums[1]]
    assert await store.archive.liquidated(BTC, NOW - HOUR, NOW - MINUTE) == [sums[0], other]
    assert await store.archive.told(BTC, NOW - HOUR, NOW) == [said(NOW - HOUR)]


async def test_a_piece_kept_again_replaces_its_sums_and_none_are_among_what_was_heard(store: Store) -> None:
    await store.archive.keep(BTCUSDT, NOW - HOUR, NOW, [], [lost(NOW - HOUR), lost(NOW - MINUTE)])
    await store.archive.keep(BTCUSDT, NOW - HOUR, NOW, [], [lost(NOW - MINUTE)])
    assert await store.archive.liquidated(BTC, NOW - HOUR, NOW) == [lost(NOW - MINUTE)]
    await store.archive.keep(BTCUSDT, NOW - HOUR, NOW, [])
    assert await store.archive.liquidated(BTC, NOW - HOUR, NOW) == []
    assert await store.journal.liquidated(BTC, NOW - HOUR, NOW, MINUTE) == []


async def test_a_lesson_replaces_the_one_before_with_its_waves_and_snapshots(store: Store) -> None:
    seen = replace(wave(), id="1a", onset=NOW + HOUR)
    ended = replace(wave(), stage=Stage.OVER, revision=3)
    first, second, others = (replace(ended, id=f"h-{n}", onset=NOW - n * HOUR) for n in (1, 2, 3))
    others = replace(others, asset=ETH)
    await store.waves.save(seen)
    await store.journal.snap([snapshot(NOW + MINUTE)])
    await store.archive.learn(ETH, b"eth", [others], [snapshot(NOW - HOUR, ETH)], NOW)
    old, new = [snapshot(NOW - n * HOUR, coins=n) for n in (1, 2)], [snapshot(NOW - HOUR, coins=9.0)]
    await store.archive.learn(BTC, b"one", [first], old, NOW)
    await store.archive.learn(BTC, b"two", [second], new, NOW)
    assert await store.archive.learnt() == {BTC: b"two", ETH: b"eth"}
    assert await store.archive.learnt(BTC) == {BTC: b"two"}
    assert await store.archive.learnt(PEPE) == {}
    assert await store.waves.recent() == [seen, second, others]
    assert await store.waves.get("h-1") is None
    assert await store.waves.get("h-2", 3) == second
    assert await store.journal.snapshot(BTC, NOW) == new[0]
    assert await store.journal.snapshot(BTC, NOW - 2 * HOUR) is None
    assert await store.journal.snapshot(BTC) == snapshot(NOW + MINUTE)
    assert await store.journal.snapshot(ETH, NOW) is not None
