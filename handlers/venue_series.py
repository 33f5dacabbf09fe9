"""Whole snapshots made into a picture by venue: who holds how much, crypto-native and institutional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from bot.domain.charts import Span, Values, VenueCoins, VenuesChart
from bot.domain.market import Snapshot, Venue
from handlers.hindsight import Recount
from handlers.numbers import percent
from handlers.phrases import enumerated, stopped
from handlers.series import (
    NO_GAP,
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
from handlers.snapshot_cards import told_move
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
    anew: Recount | None = None,
    ends: tuple[Snapshot, Snapshot] | None = None,
) -> VenuesChart | None:
    """``None`` where fewer than two snapshots are known; they come oldest first.

    The title compares ``ends``, which a card beside it compares, or else the first and the last of them.

    A venue that a snapshot misses keeps what it held when it was last believed, marked as stale; before it
    was first seen it is unknown. A change of what is counted is no move: the stack has a break there, and
    what was seen for less than ``NO_GAP`` between two of them, while venues are still answering for the first
    time, is left out.
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
    spans = _spans(found, held, anew)
    layers = {venue: _within(spans, [told.get(venue) for told in held], step) for venue in native}
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
            shown.append(VenueCoins(venue_title(venue, titles), is_native, tuple(layers[venue]), stale))
        if others := group[most:]:
            name = ngettext("{n} other", "{n} others", len(others)).format(n=len(others))
            shown.append(VenueCoins(name, is_native, _summed([layers[venue] for venue in others])))
    note = as_of_note(newest.at, newest.coverage, now)
    first, last = ends or (anew.without(snapshots[0]) if anew else snapshots[0], newest)
    return VenuesChart(
        title=_finding(asset, first, last, period, titles),
        asset=asset,
        times=tuple(times),
        venues=tuple(shown),
        shade=shade,
        breaks=tuple(times[span.start] for span in spans[1:]),
        note=stopped(note, _counted_since(snapshots) if len(spans) > 1 else "", banner),
    )


def _spans(
    found: Sequence[Snapshot | None], held: Sequence[Mapping[Venue, float]], anew: Recount | None
) -> list[range]:
    """Steps within which the same is counted; what was not recorded belongs to the span before it."""
    begins, last = [0], 0
    for place, snap in enumerate(found):
        before = found[last]
        if snap is None or before is None:
            continue
        others = held[place].keys() != held[last].keys()
        if others or (anew is not None and before.at < anew.at <= snap.at):
            begins.append(place)
        last = place
    spans = [range(begin, end) for begin, end in pairwise([*begins, len(found)])]
    *earlier, newest = spans
    return [span for span in earlier if _lasts(span, found)] + [newest]


def _lasts(span: range, found: Sequence[Snapshot | None]) -> bool:
    told = [snap.at for place in span if (snap := found[place]) is not None]
    return told[-1] - told[0] >= NO_GAP


def _within(spans: Sequence[range], layer: Sequence[float | None], step: timedelta) -> Sequence[float | None]:
    """Joined over short absences within each span, never from one into the next."""
    joined_up: list[float | None] = [None] * len(layer)
    for span in spans:
        joined_up[span.start : span.stop] = bridged(layer[span.start : span.stop], step)
    return joined_up


def _held(snap: Snapshot | None) -> Mapping[Venue, float]:
    """What each venue held, or what was last believed of it; nothing of one that was not watched."""
    if snap is None:
        return {}
    last_known = {lost.venue: lost.coins for lost in snap.missing}
    return last_known | {held.venue: held.coins for held in snap.venues}


def _last(layer: Sequence[float | None]) -> float:
    return next((coins for coins in reversed(layer) if coins is not None), 0.0)


def _summed(layers: Sequence[Sequence[float | None]]) -> Values:
    return tuple(
        None if all(coins is None for coins in together) else sum(coins or 0.0 for coins in together)
        for together in zip(*layers, strict=True)
    )


def _finding(asset: str, first: Snapshot, last: Snapshot, period: timedelta, titles: Titles) -> str:
    """The change of like with like, and the two venues that moved most of it."""
    span, move = span_words(last.at - first.at, period), percent(told_move(last, first))
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


def _counted_since(snapshots: Sequence[Snapshot]) -> str:
    """A venue that joined makes the stack higher, though nobody bought: it is said."""
    later = _held(snapshots[-1]).keys() - _held(snapshots[0]).keys()
    if not later:
        return _("Dashed: other contracts are counted from there on, which is no move.")
    text = ngettext(
        "Dashed: {n} more venue is counted from there on, which is no rise.",
        "Dashed: {n} more venues are counted from there on, which is no rise.",
        len(later),
    )
    return text.format(n=len(later))
