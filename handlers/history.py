"""One value a day of each coin, for what is normal: a year of them, read once, then only what is new."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from bot.domain.assets import Asset
from bot.domain.market import Point
from bot.domain.statistics import Statistics, Totals
from bot.pipeline.leverage import WINDOW, Past, by_day, judged
from bot.ports import Store

DAY = timedelta(days=1)
READ_ANEW = timedelta(hours=6)
"""What was learnt meanwhile of the time before live figures replaces what was read."""
NEWS_AFTER = timedelta(minutes=30)
KEPT = 100
"""Coins, about 0.2 MB each; of others the year is read again when they are asked about."""
LOOKED_ANEW = timedelta(minutes=1)
TOLD_LATELY = timedelta(minutes=30)
"""Older statistics do not stand for now."""


class Judged(NamedTuple):
    """The days before ``day``, in coins of the venues of ``base``; ``supply`` stands where none was told."""

    day: date
    supply: float | None
    base: Point
    past: Past


@dataclass
class _Year:
    begun: datetime
    until: datetime
    points: dict[date, Point] = field(default_factory=dict)
    totals: dict[date, Totals] = field(default_factory=dict)
    judged: Judged | None = None


class Days:
    """The last point and the last totals of each day (UTC) of the year, and the newest of every coin."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._years: OrderedDict[Asset, _Year] = OrderedDict()
        self._newest: Mapping[Asset, Statistics] = {}
        self._newest_at: datetime | None = None

    async def newest(self, now: datetime) -> Mapping[Asset, Statistics]:
        """The statistics of every coin that has some of lately (they are recorded every five minutes)."""
        if self._newest_at is None or not timedelta(0) <= now - self._newest_at <= LOOKED_ANEW:
            self._newest = await self._store.statistics.newest_of_all(now - TOLD_LATELY)
            self._newest_at = now
        return self._newest

    async def of(self, asset: Asset, now: datetime) -> tuple[Sequence[Point], Sequence[Totals]]:
        """Oldest first. Today's may be half an hour old: for now, there is the newest of each."""
        year = self._years.get(asset)
        if year is None or not timedelta(0) <= now - year.begun <= READ_ANEW:
            year = _Year(now, now - WINDOW - DAY)
        elif now - year.until <= NEWS_AFTER:
            return list(year.points.values()), list(year.totals.values())
        since = datetime.combine(year.until.date(), datetime.min.time(), now.tzinfo)
        points = await self._store.journal.series(asset, since, now, DAY)
        totals = await self._store.statistics.series(asset, since, now, DAY)
        year.points |= {point.at.date(): point for point in points}
        year.totals |= {told.at.date(): told for told in totals}
        if since.date() < now.date():
            year.judged = None
        year.until = now
        self._years[asset] = year
        self._years.move_to_end(asset)
        while len(self._years) > KEPT:
            self._years.popitem(last=False)
        return list(year.points.values()), list(year.totals.values())

    async def judged(self, asset: Asset, now: Point, supply: float | None) -> Judged:
        """The days before that of ``now``: judged once a day, since only today's is still to change."""
        points, totals = await self.of(asset, now.at)
        year, day = self._years[asset], now.at.date()
        if year.judged is None or (year.judged.day, year.judged.supply) != (day, supply):
            year.judged = Judged(day, supply, now, judged(by_day(points, totals, now, supply)))
        return year.judged
