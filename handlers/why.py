"""What the figures of a wave were made of, gathered from what is still kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import OpenInterest, Point, Quarantined, Reading, Snapshot, Venue
from bot.domain.units import measure
from bot.domain.waves import Depth, Wave
from bot.pipeline.memory import case_name
from bot.pipeline.seen import times_seen
from bot.ports import Store
from handlers.hindsight import EXACT, HISTORY, near

STEP, PAST_STEP = timedelta(minutes=1), timedelta(minutes=5)
"""Of live figures, and of what venues remember."""
FRESH_STEPS = 3
HELD_BACK = timedelta(hours=1)
"""What was held back so long before the onset may be missing in the wave."""
MOST_HELD_BACK = 500
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
KEPT_FOR = ((PAST_STEP, timedelta(days=7)), (QUARTER, timedelta(days=90)), (HOUR, HISTORY))
"""Snapshots older than so much lie so far apart (docs/storage.md): shorter horizons are not seen there."""


class Kept(StrEnum):
    """What is left of a wave's inputs."""

    READINGS = "readings"
    """Each contract's own figure, as it was believed."""
    SNAPSHOTS = "snapshots"
    """Each venue's sum at that step."""
    NOTHING = "nothing"


class End(msgspec.Struct, frozen=True):
    """One venue at one end: its coins, the price they were counted with, when the oldest were told."""

    coins: float
    price_usd: float | None
    at: datetime


class Inputs(msgspec.Struct, frozen=True):
    """``before`` is the step that the fall began from, ``low`` the lowest.

    ``seen`` is, for each depth, how often so deep a fall was seen and in how long a history, where that was
    kept finely enough to tell. ``case`` is whether the
    detector's memory of that time is kept, so that the wave can be computed again.
    """

    before: datetime
    low: datetime
    index: tuple[float, float] | None
    kept: Kept
    ends: Mapping[Venue, tuple[End | None, End | None]]
    seen: tuple[tuple[int, timedelta] | None, ...]
    held_back: tuple[Quarantined, ...]
    case: bool


async def inputs(store: Store, wave: Wave, now: datetime) -> Inputs:
    """All of it that is still known."""
    before = wave.onset - (PAST_STEP if wave.from_history else STEP)
    snaps = [await _at(store, wave.asset, at) for at in (before, wave.low_at)]
    kept, first, last = await _ends(store, wave, before, snaps)
    return Inputs(
        before,
        wave.low_at,
        (snaps[0].index, snaps[1].index) if snaps[0] and snaps[1] else None,
        kept,
        {v.venue: (first.get(v.venue), last.get(v.venue)) for v in wave.venues},
        await _seen(store, wave, now),
        await _held_back(store, wave, before),
        bool(await store.journal.kept(case_name(wave.id))),
    )


async def _at(store: Store, asset: Asset, at: datetime) -> Snapshot | None:
    """The snapshot of that very step; ``None`` where it was thinned away."""
    found = await near(store, asset, at)
    return found if found and at - found.at <= EXACT else None


async def _ends(
    store: Store, wave: Wave, before: datetime, snaps: Sequence[Snapshot | None]
) -> tuple[Kept, Mapping[Venue, End], Mapping[Venue, End]]:
    ends = [await _read(store, wave, at) for at in (before, wave.low_at)]
    if all(ends):
        return Kept.READINGS, ends[0], ends[1]
    if all(snaps):
        first, last = (_of_snapshot(snap) if snap else {} for snap in snaps)
        return Kept.SNAPSHOTS, first, last
    return Kept.NOTHING, {}, {}


async def _read(store: Store, wave: Wave, at: datetime) -> Mapping[Venue, End]:
    """From each contract's newest figure at a step."""
    if wave.from_history:
        told = await store.archive.told(wave.asset, at - FRESH_STEPS * PAST_STEP, at + timedelta.resolution)
        return _together(_coins_of(told))
    readings = await store.journal.readings(at - FRESH_STEPS * STEP, at, wave.asset)
    return _together(_newest(readings).values())


def _newest(readings: Iterable[Reading]) -> Mapping[str, Reading]:
    return {one.instrument.key: one for one in readings}


def _coins_of(told: Iterable[OpenInterest]) -> Iterable[Reading]:
    for one in {one.instrument.key: one for one in told}.values():
        contract, many = one.instrument.contract, one.instrument.coins_per_base
        price = float(one.price) if one.price is not None else None
        coins = measure(one.amount, contract, price, many).coins
        if coins is not None:
            yield Reading(one.instrument, coins, price and price / many, one.at, one.received)


def _together(readings: Iterable[Reading]) -> Mapping[Venue, End]:
    """Summed by venue; its price is weighted by coins."""
    each: dict[Venue, list[Reading]] = {}
    for one in readings:
        each.setdefault(one.instrument.venue, []).append(one)
    return {venue: _end(known) for venue, known in each.items()}


def _end(known: Sequence[Reading]) -> End:
    priced = [(one.coins, one.price_usd) for one in known if one.price_usd and one.coins > 0]
    total = sum(coins for coins, _ in priced)
    price = sum(coins * price for coins, price in priced) / total if total else None
    return End(sum(one.coins for one in known), price, min(one.at for one in known))


def _of_snapshot(snap: Snapshot) -> Mapping[Venue, End]:
    return {
        one.venue: End(one.coins, one.usd / one.coins if one.usd and one.coins else None, one.at)
        for one in snap.venues
    }


async def _seen(store: Store, wave: Wave, now: datetime) -> tuple[tuple[int, timedelta] | None, ...]:
    """For each horizon by what is kept at least as finely: this fall itself is among what was seen."""

    async def read(step: timedelta, age: timedelta) -> Sequence[Point]:
        since = max(wave.low_at - HISTORY, now - age)
        return await store.journal.series(wave.asset, since, wave.low_at, step) if since < wave.low_at else ()

    fine, middle, coarse = [await read(step, age) for step, age in KEPT_FOR]
    older = [point for point in coarse if not middle or point.at < middle[0].at]

    def count(depth: Depth) -> tuple[int, timedelta] | None:
        known: Sequence[Point] = coarse
        if depth.horizon < HOUR:
            known = fine if depth.horizon < QUARTER else middle
        elif depth.horizon == HOUR:
            known = [*older, *middle]
        if not known or depth.fall <= 0:
            return None
        return max(1, times_seen(known, depth.horizon, depth.fall)), wave.low_at - known[0].at

    return await asyncio.to_thread(lambda: tuple(map(count, wave.depths)))


async def _held_back(store: Store, wave: Wave, before: datetime) -> tuple[Quarantined, ...]:
    """Of this asset's contracts, from shortly before the fall to its low, oldest first."""
    kept = await store.journal.quarantined(before - HELD_BACK, MOST_HELD_BACK)
    known = await store.journal.readings(before - HELD_BACK, wave.low_at, wave.asset) if kept else ()
    names = {(one.instrument.venue, one.instrument.symbol) for one in known}
    mine = [one for one in kept if one.at <= wave.low_at and (one.venue, one.what) in names]
    return tuple(reversed(mine))
