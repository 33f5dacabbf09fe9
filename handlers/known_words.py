"""What is said of published resets, and of a wave beside them. Every figure has its source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from urllib.parse import urlsplit

from bot.domain.assets import Asset
from bot.domain.cards import Card, Line
from bot.known import Event, Fall, Place
from handlers.numbers import Scale, dated, listed, number, percent, usd
from handlers.phrases import capital, clauses, enumerated, semicolons
from handlers.speech import N_, _, ngettext

LISTED = 12
IN_USD = (
    N_("largest on record in dollars"),
    N_("second in dollars"),
    N_("third in dollars"),
    N_("fourth in dollars"),
    N_("fifth in dollars"),
)
IN_COINS = (
    N_("largest on record in coins"),
    N_("second in coins"),
    N_("third in coins"),
    N_("fourth in coins"),
    N_("fifth in coins"),
)
KINDS = {
    "flush": N_("flush"),
    "squeeze": N_("squeeze"),
    "two-sided": N_("two-sided"),
    "altcoins": N_("altcoins"),
    "price only": N_("price only"),
}
CONFIDENCE = {"good": N_("good"), "fair": N_("fair"), "weak": N_("weak")}
TOLD_PLACES = len(IN_USD)
"""A place beyond this is not worth a line."""


def record_line(asset: Asset, usd: float, coins: float, places: tuple[Place | None, Place | None]) -> str:
    """``**Largest on record in dollars, second in coins** after 12 Mar 2020 (one day: −$13.8 B, −74,220 BTC;
    27 published since 2020)``.

    ``usd`` and ``coins`` are what fell (positive); the places are those in dollars and in coins. Empty where
    neither is among the largest.
    """
    told = [
        (place, words)
        for place, words in zip(places, (IN_USD, IN_COINS), strict=True)
        if place is not None and place.place <= TOLD_PLACES
    ]
    if not told:
        return ""
    standing = capital(clauses(*(_(words[place.place - 1]) for place, words in told)))
    after = sorted({day for place, _words in told for day in place.after}, reverse=True)
    unclear = sorted({day for place, _words in told for day in place.unclear}, reverse=True)
    most = max(place.of for place in places if place is not None)
    in_coins = f"{Scale.coins(coins).show(-coins, signed=True)} {asset}"
    fell = clauses(Scale.usd(usd).show(-usd, signed=True), in_coins)
    compared = ngettext("{n} published since 2020", "{n} published since 2020", most).format(n=number(most))
    if unclear:
        compared = _("{published}, {days} without a figure").format(published=compared, days=_days(unclear))
    text = _("**{standing}** (one day: {fell}; {published})")
    if after:
        text = _("**{standing}** after {days} (one day: {fell}; {published})")
    return text.format(standing=standing, days=_days(after), fell=fell, published=compared)


def _days(days: Sequence[date]) -> str:
    return listed([dated(day) for day in days])


def published_card(found: Sequence[Event], since: date, asset: Asset | None) -> Card:
    """Newest first."""
    shown = found[:LISTED]
    title = ngettext(
        "{n} published reset of {coins} since {year}",
        "{n} published resets of {coins} since {year}",
        len(found),
    )
    if len(found) > LISTED:
        title = ngettext(
            "{n} published reset of {coins} since {year}; the {listed} newest of them",
            "{n} published resets of {coins} since {year}; the {listed} newest of them",
            len(found),
        )
    coins = asset or _("every coin")
    return Card(
        title=title.format(n=number(len(found)), coins=coins, year=since.year, listed=LISTED),
        lines=tuple(Line(" · ".join(_told(event))) for event in shown),
        footer=_(
            "Published by others, not seen here; each figure counts what its source counts. "
            "What was seen here: `/resets`"
        ),
    )


def _told(event: Event) -> Iterable[str]:
    yield clauses(f"**{dated(event.day)}** {event.asset}", f"{event.name} ({_(KINDS[event.kind])})")
    for fall in event.falls:
        yield _fall(fall, event.asset)
    if event.liquidated_usd:
        text = _("{usd} liquidated ({by})")
        yield text.format(usd=usd(event.liquidated_usd), by=event.liquidated_of)
    if event.coins_at_least:
        scale = Scale.coins(event.coins_at_least)
        yield _("more than {coins} ({by})").format(
            coins=f"{scale.show(event.coins_at_least)} {event.asset}", by=event.coins_said_by
        )
    if event.note:
        yield event.note
    sites = dict.fromkeys(_site(source) for source in event.sources)
    yield semicolons([enumerated(sites), _(CONFIDENCE[event.confidence])])


def _fall(fall: Fall, asset: Asset) -> str:
    told = [_ends(Scale.usd, fall.usd, "")] if fall.usd else []
    told += [_ends(Scale.coins, fall.coins, f" {asset}")] if fall.coins else []
    over = _("one day") if fall.span == "day" else fall.span
    over = over if fall.scope == "all" else clauses(over, fall.scope)
    return _("{changes} over {time} ({by})").format(changes=listed(told), time=over, by=fall.by)


def _ends(scaled: Callable[[float], Scale], ends: tuple[float, float], unit: str) -> str:
    before, after = ends
    scale = scaled(before)
    return f"{scale.show(before)} → {scale.show(after)}{unit} ({percent(after / before - 1)})"


def _site(source: str) -> str:
    return (urlsplit(source).hostname or source).removeprefix("www.")
