"""What a venue tells that does not fit what it, or the others, tell beside it: probably a misread unit.

A unit that is wrong from the first reading on makes no jump, so nothing else would show it. Nothing is left
out for it, since a real market can be odd as well: it is told wherever the venue's figures are.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from statistics import median

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Venue
from bot.domain.statistics import Statistics, VenueStatistics

MOST_DAYS = 100
"""Open interest of more days' volume than this is odd; the most seen of a large market is 16."""
LEAST_DAYS = 1 / 200
"""And so is less; the least seen of a large market is 1/20 (a venue that pays for volume)."""
COUNTS = 0.01
"""The share of all venues' open interest, or volume, from which on a venue is worth a word."""
PRICES_APART = 1.5
"""A factor between a venue's price and the others': further apart than in any crash, nearer than any unit."""
LEAST_PRICES = 3


class Odd(StrEnum):
    VOLUME = "volume"
    """``told`` is open interest, ``beside`` the volume of 24 hours, both in USD."""
    PRICE = "price"
    """``told`` is the venue's price of one coin in USD, ``beside`` the median of all venues'."""


class Oddity(msgspec.Struct, frozen=True):
    venue: Venue
    asset: Asset
    what: Odd
    told: float
    beside: float


def oddities(statistics: Statistics) -> list[Oddity]:
    """What does not fit, of one asset at one instant, in the order of the venues."""
    venues = statistics.venues
    prices = [v.usd / v.coins for v in venues if v.usd and v.coins]
    price = median(prices) if len(prices) >= LEAST_PRICES else None
    held = sum(v.usd or 0.0 for v in venues)
    traded = sum(v.volume_usd or 0.0 for v in venues)
    return [
        Oddity(of.venue, statistics.asset, what, told, beside)
        for of in venues
        for what, told, beside in _odd(of, price, held, traded)
    ]


def _odd(
    of: VenueStatistics, price: float | None, held: float, traded: float
) -> Iterator[tuple[Odd, float, float]]:
    if of.usd and of.volume_usd:
        large = of.usd >= COUNTS * held or of.volume_usd >= COUNTS * traded
        if large and not LEAST_DAYS <= of.usd / of.volume_usd <= MOST_DAYS:
            yield Odd.VOLUME, of.usd, of.volume_usd
    if of.usd and of.coins and price:
        own = of.usd / of.coins
        if not 1 / PRICES_APART <= own / price <= PRICES_APART:
            yield Odd.PRICE, own, price
