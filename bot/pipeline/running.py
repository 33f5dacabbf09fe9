"""What is known of a wave in progress, and the small questions its life asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Completeness, Group, Missing, Report, Venue
from bot.domain.waves import Depth, Kind, Stage, VenueChange, Wave
from bot.pipeline.attribution import Past, lead
from bot.pipeline.detect import Mark, Moment, NormalMove, View
from bot.pipeline.early import Early
from bot.pipeline.horizons import HORIZONS, moment


class Sight(msgspec.Struct, frozen=True):
    """What a step shows of one asset, beside the moment itself.

    ``venues``, ``groups`` and ``counted`` (coins when last compared) are parallel, as are a mark's changes.
    """

    venues: tuple[Venue, ...]
    groups: tuple[Group, ...]
    counted: tuple[float, ...]
    changes: tuple[float, ...]
    flow: tuple[float, float]
    compared: int
    missing: tuple[Missing, ...]
    reports: tuple[Report, ...]
    """All that are remembered, of every source."""
    since_s: float
    """When this asset's history begins."""
    normal_move: NormalMove
    high_since: Callable[[float], Mark | None]
    """The highest point of the last hour at or after a time."""
    heard_since: Callable[[float], float]
    """The share of the usual open interest that was told at or after a time."""
    coverage_floor: float
    noise: float
    """The share of coins that five minutes close one time in ten."""
    feeds: Mapping[Venue, Completeness | None]
    """What feeds of liquidations tell."""


class Running(msgspec.Struct):
    """A wave in progress: its newest told revision and what the next will be made of."""

    told: Wave
    high: Mark
    opened_high_s: float
    """The high it was first seen to fall from."""
    view: View
    depths: tuple[Depth, ...]
    low: Mark
    low_counted: tuple[float, ...]
    low_coverage: float
    kind: Kind
    fall: float
    grown_fall: float
    grown_s: float
    stage: Stage
    loud_w: float
    loud_s: float
    ended_s: float = 0.0
    """The first end: aftershocks are counted from it."""
    aftershocks: int = 0
    reason: str = ""


class LifeState(msgspec.Struct):
    since_s: float
    running: Running | None
    settling: list[Running]
    past: list[Past]
    before: list[Past] = []
    """Waves of the time before live figures began, from what venues remember."""
    early: Early | None = None
    calm_until_s: float = 0.0
    calm_w: float = 0.0


def closed_since(high: Mark, changes: Sequence[float]) -> float:
    """Coins closed since ``high``, over all venues. A venue that joined later has no change before."""
    before = high.changes
    return sum(before) - sum(changes)


def same_story(kind: Kind, price_before: float | None, price_now: float | None) -> bool:
    """Is price still on the side that gave the wave its name? Coins closed after it came back are others'."""
    if price_before is None or price_now is None:
        return True
    if kind is Kind.FLUSH:
        return price_now < price_before
    return kind is not Kind.SQUEEZE or price_now > price_before


def nothing_told(name: str, asset: Asset, now: Moment) -> Wave:
    """What stands before the first revision of a wave that opens now."""
    at = moment(now.at_s)
    who, provisional = lead((), (), None)
    return Wave(
        id=name,
        asset=asset,
        kind=now.fresh.kind,
        stage=Stage.BUILDING,
        revision=0,
        loud=0,
        onset=moment(now.fresh.high.at_s),
        opened=at,
        at=at,
        low_at=at,
        horizon=HORIZONS[now.fresh.horizon],
        depths=now.depths,
        venues=(),
        price_before_usd=now.fresh.high.price_usd,
        price_now_usd=now.price_usd,
        magnitude=now.fresh.magnitude,
        coverage=now.coverage,
        lead=who,
        provisional=provisional,
    )


def venues_between(high: Mark, low: Mark, counted: Sequence[float], sight: Sight) -> tuple[VenueChange, ...]:
    """Each venue from ``high`` to ``low``, the largest fall first."""
    rows = []
    for i, coins in enumerate(counted):
        before = high.changes[i] if i < len(high.changes) else 0.0
        closed = before - low.changes[i]
        if coins or closed:
            rows.append(VenueChange(sight.venues[i], sight.groups[i], coins + closed, coins))
    return tuple(sorted(rows, key=lambda v: -v.coins_closed))


def why_false(running: Running, now_s: float) -> str:
    """What a wave was that was undone as soon as it was told."""
    first = max(running.told.venues, key=lambda v: v.coins_closed)
    minutes = max(1, round((now_s - running.high.at_s) / 60))
    return (
        f"{first.venue} counted less open interest for {minutes} min and then as before; "
        "no positions were closed"
    )
