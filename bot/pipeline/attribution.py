"""Who closed, and where a wave stands among the asset's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bot.domain.market import Report
from bot.domain.waves import Lead, Rank, VenueChange, Wave

NATIVE_LED = 0.8
INSTITUTION_LED = 0.4
"""Native share of the closed coins above and below which one side led; between them it is mixed."""
ALONE = 0.9
"""One venue with so much of the fall, and clearly more than its share of the market, stands alone."""
ALONE_MORE = 0.15


def lead(venues: Sequence[VenueChange], reports: Sequence[Report], onset: datetime) -> tuple[Lead, bool]:
    """Who led, and whether that is provisional: no institution's report covers the wave yet."""
    native = sum(v.coins_closed for v in venues if v.group.native)
    institutional = sum(v.coins_closed for v in venues if not v.group.native)
    after = [r for r in reports if r.as_of >= onset and r.previous_coins is not None]
    institutional += sum((r.previous_coins or r.coins) - r.coins for r in after)
    closed = max(0.0, native) + max(0.0, institutional)
    share = max(0.0, native) / closed if closed else 1.0
    if share >= NATIVE_LED:
        return Lead.NATIVE, not after
    return (Lead.INSTITUTION if share <= INSTITUTION_LED else Lead.MIXED), not after


def alone(venues: Sequence[VenueChange], counted: int) -> bool:
    """Was the fall seen on one venue only, while others were watched?"""
    fall = sum(v.coins_closed for v in venues)
    total = sum(v.coins_before for v in venues)
    if counted < 2 or fall <= 0 or total <= 0:
        return False
    first = max(venues, key=lambda v: v.coins_closed)
    share = first.coins_closed / fall
    return share >= ALONE and share >= first.coins_before / total + ALONE_MORE


class Past(msgspec.Struct, frozen=True):
    """What is remembered of a finished wave to rank the next."""

    onset: datetime
    coins: float
    usd: float | None


def past_of(wave: Wave) -> Past:
    change = wave.usd_change
    return Past(wave.onset, wave.coins_closed, -change.position_usd if change else None)


def rank(coins: float, usd: float | None, past: Sequence[Past], since: datetime) -> Rank:
    """A place by coins closed and by dollars of positions closed; the first is the largest."""
    priced = [p.usd for p in past if p.usd is not None]
    return Rank(
        since=since,
        of=len(past) + 1,
        coins_place=1 + sum(p.coins > coins for p in past),
        usd_place=None if usd is None else 1 + sum(p > usd for p in priced),
    )
