"""Figures that do not fit those beside them, said to people: their unit may have been misread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from bot.domain.assets import Asset
from bot.domain.market import Venue
from bot.domain.plausible import Odd, Oddity, oddities
from handlers.desk import Desk
from handlers.numbers import number, price, usd
from handlers.speech import _, ngettext
from handlers.titles import Titles, venue_title

LATELY = timedelta(hours=1)
NAMED = 3


async def misread_of(desk: Desk, asset: Asset) -> Sequence[Oddity]:
    """Of one coin, by its newest statistics."""
    newest = await desk.store.statistics.newest(asset)
    return oddities(newest) if newest is not None and newest.at >= desk.clock() - LATELY else ()


async def misread_at(desk: Desk, venues: Collection[Venue] | None = None) -> Sequence[Oddity]:
    """Of every coin; only at ``venues`` where some are given."""
    newest = await desk.store.statistics.newest_of_all(desk.clock() - LATELY)
    found = [odd for told in newest.values() for odd in oddities(told)]
    return [odd for odd in found if venues is None or odd.venue in venues]


def misread_lines(found: Sequence[Oddity], titles: Titles) -> Sequence[str]:
    """The first few of them, and how many more there are."""
    lines = [_misread(odd, titles) for odd in found[:NAMED]]
    if left := len(found) - len(lines):
        text = ngettext("{n} more figure does not fit", "{n} more figures do not fit", left)
        lines.append(text.format(n=number(left)))
    return lines


def _misread(odd: Oddity, titles: Titles) -> str:
    venue = venue_title(odd.venue, titles)
    if odd.what is Odd.VOLUME:
        text = _("{venue} may be misread: {usd} of open interest in {asset}, but {volume} traded in 24 h")
        return text.format(venue=venue, usd=usd(odd.told), asset=odd.asset, volume=usd(odd.beside))
    text = _("{venue} may be misread: a price of {price} for {asset}, where the others say {others}")
    return text.format(venue=venue, price=price(odd.told), asset=odd.asset, others=price(odd.beside))
