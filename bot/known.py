"""Resets that were published, from 2019 on: what a wave may be compared with that nobody here has seen.

Figures of pages differ in whose open interest they count and over how long. Only one measure is compared: the
change of all venues over one day, with that of ours over the day up to a wave's low. What our venues see is a
floor under all venues, so a place is "at most": a record found here is one, a second place may be a first.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

import msgspec

from bot.domain.assets import Asset

FILE = Path(__file__).with_name("known.toml")
ONE_DAY, ALL_VENUES = "day", "all"
CONFIDENCE = ("good", "fair", "weak")
KINDS = ("flush", "squeeze", "two-sided", "altcoins", "price only")
SAME_EVENT_DAYS = 1
"""A wave so near to a published event is that event, and not compared with it."""


class Fall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Open interest before and after, in dollars or coins, ``by`` whom it was told.

    ``span`` is what lies between both; ``scope`` whose open interest it is.
    """

    span: str
    scope: str
    by: str
    usd: tuple[float, float] | None = None
    coins: tuple[float, float] | None = None

    @property
    def comparable(self) -> bool:
        return self.span == ONE_DAY and self.scope == ALL_VENUES


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published reset.

    ``coins_at_least``: only that more closed than on the day ``larger_than`` is known (``coins_said_by``),
    and no more than ``coins_at_most``.
    """

    day: date
    asset: Asset
    name: str
    kind: str
    confidence: str
    sources: tuple[str, ...]
    falls: tuple[Fall, ...] = ()
    price: tuple[float, float] | None = None
    liquidated_usd: float | None = None
    liquidated_of: str = ""
    coins_at_least: float | None = None
    larger_than: date | None = None
    coins_at_most: float | None = None
    coins_said_by: str = ""
    note: str = ""

    @property
    def day_usd(self) -> tuple[Fall, float] | None:
        """The comparable fall in dollars, the first told (the file has the best first)."""
        told = [(f, f.usd[0] - f.usd[1]) for f in self.falls if f.comparable and f.usd is not None]
        return told[0] if told else None

    @property
    def day_coins(self) -> tuple[Fall, float] | None:
        told = [(f, f.coins[0] - f.coins[1]) for f in self.falls if f.comparable and f.coins is not None]
        return told[0] if told else None


class Place(msgspec.Struct, frozen=True):
    """Where a fall over one day stands among published ones: first is the largest.

    ``after`` are the days of the larger ones, newest first; ``of`` counts it and all it is compared with;
    ``unclear`` are days of which only a lower bound is known, and it lies beneath this fall.
    """

    place: int
    of: int
    after: tuple[date, ...]
    unclear: tuple[date, ...] = ()


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    event: list[Event]


@lru_cache(maxsize=1)
def events() -> Sequence[Event]:
    """Oldest first."""
    table = msgspec.convert(tomllib.loads(FILE.read_text("utf-8")), _Table)
    return tuple(sorted(table.event, key=lambda event: event.day))


def published(asset: Asset | None, since: date) -> Sequence[Event]:
    """Newest first; of every coin where ``asset`` is ``None``."""
    return [e for e in reversed(events()) if e.day >= since and asset in (None, e.asset)]


def place_in_usd(asset: Asset, fell_usd: float, on: date) -> Place | None:
    """Among what was published before ``on``; ``None`` where nothing comparable was."""
    told = [(event.day, fall[1]) for event in _before(asset, on) if (fall := event.day_usd) is not None]
    return _place(fell_usd, told, [])


def place_in_coins(asset: Asset, closed: float, on: date) -> Place | None:
    """As ``place_in_usd``. A day only known to be larger than some figure counts where that suffices."""
    told: list[tuple[date, float]] = []
    unclear: list[date] = []
    for event in _before(asset, on):
        if (fall := event.day_coins) is not None:
            told.append((event.day, fall[1]))
        elif event.coins_at_least is not None and event.larger_than is not None:
            if event.coins_at_least >= closed or _same(event.larger_than, on):
                told.append((event.day, max(closed, event.coins_at_least)))
            elif event.coins_at_most is not None and closed >= event.coins_at_most:
                told.append((event.day, event.coins_at_least))
            else:
                unclear.append(event.day)
    return _place(closed, told, unclear)


def _before(asset: Asset, on: date) -> Sequence[Event]:
    return [e for e in events() if e.asset == asset and e.day < on and not _same(e.day, on)]


def _same(day: date, other: date) -> bool:
    return abs((day - other).days) <= SAME_EVENT_DAYS


def _place(fell: float, told: Sequence[tuple[date, float]], unclear: Sequence[date]) -> Place | None:
    if not told:
        return None
    larger = sorted((day for day, amount in told if amount >= fell), reverse=True)
    return Place(len(larger) + 1, len(told) + 1, tuple(larger), tuple(unclear))
