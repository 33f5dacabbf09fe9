"""Venues as people call them, and as much of a name as a narrow table has room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from unicodedata import east_asian_width

from bot.domain.cards import plain
from bot.domain.market import Venue

TABLE_WIDTH = 34
"""Characters that a phone shows in one line of a table, two spaces between columns."""

Titles = Mapping[Venue, str]
"""Venues as people call them."""


def venue_title(venue: Venue, titles: Titles) -> str:
    """Its title, or its short name in words: a venue whose adapter is switched off has no title."""
    return titles.get(venue) or (venue.upper() if len(venue) <= 3 else plain(venue.replace("_", " ").title()))


def named(text: str, titles: Titles) -> str:
    """A text of ours that names venues by their short names, with their titles."""
    for venue in sorted(titles, key=len, reverse=True):
        text = text.replace(venue, titles[venue])
    return plain(text)


def width(text: str) -> int:
    """The columns it takes in a fixed-width font: a Chinese character takes two (Unicode, UAX #11)."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def padded(text: str, columns: int, *, right: bool) -> str:
    """Filled up with spaces to so many columns, flush left or right."""
    room = " " * (columns - width(text))
    return room + text if right else text + room


def narrowed(names: Sequence[str], room: int) -> list[str]:
    """The names in at most ``room`` characters, ended between words and still told apart.

    ``Coinbase Derivatives`` is ``Coinbase``; beside Binance USD-M, ``Binance COIN-M`` is ``Bin. COIN-M``.
    """
    return [_narrow(name, [other for other in names if other != name], room) for name in names]


def _narrow(name: str, others: Sequence[str], room: int) -> str:
    if len(name) <= room:
        return name
    first, *words = name.split()
    short = first
    for word in words:
        if len(short) + 1 + len(word) > room:
            break
        short += f" {word}"
    alike = any(other.startswith(short) for other in others)
    if alike and words:
        short = f"{first[:3]}. {' '.join(words)}"
    return short if len(short) <= room else f"{short[: room - 1]}…"
