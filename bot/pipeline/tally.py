"""Liquidations by the minute: a floor under what was forced.

Feeds replay old events when they reconnect; what was heard once is counted once.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

import msgspec

from bot.domain.market import Liquidation, Position
from bot.domain.units import measure

KEPT_MINUTES = 36 * 60
REMEMBERED = 50_000


class Minute(msgspec.Struct):
    at_s: int
    long_usd: float = 0.0
    short_usd: float = 0.0


class Tally:
    """One asset's liquidations of the last day and a half."""

    def __init__(self) -> None:
        self._minutes: OrderedDict[int, Minute] = OrderedDict()
        self._heard: OrderedDict[tuple[str, str, datetime, str, str], None] = OrderedDict()

    def hear(self, said: Liquidation) -> bool:
        """Count one; ``False`` where it was heard before or its dollars cannot be known."""
        key = (said.instrument.venue, said.instrument.symbol, said.at, str(said.amount.value), said.number)
        if key in self._heard:
            return False
        self._heard[key] = None
        if len(self._heard) > REMEMBERED:
            self._heard.popitem(last=False)
        size = measure(
            said.amount, said.instrument.contract, float(said.price), said.instrument.coins_per_base
        )
        if size.usd is None:
            return False
        at_s = int(said.at.timestamp()) // 60 * 60
        minute = self._minutes.get(at_s)
        if minute is None:
            minute = self._minutes[at_s] = Minute(at_s)
            while len(self._minutes) > KEPT_MINUTES:
                self._minutes.popitem(last=False)
        if said.position is Position.LONG:
            minute.long_usd += size.usd
        else:
            minute.short_usd += size.usd
        return True

    def minutes(self) -> list[Minute]:
        return list(self._minutes.values())

    def restore(self, minutes: list[Minute]) -> None:
        self._minutes = OrderedDict((m.at_s, m) for m in minutes)

    def between(self, since_s: float, until_s: float) -> tuple[float, float, Minute | None]:
        """Long and short dollars and the worst minute; ``None`` where nothing was heard."""
        chosen = [m for m in self._minutes.values() if since_s - 60 < m.at_s <= until_s]
        worst = max(chosen, key=lambda m: m.long_usd + m.short_usd, default=None)
        return sum(m.long_usd for m in chosen), sum(m.short_usd for m in chosen), worst
