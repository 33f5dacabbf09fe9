"""Whole snapshots made into a picture by venue: who holds how much, crypto-native and institutional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp

from bot.domain.charts import Span, VenueCoins, VenuesChart
from bot.domain.market import Snapshot, Venue
from handlers.numbers import percent
from handlers.phrases import enumerated, stopped
from handlers.series import (
    aligned,
    as_of_note,
    bridged,
    filled,
    joined,
    span_words,
    step_for,
    step_of,
    unbroken,
)
from handlers.speech import _, ngettext
from handlers.titles import Titles, venue_title

NATIVES, INSTITUTIONS = 6, 3
"""So many venues of each group have a layer of their own; the others share one."""
MOVED = 0.001


def venues_chart(
    asset: str,
    snapshots: Sequence[Snapshot],
    period: timedelta,
    *,
    titles: Titles,
    now: datetime,
    banner: str = "",
    shade: Span | None = None,
    first: Snapshot | None = None,
) -> VenuesChart | None:
    """``None`` where fewer than two snapshots are known; they come oldest first.

    A venue that a snapshot misses keeps what it held when it was last believed, marked as stale; before it
    was first seen it is unknown. ``first`` is what moves are counted from, where that is not the oldest.
    """
    step = step_of(snapshots, step_for(period))
    by_step = {aligned(snap.at, step): snap for snap in snapshots}
    if len(by_step) < 2:
        return None
    times = filled(min(by_step), max(by_step), step)
    found = [by_step.get(at) for at in times]
    newest = snapshots[-1]
    native = {held.venue: held.group.native for snap in snapshots for held in snap.venues}
    held = [_held(snap) for snap in found]
    layers = {venue: [told.get(venue) for told in held] for venue in native}
    gone = [{lost.venue for lost in snap.missing} if snap else set() for snap in found]
    ranked = sorted(native, key=lambda venue: (-_last(layers[venue]), venue))
    shown: list[VenueCoins] = []
    for is_native, most in ((True, NATIVES), (False, INSTITUTIONS)):
        group = [venue for venue in ranked if native[venue] is is_native]
        most = most if len(group) > most + 1 else len(group)
        for venue in group[:most]:
            stale = joined(
                (at, at + step) for at, missing in zip(times, gone, strict=True) if venue in missing
            )
            coins = bridged(layers[venue], step)
            shown.append(VenueCoins(venue_title(venue, titles), is_native, coins, stale))
        if others := group[most:]:
            coins = bridged(_summed([layers[venue] for venue in others]), step)
            name = ngettext("{n} other", "{n} others", len(others)).format(n=len(others))
            shown.append(VenueCoins(name, is_native, coins))
    note = as_of_note(newest.at, newest.coverage, now)
    return VenuesChart(
        title=_finding(asset, first or snapshots[0], newest, period, titles),
        asset=asset,
        times=tuple(times),
        venues=tuple(shown),
        shade=shade,
        note=stopped(note, _joined_later(snapshots), banner),
    )


def _held(snap: Snapshot | None) -> Mapping[Venue, float]:
    """What each venue held, or what was last believed of it; nothing of one that was not watched."""
    if snap is None:
        return {}
    last_known = {lost.venue: lost.coins for lost in snap.missing}
    return last_known | {held.venue: held.coins for held in snap.venues}


def _last(layer: Sequence[float | None]) -> float:
    return next((coins for coins in reversed(layer) if coins is not None), 0.0)


def _summed(layers: Sequence[Sequence[float | None]]) -> list[float | None]:
    return [
        None if all(coins is None for coins in together) else sum(coins or 0.0 for coins in together)
        for together in zip(*layers, strict=True)
    ]


def _finding(asset: str, first: Snapshot, last: Snapshot, period: timedelta, titles: Titles) -> str:
    """The change of like with like, and the two venues that moved most of it."""
    span, move = span_words(last.at - first.at, period), percent(exp(last.index - first.index) - 1)
    moves = _moves(first, last)
    named = sorted(moves, key=lambda venue: (-abs(moves[venue][0]), venue))[:2]
    if not named or abs(moves[named[0]][1]) < MOVED:
        return _("{coin} open interest {move} in {span}").format(coin=asset, move=move, span=span)
    parts = enumerated(
        unbroken(f"{venue_title(venue, titles)} {percent(moves[venue][1])}") for venue in named
    )
    text = _("{coin} open interest {move} in {span}: {venues}")
    return text.format(coin=asset, move=move, span=span, venues=parts)


def _moves(first: Snapshot, last: Snapshot) -> Mapping[Venue, tuple[float, float]]:
    """Coins and fraction by which each venue changed that was seen at both ends."""
    before = {held.venue: held.coins for held in first.venues if held.coins > 0}
    return {
        held.venue: (held.coins - before[held.venue], held.coins / before[held.venue] - 1)
        for held in last.venues
        if held.venue in before
    }


def _joined_later(snapshots: Sequence[Snapshot]) -> str:
    """A venue that joined makes the stack higher, though nobody bought: it is said."""
    first = snapshots[0]
    known = {held.venue for held in first.venues} | {lost.venue for lost in first.missing}
    later = {held.venue for held in snapshots[-1].venues} - known
    if not later:
        return ""
    text = ngettext(
        "{n} venue was not watched yet at first.", "{n} venues were not watched yet at first.", len(later)
    )
    return text.format(n=len(later))
