"""Market statistics in dicts: the readable specification of ``bot.ports.MarketStatistics``."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from bot.domain.assets import Asset
from bot.domain.statistics import Statistics, Totals, totals
from storage.rules import STATISTICS_THINNING, VENUE_STATISTICS_THINNING, Thinning, floor, positive

T = TypeVar("T")


class MemoryStatistics:
    """See ``bot.ports.MarketStatistics``."""

    def __init__(self) -> None:
        self._whole: dict[Asset, dict[datetime, Statistics]] = {}
        self._totals: dict[Asset, dict[datetime, Totals]] = {}

    async def record(self, told: Sequence[Statistics]) -> None:
        for one in told:
            if one.at not in self._totals.setdefault(one.asset, {}):
                self._totals[one.asset][one.at] = totals(one)
                self._whole.setdefault(one.asset, {})[one.at] = one

    async def newest(self, asset: Asset, at: datetime | None = None) -> Statistics | None:
        known = self._whole.get(asset, {})
        return known[max(times)] if (times := [t for t in known if at is None or t <= at]) else None

    async def newest_of_all(self, since: datetime) -> Mapping[Asset, Statistics]:
        newest = {asset: max(known) for asset, known in self._whole.items() if known}
        return {asset: self._whole[asset][at] for asset, at in sorted(newest.items()) if at >= since}

    async def series(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Totals]:
        known = self._totals.get(asset, {})
        times = sorted(t for t in known if since <= t <= until)
        return [known[at] for at in {floor(at, positive(step)): at for at in times}.values()]

    async def trim(self, now: datetime) -> int:
        removed = 0
        for thinning in STATISTICS_THINNING:
            removed += sum(_thin(known, thinning, now) for known in self._totals.values())
        for thinning in VENUE_STATISTICS_THINNING:
            removed += sum(_thin(known, thinning, now) for known in self._whole.values())
        return removed


def _thin(known: MutableMapping[datetime, T], thinning: Thinning, now: datetime) -> int:
    before = floor(now - thinning.after, thinning.step)
    old = sorted(at for at in known if at < before)
    last = set({floor(at, thinning.step): at for at in old}.values())
    gone = [at for at in old if at not in last]
    for at in gone:
        del known[at]
    return len(gone)
