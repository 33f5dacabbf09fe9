"""Liquidations by the minute and venue: a floor under what was forced.

Feeds replay old events when they reconnect; what was heard once is counted once. Auto-deleveraging closes a
winner's position, so it is counted apart.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from bot.domain.market import Liquidation, Position, Venue
from bot.domain.units import measure
from bot.domain.verdicts import Verdict

KEPT_MINUTES = 36 * 60
REMEMBERED = 100_000
"""Liquidations of one coin that are told from a repeat, by a fingerprint each."""


class Cell(msgspec.Struct, array_like=True):
    """One venue's liquidations in one minute. ``deleveraged_usd`` is in none of the others."""

    long_usd: float = 0.0
    short_usd: float = 0.0
    coins: float = 0.0
    deleveraged_usd: float = 0.0

    @property
    def usd(self) -> float:
        return self.long_usd + self.short_usd


class Minute(msgspec.Struct):
    at_s: int
    cells: dict[Venue, Cell]

    @property
    def usd(self) -> float:
        return math.fsum(cell.usd for cell in self.cells.values())  # whichever venue was heard first


class Counted(msgspec.Struct, frozen=True):
    """One liquidation in coins and dollars."""

    coins: float
    usd: float


class Tally:
    """One asset's liquidations of the last day and a half."""

    def __init__(self) -> None:
        self._minutes: dict[int, Minute] = {}
        self._hours: dict[int, dict[Venue, float]] = {}
        # A dict and an array of numbers are not looked through for garbage, as a set and a deque are.
        self._heard: dict[int, None] = {}
        self._order = array("q")
        self._oldest = 0

    def hear(self, said: Liquidation) -> Counted | None:
        """Count one; ``None`` where it was heard before or its dollars cannot be."""
        instrument, amount = said.instrument, said.amount
        if not self.know(said):
            return None
        size = measure(amount, instrument.contract, float(said.price), instrument.coins_per_base)
        if size.usd is None or size.coins is None or not 0 < size.usd < math.inf:
            return None
        at_s = int(said.at.timestamp()) // 60 * 60
        minute = self._minutes.get(at_s)
        if minute is None:
            minute = self._minutes[at_s] = Minute(at_s, {})
            self._forget()
        cell = minute.cells.get(instrument.venue)
        if cell is None:
            cell = minute.cells[instrument.venue] = Cell()
        if said.deleveraged:
            cell.deleveraged_usd += size.usd
            return Counted(size.coins, size.usd)
        cell.coins += size.coins
        if said.position is Position.LONG:
            cell.long_usd += size.usd
        else:
            cell.short_usd += size.usd
        self._in_hour(at_s, instrument.venue, size.usd)
        return Counted(size.coins, size.usd)

    def know(self, said: Liquidation) -> bool:
        """Remember one that is counted already, or is now; was it new?"""
        instrument = said.instrument
        each = () if said.whole else (said.at, str(said.amount.value))
        # A fingerprint: two of a hundred thousand are taken for one with a chance of 1 in 10^9.
        name = hash((instrument.venue, instrument.symbol, *each, said.number))
        if name in self._heard:
            return False
        self._heard[name] = None
        if len(self._order) < REMEMBERED:
            self._order.append(name)
        else:
            del self._heard[self._order[self._oldest]]
            self._order[self._oldest] = name
            self._oldest = (self._oldest + 1) % REMEMBERED
        return True

    def _forget(self) -> None:
        while len(self._minutes) > KEPT_MINUTES:
            del self._minutes[min(self._minutes)]
        while len(self._hours) > KEPT_MINUTES // 60 + 1:
            del self._hours[min(self._hours)]

    def _in_hour(self, at_s: int, venue: Venue, usd: float) -> None:
        hour = self._hours.setdefault(at_s // 3600, {})
        hour[venue] = hour.get(venue, 0.0) + usd

    def hour(self, number: int) -> Mapping[Venue, float]:
        """Dollars of each venue in one hour, counted from the Unix epoch."""
        return self._hours.get(number, {})

    def minutes(self) -> list[Minute]:
        return [self._minutes[at_s] for at_s in sorted(self._minutes)]

    def restore(self, minutes: Iterable[Minute]) -> None:
        self._minutes = {minute.at_s: minute for minute in minutes}
        self._hours = {}
        for minute in self._minutes.values():
            for venue, cell in minute.cells.items():
                self._in_hour(minute.at_s, venue, cell.usd)

    def within(self, since_s: float, until_s: float) -> Iterator[Minute]:
        """The minutes of that time in which something was heard, oldest first; both ends are included."""
        first, last = int(since_s) // 60 * 60, int(until_s) // 60 * 60
        if (last - first) // 60 > len(self._minutes):
            yield from (minute for minute in self.minutes() if first <= minute.at_s <= last)
            return
        for at_s in range(first, last + 1, 60):
            if (minute := self._minutes.get(at_s)) is not None:
                yield minute

    def between(self, since_s: float, until_s: float) -> tuple[float, float, Minute | None]:
        """Long and short dollars and the worst minute; ``None`` where nothing was heard."""
        chosen = list(self.within(since_s, until_s))
        worst = max(chosen, key=lambda minute: minute.usd, default=None)
        cells = [cell for minute in chosen for cell in minute.cells.values()]
        return math.fsum(c.long_usd for c in cells), math.fsum(c.short_usd for c in cells), worst


def uncounted(said: Liquidation) -> Verdict:
    """Why it is in no sum: its dollars cannot be known or are none, or else it was heard before."""
    of = said.instrument
    size = measure(said.amount, of.contract, float(said.price), of.coins_per_base)
    if size.usd is None or size.coins is None:
        return Verdict.UNPRICED
    return Verdict.REPEATED if 0 < size.usd < math.inf else Verdict.IMPOSSIBLE
