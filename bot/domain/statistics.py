"""What a position costs and how crowded the market is. Unknown is ``None``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Venue

LARGEST = 3
"""Concentration is the share of so many venues."""


class VenueStatistics(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One venue's market of one asset, over its contracts whose open interest is fresh and believed.

    ``inverse_coins`` is the open interest margined in the coin itself. ``funding`` is OI-weighted over
    ``funding_coins`` of perpetuals, as a fraction per year (positive: longs pay); ``funding_hours`` the
    interval of the largest of them. ``volume_usd`` is of the last 24 hours. ``basis`` is how far dated
    contracts stand above the venue's own perpetual, as a fraction per year, OI-weighted over
    ``dated_coins``. ``accounts`` are long accounts per short one.
    """

    venue: Venue
    coins: float
    inverse_coins: float
    usd: float | None = None
    funding: float | None = None
    funding_coins: float = 0.0
    funding_hours: float | None = None
    volume_usd: float | None = None
    basis: float | None = None
    dated_coins: float = 0.0
    accounts: float | None = None


class Statistics(msgspec.Struct, frozen=True):
    """The statistics of one asset at one instant, largest venue first.

    ``supply`` are the coins in circulation as of ``supply_at``. ``usual`` is the fall of coin OI within each
    horizon of detection (5 m, 15 m, 1 h, 4 h, 24 h; fractions) that one moment in ten exceeds; empty while
    unknown.
    """

    asset: Asset
    at: datetime
    venues: tuple[VenueStatistics, ...]
    supply: float | None = None
    supply_at: datetime | None = None
    usual: tuple[float, ...] = ()


class Totals(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One asset's statistics over all venues, as series are made of them.

    ``oi_to_volume`` is open interest ÷ 24 h volume, over the venues that tell both; ``accounts`` is of the
    OI-weighted share of long accounts; ``inverse_share`` and ``top_share`` (the three largest venues) are
    fractions of coin OI.
    """

    at: datetime
    coins: float
    usd: float | None
    funding: float | None
    basis: float | None
    volume_usd: float | None
    oi_to_volume: float | None
    accounts: float | None
    inverse_share: float | None
    top_share: float | None
    supply: float | None


def totals(told: Statistics) -> Totals:
    venues = told.venues
    coins = math.fsum(v.coins for v in venues)
    volumes = [v for v in venues if v.volume_usd is not None and v.usd is not None]
    volume = math.fsum(v.volume_usd or 0.0 for v in volumes)
    held = math.fsum(v.usd or 0.0 for v in volumes)
    longs = _mean(venues, lambda v: v.accounts and v.accounts / (1 + v.accounts), lambda v: v.coins)
    priced = bool(venues) and all(v.usd is not None for v in venues)
    largest = sorted((v.coins for v in venues), reverse=True)[:LARGEST]
    return Totals(
        at=told.at,
        coins=coins,
        usd=math.fsum(v.usd or 0.0 for v in venues) if priced else None,
        funding=_mean(venues, lambda v: v.funding, lambda v: v.funding_coins),
        basis=_mean(venues, lambda v: v.basis, lambda v: v.dated_coins),
        volume_usd=volume if volumes else None,
        oi_to_volume=held / volume if volume else None,
        accounts=longs / (1 - longs) if longs is not None and longs < 1 else None,
        inverse_share=math.fsum(v.inverse_coins for v in venues) / coins if coins else None,
        top_share=math.fsum(largest) / coins if coins else None,
        supply=told.supply,
    )


def _mean(
    venues: Iterable[VenueStatistics],
    value: Callable[[VenueStatistics], float | None],
    weight: Callable[[VenueStatistics], float],
) -> float | None:
    """Weighted, over the venues that tell it."""
    told: Sequence[tuple[float, float]] = [
        (weight(v), known) for v in venues if (known := value(v)) is not None and weight(v) > 0
    ]
    total = math.fsum(w for w, _ in told)
    return math.fsum(w * x for w, x in told) / total if total else None
