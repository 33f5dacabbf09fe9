"""What a coin's leverage is now, by its own year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from bot.domain.assets import Asset
from bot.domain.market import Point, Snapshot
from bot.domain.statistics import Statistics, Totals, totals
from bot.pipeline.leverage import Leverage, Measure, leverage, values_of
from handlers.desk import Desk
from handlers.history import TOLD_LATELY
from handlers.numbers import percent


@dataclass(frozen=True, slots=True)
class Seen:
    """One coin now. ``told`` and ``sums`` are its statistics, where they are of lately."""

    asset: Asset
    now: Snapshot
    told: Statistics | None
    sums: Totals | None
    leverage: Leverage


async def seen(desk: Desk, asset: Asset) -> Seen:
    """Raises ``AskError`` where nothing was ever seen of the coin."""
    return await judged_now(desk, await desk.latest(asset), await desk.store.statistics.newest(asset))


async def judged_now(desk: Desk, now: Snapshot, told: Statistics | None) -> Seen:
    """By a coin's newest snapshot and statistics, if those are of lately too."""
    if told is not None and abs(now.at - told.at) > TOLD_LATELY:
        told = None
    sums = totals(told) if told is not None else None
    newest = point_of(now)
    supply = sums.supply if sums else None
    days = await desk.days.judged(now.asset, newest, supply)
    values = values_of(newest, sums, supply, days.base)
    in_days = values[Measure.OI]  # coins of the venues by which the days are counted
    found = leverage(values, days.past, newest.coins / in_days if in_days else 1.0)
    return Seen(now.asset, now, told, sums, found)


def point_of(now: Snapshot) -> Point:
    return Point(now.at.astimezone(UTC), now.coins, now.price_usd, now.coverage, now.index)


def yearly(fraction: float) -> str:
    """``−4.2 %``, ``+11 %``."""
    return percent(fraction, digits=1 if abs(fraction) < 0.0995 else 0)
