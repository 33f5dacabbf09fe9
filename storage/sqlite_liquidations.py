"""Liquidations: each on its own while a venue may still repeat it, then sums per hour for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlite_utils import Database

from bot.domain.assets import Asset
from bot.domain.market import Instrument, Liquidation, LiquidationSum, Position, Venue, VenueLiquidations
from bot.domain.units import Amount, Unit
from storage.rules import (
    LIQUIDATION_STEP,
    MICROSECOND,
    floor,
    liquidated_coins,
    liquidated_usd,
    micros,
    moment,
    positive,
)
from storage.sqlite_borders import border

CHUNK = timedelta(days=1)
"""Of one asset, summed up in one transaction."""


def write_liquidations(db: Database, liquidations: Sequence[Liquidation]) -> None:
    gone = border(db, "liquidations")
    rows = [
        (
            forced.instrument.asset,
            micros(forced.at),
            forced.instrument.key,
            forced.number,
            forced.position,
            str(forced.amount.value),
            forced.amount.unit,
            str(forced.price),
            *liquidated_usd(forced),
            liquidated_coins(forced),
            forced.deleveraged,
            micros(forced.received),
            place,
        )
        for place, forced in enumerate(liquidations)
        if micros(forced.at) >= gone
    ]
    db.conn.executemany(f"insert or ignore into liquidations values ({', '.join('?' * 14)})", rows)  # noqa: S608


EARLIER = timedelta(days=1)
"""What is told again of the past is at most so old: beyond, it was heard for the first time."""


def read_heard(
    db: sqlite3.Connection,
    asset: Asset,
    since: datetime,
    until: datetime,
    contract: Callable[[sqlite3.Connection, str], Instrument | None],
) -> list[Liquidation]:
    """``contract`` finds what is traded under a key; of one that has no open interest little is known."""
    rows = db.execute(
        "select market, position, amount, unit, price, at, coalesce(received, at) as heard, number,"
        " deleveraged from liquidations where asset = ? and at >= ? and at < ? and heard > ? and heard <= ?"
        " order by heard, place, at, market, number",
        (asset, micros(since - EARLIER), micros(until + EARLIER), micros(since), micros(until)),
    ).fetchall()
    contracts = {market: contract(db, market) for market in {row[0] for row in rows}}  # a few, told thousands
    return [
        Liquidation(
            contracts[market] or Instrument(Venue(market.partition(":")[0]), market.partition(":")[2], asset),
            Position(position),
            Amount(Decimal(amount), Unit(unit)),
            Decimal(price),
            moment(at),
            moment(received),
            number,
            bool(deleveraged),
        )
        for market, position, amount, unit, price, at, received, number, deleveraged in rows
    ]


def read_liquidated(
    db: sqlite3.Connection, asset: Asset, since: datetime, until: datetime, step: timedelta
) -> list[LiquidationSum]:
    asked = {
        "asset": asset,
        "since": micros(since),
        "until": micros(until),
        "step": positive(step) // MICROSECOND,
    }
    within = "asset = :asset and at >= :since and at < :until"
    rows = db.execute(
        "select at / :step * :step, coalesce(sum(long_usd), 0.0), coalesce(sum(short_usd), 0.0), sum(count)"  # noqa: S608
        " from (select at, long_usd, short_usd, 1 as count from liquidations"
        f" where {within} and not deleveraged"
        f" union all select at, long_usd, short_usd, count from liquidation_sums where {within})"
        " group by 1 order by 1",
        asked,
    )
    return [LiquidationSum(moment(at), long_usd, short_usd, count) for at, long_usd, short_usd, count in rows]


def read_liquidated_on(
    db: sqlite3.Connection, asset: Asset, since: datetime, until: datetime, step: timedelta
) -> list[VenueLiquidations]:
    asked = {
        "asset": asset,
        "since": micros(since),
        "until": micros(until),
        "step": positive(step) // MICROSECOND,
    }
    forced = "sum(case when {} and not deleveraged then {} else 0.0 end)"
    sides = ("position = 'long'", "position = 'short'")
    figures = ", ".join(
        (
            *(forced.format(side, usd) for side, usd in zip(sides, ("long_usd", "short_usd"), strict=True)),
            *(forced.format(side, "coalesce(coins, 0.0)") for side in sides),
        )
    )
    rows = db.execute(
        "select at / :step * :step, substr(market, 1, instr(market, ':') - 1) as venue,"  # noqa: S608
        f" {figures},"
        " sum(case when deleveraged then coalesce(long_usd, short_usd, 0.0) else 0.0 end), count(*)"
        " from liquidations where asset = :asset and at >= :since and at < :until"
        " group by 1, 2 order by 1, 2",
        asked,
    )
    return [VenueLiquidations(moment(at), venue, *sums) for at, venue, *sums in rows]


def liquidated_assets(db: sqlite3.Connection) -> list[Asset]:
    """Steps from one asset to the next through the key; ``distinct`` would read every row."""
    rows = db.execute(
        "with recursive each (asset) as (select min(asset) from liquidations union all"
        " select (select min(asset) from liquidations where asset > each.asset) from each"
        " where each.asset is not null) select asset from each where asset is not null"
    )
    return [Asset(asset) for (asset,) in rows]


def sum_liquidations(db: Database, asset: Asset, before: datetime) -> int | None:
    """Sum up one chunk of one asset; returns rows removed, ``None`` when there are none left.

    Chunks hold whole hours and nothing is heard before the border, so no hour is summed up twice.
    """
    oldest = db.execute(
        "select min(at) from liquidations where asset = ? and at < ?", [asset, micros(before)]
    ).fetchone()[0]
    if oldest is None:
        return None
    chunk = {
        "asset": asset,
        "until": micros(min(before, floor(moment(oldest), CHUNK) + CHUNK)),
        "step": LIQUIDATION_STEP // MICROSECOND,
    }
    db.execute(
        "insert into liquidation_sums"
        " select asset, at / :step * :step, coalesce(sum(long_usd), 0.0), coalesce(sum(short_usd), 0.0),"
        " count(*) from liquidations where asset = :asset and at < :until and not deleveraged group by 2",
        chunk,
    )
    return db.execute("delete from liquidations where asset = :asset and at < :until", chunk).rowcount
