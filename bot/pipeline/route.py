"""Which destinations a wave is for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from functools import cache, partial

from bot.domain.posts import Destination, Measure, Subscription, Threshold, Wish
from bot.domain.waves import Kind, Lead, Stage, Wave

TOGETHER = timedelta(hours=1)
"""Waves that open within so long of another belong to one fall of the market."""
MORE_TELLING = 1.0
"""A coin's wave ten times rarer than the one a chat was told of deserves a message of its own."""


def weight_usd(wave: Wave) -> float:
    """Dollars of positions closed (so far only liquidated ones, where it is early).

    What makes one of several coins the one to speak of.
    """
    if wave.stage is Stage.EARLY:
        return wave.burst.usd if wave.burst else 0.0
    change = wave.usd_change
    return -change.position_usd if change else 0.0


def reaches(wave: Wave, threshold: Threshold) -> bool:
    """Has the wave come to the threshold? Unknown dollars reach no dollar threshold."""
    match threshold.measure:
        case Measure.W:
            return wave.magnitude.w >= threshold.value
        case Measure.FALL if threshold.horizon is not None:
            return any(d.fall >= threshold.value for d in wave.depths if d.horizon <= threshold.horizon)
        case Measure.FALL:
            return wave.fall >= threshold.value
        case Measure.USD:
            return wave.usd_change is not None and weight_usd(wave) >= threshold.value
        case Measure.COINS:
            return wave.coins_closed >= threshold.value


def wants(wish: Wish | Subscription, wave: Wave) -> bool:
    return concerns(wish, wave) and reaches(wave, wish.threshold)


def concerns(wish: Wish | Subscription, wave: Wave) -> bool:
    """Is it about such waves, however large?"""
    if wish.assets is not None and wave.asset not in wish.assets:
        return False
    if wave.kind not in wish.kinds and wave.kind is not Kind.UNPRICED:
        return False
    return not (wish.native_only and wave.lead is Lead.INSTITUTION)


def listeners(wave: Wave, wishes: Mapping[Wish, Collection[Destination]]) -> set[Destination]:
    """Destinations that shall hear of ``wave``. Very many chats share few wishes, and fewer thresholds."""
    reached = cache(partial(reaches, wave))
    return set().union(
        *(having for wish, having in wishes.items() if concerns(wish, wave) and reached(wish.threshold))
    )


def outshone_by(wave: Wave, others: Iterable[Wave]) -> list[str]:
    """Ids of the ``others`` (waves of other coins now running) that tell of the same fall, and better.

    A fall of the whole market is one message: who was told of one coin is told of another only when that is
    larger in dollars or far rarer.
    """
    return [
        other.id
        for other in others
        if other.asset != wave.asset
        and abs(wave.opened - other.opened) <= TOGETHER
        and weight_usd(wave) <= weight_usd(other)
        and wave.magnitude.w < other.magnitude.w + MORE_TELLING
    ]
