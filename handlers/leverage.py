"""Questions about leverage: what a coin's is now, by its own year, and what a wave took out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta

from bot.domain.assets import Asset
from bot.domain.market import Point, Snapshot
from bot.domain.statistics import Statistics, Totals, totals
from bot.domain.waves import Stage, Wave
from bot.pipeline.leverage import WINDOW, Leverage, by_day, leverage, rank, values_of
from handlers.desk import Desk
from handlers.hindsight import near
from handlers.numbers import percent, share
from handlers.speech import _

TOLD_LATELY = timedelta(minutes=30)
"""Statistics are recorded every five minutes; older ones do not stand for now."""
ENOUGH_DAYS = 14


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


async def leverage_line(desk: Desk, wave: Wave) -> str:
    """Leverage after a wave that is over, and before it; empty where too little was recorded.

    ``Leverage after it: above 38 % of the 365 days before (it was above 99 %). Funding +11 % → −4.0 % a
    year``: coin OI among the last values of those days, and funding over all venues.
    """
    if wave.stage is not Stage.OVER or wave.over_at is None:
        return ""
    onset, over = wave.onset.astimezone(UTC), wave.over_at.astimezone(UTC)
    before, after = await near(desk.store, wave.asset, onset), await near(desk.store, wave.asset, over)
    if before is None or after is None:
        return ""
    points = await desk.store.journal.series(wave.asset, onset - WINDOW, onset, timedelta(days=1))
    past = sorted(point.index for point in points if point.at.date() < onset.date())
    was, now = rank(before.index, past), rank(after.index, past)
    if len(past) < ENOUGH_DAYS or was is None or now is None:
        return ""
    text = _("Leverage after it: above {now} of the {days} days before (it was above {before})").format(
        now=share(now), days=len(past), before=share(was)
    )
    if before.funding is None or after.funding is None:
        return text
    return (
        text
        + ". "
        + _("Funding {before} → {after} a year").format(
            before=yearly(before.funding), after=yearly(after.funding)
        )
    )


def yearly(fraction: float) -> str:
    """``−4.2 %``, ``+11 %``."""
    return percent(fraction, digits=1 if abs(fraction) < 0.0995 else 0)
