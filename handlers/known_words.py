"""What is said of published resets, and of a wave beside them. Every figure has its source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from urllib.parse import urlsplit

from bot.domain.assets import Asset
from bot.domain.cards import Card, Line
from bot.known import Event, Fall, Place
from handlers.numbers import Scale, percent

LISTED = 12
TOLD_PLACES = 5
"""A place beyond this is not worth a line."""


def record_line(asset: Asset, usd: float, coins: float, places: tuple[Place | None, Place | None]) -> str:
    """``**Largest on record in dollars, second in coins** after 12 Mar 2020 (one day: −$13.8 B, −74,220 BTC;
    27 published since 2020)``.

    ``usd`` and ``coins`` are what fell (positive); the places are those in dollars and in coins. Empty where
    neither is among the largest.
    """
    told = [
        (place, words)
        for place, words in zip(places, ("in dollars", "in coins"), strict=True)
        if place is not None and place.place <= TOLD_PLACES
    ]
    if not told:
        return ""
    standing = ", ".join(_standing(place, words) for place, words in told)
    after = sorted({day for place, _ in told for day in place.after}, reverse=True)
    unclear = sorted({day for place, _ in told for day in place.unclear}, reverse=True)
    most = max(place.of for place in places if place is not None)
    fell = f"{Scale.usd(usd).show(-usd, signed=True)}, {Scale.coins(coins).show(-coins, signed=True)} {asset}"
    return (
        f"**{standing[0].upper()}{standing[1:]}**{f' after {_days(after)}' if after else ''} "
        f"(one day: {fell}; {most} published since 2020"
        f"{f', {_days(unclear)} without a figure' if unclear else ''})"
    )


def _standing(place: Place, words: str) -> str:
    return f"largest on record {words}" if place.place == 1 else f"{_nth(place.place)} {words}"


def _nth(place: int) -> str:
    return ("second", "third", "fourth", "fifth")[place - 2]


def _days(days: Sequence[date]) -> str:
    shown = [told_day(day) for day in days]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def told_day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def published_card(found: Sequence[Event], since: date, asset: Asset | None) -> Card:
    """Newest first."""
    shown = found[:LISTED]
    more = f"; the {LISTED} newest of them" if len(found) > LISTED else ""
    return Card(
        title=f"{len(found)} published resets of {asset or 'every coin'} since {since.year}{more}",
        lines=tuple(Line(" · ".join(_told(event))) for event in shown),
        footer="Published by others, not seen here; each figure counts what its source counts. "
        "What was seen here: `/resets`",
    )


def _told(event: Event) -> Iterable[str]:
    yield f"**{told_day(event.day)}** {event.asset}, {event.name} ({event.kind})"
    for fall in event.falls:
        yield _fall(fall, event.asset)
    if event.liquidated_usd:
        lost = Scale.usd(event.liquidated_usd).show(event.liquidated_usd)
        yield f"{lost} liquidated ({event.liquidated_of})"
    if event.coins_at_least:
        scale = Scale.coins(event.coins_at_least)
        yield f"more than {scale.show(event.coins_at_least)} {event.asset} ({event.coins_said_by})"
    if event.note:
        yield event.note
    sites = dict.fromkeys(_site(source) for source in event.sources)
    yield f"{', '.join(sites)}; {event.confidence}"


def _fall(fall: Fall, asset: Asset) -> str:
    over = "one day" if fall.span == "day" else fall.span
    of = "" if fall.scope == "all" else f", {fall.scope}"
    told = [_ends(Scale.usd, fall.usd, "")] if fall.usd else []
    told += [_ends(Scale.coins, fall.coins, f" {asset}")] if fall.coins else []
    return f"{' and '.join(told)} over {over}{of} ({fall.by})"


def _ends(scaled: Callable[[float], Scale], ends: tuple[float, float], unit: str) -> str:
    before, after = ends
    scale = scaled(before)
    return f"{scale.show(before)} → {scale.show(after)}{unit} ({percent(after / before - 1)})"


def _site(source: str) -> str:
    return (urlsplit(source).hostname or source).removeprefix("www.")
