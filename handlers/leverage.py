"""What a coin's leverage is now, by its own year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from bot.domain.assets import Asset
from bot.domain.market import Point, Snapshot
from bot.domain.statistics import Statistics, Totals, totals
from bot.pipeline.leverage import Leverage, by_day, leverage, values_of
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
    now = await desk.latest(asset)
    told = await desk.store.statistics.newest(asset)
    if told is not None and abs(now.at - told.at) > TOLD_LATELY:
        told = None
    sums = totals(told) if told is not None else None
    newest = point_of(now)
    points, past = await desk.days.of(asset, newest.at)
    supply = sums.supply if sums else None
    values = values_of(newest, sums, supply, newest)
    return Seen(asset, now, told, sums, leverage(values, by_day(points, past, newest, supply)))


def point_of(now: Snapshot) -> Point:
    return Point(now.at.astimezone(UTC), now.coins, now.price_usd, now.coverage, now.index)


def yearly(fraction: float) -> str:
    """``−4.2 %``, ``+11 %``."""
    return percent(fraction, digits=1 if abs(fraction) < 0.0995 else 0)
