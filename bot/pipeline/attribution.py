"""Who closed, and where a wave stands among the asset's own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from bot.domain.market import Report, ReportKind, Venue
from bot.domain.waves import Lead, Rank, VenueChange, Wave

NATIVE_LED = 0.8
INSTITUTION_LED = 0.4
"""Native share of the closed coins above and below which one side led; between them it is mixed."""
ALONE = 0.9
"""One venue with so much of the fall, and clearly more than its share of the market, stands alone."""
ALONE_MORE = 0.15
COMPARABLE = 0.5
"""Two waves are ranked by the venues they share where those closed at least this share of either."""


def told_of(reports: Sequence[Report], onset: datetime, end: datetime) -> tuple[Report, ...]:
    """What institutions' reports say of a wave: one figure for each venue.

    The first report from after ``end``, compared with the newest from before ``onset``; where none has come,
    the newest of all. Two sources may tell of one venue: a day's figure goes before a week's (which has more
    in it than the wave), both before one that is only retold, and a final one before a preliminary one.
    """
    series: dict[tuple[Venue, Venue], list[Report]] = {}
    for report in sorted(reports, key=lambda report: report.as_of):
        if not report.native:
            series.setdefault(report.series, []).append(report)
    chosen: dict[Venue, Report] = {}
    for known in series.values():
        mine = _across(known, onset, end)
        other = chosen.get(mine.venue)
        if other is None or _better(mine, end) > _better(other, end):
            chosen[mine.venue] = mine
    return tuple(chosen[venue] for venue in sorted(chosen))


def _better(report: Report, end: datetime) -> tuple[bool, int, bool, datetime]:
    ranks = {ReportKind.DAILY: 2, ReportKind.WEEKLY: 1, ReportKind.RETOLD: 0}
    return tells(report, end), ranks[report.kind], not report.preliminary, report.as_of


def _across(known: Sequence[Report], onset: datetime, end: datetime) -> Report:
    """The report of one source that covers the wave, with what stood before the onset; else its newest."""
    covering = next((report for report in known if report.covers(end)), None)
    if covering is None:
        return known[-1]
    before = [(r.as_of, r.coins) for r in reversed(known) if r.as_of <= onset and r is not covering]
    at, coins = covering.previous_as_of, covering.previous_coins
    if coins is not None and at is None and not before:
        return covering
    if coins is not None and at is not None and at <= onset and (not before or at >= before[0][0]):
        return covering  # what it says itself compares like with like
    at, coins = before[0] if before else (None, None)
    return msgspec.structs.replace(covering, previous_as_of=at, previous_coins=coins)


def tells(report: Report, end: datetime) -> bool:
    """Does it say what this venue closed in a wave that ended then?"""
    return report.covers(end) and report.previous_coins is not None


def lead(venues: Sequence[VenueChange], reports: Sequence[Report], end: datetime | None) -> tuple[Lead, bool]:
    """Who led, and whether that is provisional: until a final report covers the wave.

    ``reports`` are of ``told_of``; ``end`` is ``None`` while the wave goes on. A venue that is asked itself
    is never taken from a report.
    """
    live = {v.venue for v in venues}
    native = sum(v.coins_closed for v in venues if v.group.native)
    institutional = sum(v.coins_closed for v in venues if not v.group.native)
    after = [r for r in reports if end is not None and tells(r, end) and r.venue not in live]
    institutional += sum((r.previous_coins or 0.0) - r.coins for r in after)
    closed = max(0.0, native) + max(0.0, institutional)
    share = max(0.0, native) / closed if closed else 1.0
    provisional = all(report.preliminary for report in after)
    if share >= NATIVE_LED:
        return Lead.NATIVE, provisional
    return (Lead.INSTITUTION if share <= INSTITUTION_LED else Lead.MIXED), provisional


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
    """What is remembered of a finished wave to rank the next: coins and dollars of positions closed.

    ``venues`` says how many of the coins were closed where; empty where an older release did not keep it.
    """

    onset: datetime
    coins: float
    usd: float | None
    venues: dict[Venue, float] = {}


def past_of(wave: Wave) -> Past:
    change = wave.usd_change
    usd = -change.position_usd if change else None
    return Past(wave.onset, wave.coins_closed, usd, {v.venue: v.coins_closed for v in wave.venues})


def rank(wave: Wave, past: Sequence[Past], since: datetime) -> Rank:
    """A place by coins closed and by dollars of positions closed; the first is the largest.

    Two waves are compared over the venues that both were seen on, so that a venue which joined later (or
    which has no memory) makes nothing larger. Where those are the lesser part of either, they are not.
    """
    now = past_of(wave)
    pairs = [pair for one in past if (pair := _like_with_like(now, one)) is not None]
    in_usd = [(a.usd, b.usd) for a, b in pairs if a.usd is not None and b.usd is not None]
    return Rank(
        since=since,
        of=len(pairs) + 1,
        coins_place=1 + sum(then.coins > this.coins for this, then in pairs),
        usd_place=None if now.usd is None else 1 + sum(then > this for this, then in in_usd),
    )


def _like_with_like(now: Past, then: Past) -> tuple[Past, Past] | None:
    shared = now.venues.keys() & then.venues.keys()
    if not then.venues or (shared == now.venues.keys() == then.venues.keys()):
        return now, then
    this, that = _part(now, shared), _part(then, shared)
    return None if this is None or that is None else (this, that)


def _part(of: Past, venues: Collection[Venue]) -> Past | None:
    """``None`` where those venues have the lesser part of what was closed."""
    coins = sum(of.venues[venue] for venue in sorted(venues))
    if coins < COMPARABLE * of.coins:
        return None
    return Past(of.onset, coins, None if of.usd is None else of.usd * coins / of.coins)
