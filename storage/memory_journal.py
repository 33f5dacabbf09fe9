"""What was recorded of the market, in dicts: the readable specification of ``bot.ports.Journal``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.market import (
    Liquidation,
    LiquidationSum,
    Point,
    Position,
    Quarantined,
    Reading,
    Report,
    Snapshot,
    Venue,
    VenueLiquidations,
)
from storage.rules import (
    EPOCH,
    LIQUIDATION_STEP,
    LIQUIDATIONS_KEPT,
    QUARANTINE_KEPT,
    READINGS_KEPT,
    SNAPSHOT_THINNING,
    Thinning,
    floor,
    liquidated_coins,
    liquidated_usd,
    positive,
)

_Identity = tuple[object, ...]


def _identity(forced: Liquidation) -> _Identity:
    """What a venue says again when it repeats itself: everything but when we heard it."""
    amount = forced.amount
    contract = (forced.instrument.key, forced.number, forced.position)
    return (forced.at, *contract, str(amount.value), amount.unit, str(forced.price))


class MemoryJournal:
    """See ``bot.ports.Journal``."""

    def __init__(self) -> None:
        self._readings: dict[tuple[datetime, str], Reading] = {}
        self._quarantine: dict[_Identity, Quarantined] = {}
        self._snapshots: dict[Asset, dict[datetime, Snapshot]] = {}
        self._newest: dict[Asset, Snapshot] = {}
        self._liquidations: dict[Asset, dict[_Identity, Liquidation]] = {}
        self._sums: dict[Asset, dict[datetime, LiquidationSum]] = {}
        self._border: datetime | None = None
        self._forgotten: datetime | None = None
        self._reports: dict[tuple[Asset, Venue, Venue, datetime], dict[datetime, Report]] = {}
        self._states: dict[str, bytes] = {}

    async def record(self, readings: Sequence[Reading]) -> None:
        for told in readings:
            if self._forgotten is None or told.received >= self._forgotten:
                self._readings.setdefault((told.received, told.instrument.key), told)

    async def readings(
        self, since: datetime, until: datetime, asset: Asset | None = None
    ) -> Sequence[Reading]:
        found = [told for (at, _), told in sorted(self._readings.items()) if since < at <= until]
        return [told for told in found if asset in (None, told.instrument.asset)]

    async def quarantine(self, rejected: Sequence[Quarantined]) -> None:
        for q in rejected:
            self._quarantine.setdefault((q.at, q.venue, q.what, q.verdict, q.detail), q)

    async def quarantined(self, since: datetime, limit: int = 50) -> Sequence[Quarantined]:
        found = [q for q in self._quarantine.values() if q.at >= since]
        return sorted(found, key=lambda q: (EPOCH - q.at, q.venue, q.what, q.verdict, q.detail))[:limit]

    async def snap(self, snaps: Sequence[Snapshot]) -> None:
        for snap in snaps:
            known = self._snapshots.setdefault(snap.asset, {})
            if snap.at in known:
                continue
            known[snap.at] = snap
            newest = self._newest.get(snap.asset)
            if newest is None or snap.at >= newest.at:
                self._newest[snap.asset] = snap

    async def snapshot(self, asset: Asset, at: datetime | None = None) -> Snapshot | None:
        known = self._snapshots.get(asset, {})
        return known[max(times)] if (times := [t for t in known if at is None or t <= at]) else None

    def forget_snapshots(self, asset: Asset, before: datetime) -> None:
        known = self._snapshots.get(asset, {})
        for at in [at for at in known if at < before]:
            del known[at]

    async def assets(self) -> Sequence[Asset]:
        def size(asset: Asset) -> tuple[bool, float, Asset]:
            usd = self._newest[asset].usd
            return (usd is None, -(usd or 0.0), asset)

        return sorted(self._newest, key=size)

    async def series(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Point]:
        snaps = await self.snapshots(asset, since, until, step)
        return [Point(s.at, s.coins, s.price_usd, s.coverage, s.index) for s in snaps]

    async def snapshots(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Snapshot]:
        known = self._snapshots.get(asset, {})
        times = _last_within([t for t in known if since <= t <= until], positive(step))
        return [known[at] for at in times]

    async def points(self, at: datetime | None = None) -> Mapping[Asset, Point]:
        newest = {asset: await self.snapshot(asset, at) for asset in sorted(self._snapshots)}
        return {asset: _point(snap) for asset, snap in newest.items() if snap is not None}

    async def hear(self, heard: Sequence[Liquidation]) -> None:
        for forced in heard:
            if self._border is None or forced.at >= self._border:
                known = self._liquidations.setdefault(forced.instrument.asset, {})
                known.setdefault(_identity(forced), forced)

    async def heard(self, asset: Asset, since: datetime, until: datetime) -> Sequence[Liquidation]:
        found = [one for one in self._liquidations.get(asset, {}).values() if since < one.received <= until]
        return sorted(found, key=lambda one: one.received)

    async def liquidated(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[LiquidationSum]:
        positive(step)
        steps: dict[datetime, LiquidationSum] = {}
        for told in self._sums.get(asset, {}).values():
            if since <= told.at < until:
                _add(steps, step, told)
        for forced in self._liquidations.get(asset, {}).values():
            if since <= forced.at < until and not forced.deleveraged:
                _add(steps, step, _alone(forced))
        return [steps[at] for at in sorted(steps)]

    async def liquidated_on(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[VenueLiquidations]:
        positive(step)
        sums: dict[tuple[datetime, Venue], list[float]] = {}
        for forced in self._liquidations.get(asset, {}).values():
            if not since <= forced.at < until:
                continue
            row = sums.setdefault((floor(forced.at, step), forced.instrument.venue), [0.0] * 6)
            long_usd, short_usd = (usd or 0.0 for usd in liquidated_usd(forced))
            row[5] += 1
            if forced.deleveraged:
                row[4] += long_usd or short_usd
                continue
            row[0] += long_usd
            row[1] += short_usd
            row[2 if forced.position is Position.LONG else 3] += liquidated_coins(forced) or 0.0
        return [
            VenueLiquidations(at, venue, row[0], row[1], row[2], row[3], row[4], int(row[5]))
            for (at, venue), row in sorted(sums.items())
        ]

    async def report(self, reports: Sequence[Report]) -> None:
        for told in reports:
            known = self._reports.setdefault((told.asset, *told.series, told.as_of), {})
            before = [at for at in known if at <= told.received]
            if not before or _figure(known[max(before)]) != _figure(told):
                known.setdefault(told.received, told)

    async def reports(self, asset: Asset, at: datetime) -> Sequence[Report]:
        newest: dict[tuple[Venue, Venue], Report] = {}
        for (of, venue, source, _), known in sorted(self._reports.items()):
            if of == asset and (times := [t for t in known if t <= at]):
                newest[venue, source] = known[max(times)]
        return list(newest.values())

    async def keep(self, name: str, state: bytes) -> None:
        self._states[name] = state

    async def kept(self, name: str) -> bytes | None:
        return self._states.get(name)

    async def amend(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        state = self._states[name] = change(self._states.get(name))
        return state

    async def trim(self, now: datetime) -> int:
        self._forgotten = max(self._forgotten or now - READINGS_KEPT, now - READINGS_KEPT)
        readings = [key for key in self._readings if key[0] < self._forgotten]
        for key in readings:
            del self._readings[key]
        doubted = [name for name, q in self._quarantine.items() if q.at < now - QUARANTINE_KEPT]
        for name in doubted:
            del self._quarantine[name]
        summed = self._sum_liquidations(floor(now - LIQUIDATIONS_KEPT, LIQUIDATION_STEP))
        thinned = sum(self._thin(thinning, now) for thinning in SNAPSHOT_THINNING)
        return len(readings) + len(doubted) + summed + thinned

    def _sum_liquidations(self, before: datetime) -> int:
        # Anything older can no longer be told from a repeat of what is summed already.
        self._border = max(self._border or before, before)
        removed = 0
        for asset, known in self._liquidations.items():
            sums = self._sums.setdefault(asset, {})
            for name, forced in [item for item in known.items() if item[1].at < before]:
                if not forced.deleveraged:
                    _add(sums, LIQUIDATION_STEP, _alone(forced))
                del known[name]
                removed += 1
        return removed

    def _thin(self, thinning: Thinning, now: datetime) -> int:
        before = floor(now - thinning.after, thinning.step)
        removed = 0
        for known in self._snapshots.values():
            old = [at for at in known if at < before]
            for at in set(old).difference(_last_within(old, thinning.step)):
                del known[at]
                removed += 1
        return removed


def _last_within(times: Sequence[datetime], step: timedelta) -> list[datetime]:
    """The last of each step, oldest first."""
    return list({floor(at, step): at for at in sorted(times)}.values())


def _point(s: Snapshot) -> Point:
    return Point(s.at, s.coins, s.price_usd, s.coverage, s.index)


def _alone(forced: Liquidation) -> LiquidationSum:
    long_usd, short_usd = liquidated_usd(forced)
    return LiquidationSum(forced.at, long_usd or 0.0, short_usd or 0.0, 1)


def _add(steps: dict[datetime, LiquidationSum], step: timedelta, told: LiquidationSum) -> None:
    at = floor(told.at, step)
    so_far = steps.get(at, LiquidationSum(at, 0.0, 0.0, 0))
    steps[at] = LiquidationSum(
        at,
        so_far.long_usd + told.long_usd,
        so_far.short_usd + told.short_usd,
        so_far.count + told.count,
    )


def _figure(told: Report) -> Report:
    """What it says, apart from when we heard it."""
    return replace(told, received=told.as_of)
