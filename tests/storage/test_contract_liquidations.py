"""Liquidations by venue, and auto-deleveraging apart: one suite over every store."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.market import Liquidation, LiquidationSum, Position, Venue, VenueLiquidations
from bot.ports import Store
from tests.storage.samples import DAY, HOUR, KPEPE, MINUTE, NOW, liquidation

BTC = Asset("BTC")
PEPE = Asset("PEPE")
START = NOW.replace(minute=0, second=0, microsecond=0)


def elsewhere(coins: str) -> Liquidation:
    """On the same contract of another venue."""
    said = liquidation(START, coins=coins)
    return replace(said, instrument=replace(said.instrument, venue=Venue("zzz")))


async def test_each_venue_has_its_sums_in_dollars_and_coins(store: Store) -> None:
    mine = liquidation(START).instrument.venue
    await store.journal.hear(
        [
            liquidation(START, coins="1"),
            liquidation(START + MINUTE, Position.SHORT, "2"),
            elsewhere("3"),
            liquidation(START + HOUR, coins="8"),
        ]
    )
    assert await store.journal.liquidated_on(BTC, START, START + HOUR, HOUR) == [
        VenueLiquidations(START, mine, 100_000.0, 200_000.0, 1.0, 2.0, 0.0, 2),
        VenueLiquidations(START, Venue("zzz"), 300_000.0, 0.0, 3.0, 0.0, 0.0, 1),
    ]


async def test_coins_are_whole_coins_where_a_thousand_are_listed_as_one(store: Store) -> None:
    await store.journal.hear([liquidation(START, coins="2", instrument=KPEPE)])
    (sums,) = await store.journal.liquidated_on(PEPE, START, START + HOUR, HOUR)
    assert (sums.long_usd, sums.long_coins) == (200_000.0, 2_000.0)


async def test_auto_deleveraging_is_in_no_sum_but_its_own(store: Store) -> None:
    closed = replace(liquidation(START, Position.SHORT, "5", number="adl"), deleveraged=True)
    await store.journal.hear([liquidation(START, coins="1"), closed])
    assert await store.journal.liquidated(BTC, START, START + HOUR, HOUR) == [
        LiquidationSum(START, 100_000.0, 0.0, 1)
    ]
    (sums,) = await store.journal.liquidated_on(BTC, START, START + HOUR, HOUR)
    assert (sums.long_usd, sums.short_usd, sums.short_coins) == (100_000.0, 0.0, 0.0)
    assert (sums.deleveraged_usd, sums.count) == (500_000.0, 2)


async def test_sums_that_outlive_them_have_no_auto_deleveraging_either(store: Store) -> None:
    closed = replace(liquidation(START, Position.SHORT, "5", number="adl"), deleveraged=True)
    await store.journal.hear([liquidation(START, coins="1"), closed])
    await store.journal.trim(START + 31 * DAY)
    assert await store.journal.liquidated(BTC, START, START + HOUR, HOUR) == [
        LiquidationSum(START, 100_000.0, 0.0, 1)
    ]
    assert await store.journal.liquidated_on(BTC, START, START + HOUR, HOUR) == []


async def test_time_cannot_be_cut_into_nothing(store: Store) -> None:
    with pytest.raises(ValueError, match="steps"):
        await store.journal.liquidated_on(BTC, START, START, 0 * HOUR)
