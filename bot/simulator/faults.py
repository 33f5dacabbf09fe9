"""What a simulated venue can do wrong, one thing at a time, so that the real path can be seen to bear it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bot.simulator.scenario import Holding, Scenario
from bot.simulator.wire import View

SKEW = timedelta(minutes=10)
FACTOR = 1000


class Fault(StrEnum):
    OUTAGE = "outage"
    """HTTP 503; sockets are closed and refused."""
    CUT = "cut"
    """The connection breaks without an answer; sockets as well."""
    THROTTLED = "throttled"
    """HTTP 429 with ``Retry-After: 1``."""
    GARBAGE = "garbage"
    """HTTP 200 and half of the answer."""
    FREEZE = "freeze"
    """The open interest of the moment it began, with fresh prices and stamps."""
    ZERO = "zero"
    """Zero open interest."""
    THOUSANDFOLD = "thousandfold"
    """Open interest counted in units a thousand times smaller."""
    DOUBLED = "doubled"
    """Every row twice; one-symbol answers are as ever."""
    SKEWED = "skewed"
    """Stamps ten minutes in the future."""


class Faults:
    """Which venue does what wrong now. Begun and ended by hand, at any time."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Fault, datetime]] = {}

    def begin(self, venue: str, fault: Fault, now: datetime) -> None:
        """From ``now`` (market time) on; it replaces another fault of the venue."""
        self._running[venue] = (fault, now)

    def end(self, venue: str) -> None:
        self._running.pop(venue, None)

    def of(self, venue: str) -> Fault | None:
        running = self._running.get(venue)
        return running[0] if running else None

    def view(self, scenario: Scenario, venue: str, now: datetime) -> View:
        """What the venue sees at ``now``, faults applied."""
        fault, since = self._running.get(venue, (None, now))
        holdings: Sequence[Holding] = scenario.at(now, venue).holdings
        if fault is Fault.FREEZE:
            before = scenario.at(since, venue).holdings
            holdings = [_with_coins(h, old.counted) for h, old in zip(holdings, before, strict=True)]
        elif fault is Fault.ZERO:
            holdings = [_with_coins(h, 0.0) for h in holdings]
        elif fault is Fault.THOUSANDFOLD:
            holdings = [_with_coins(h, h.counted * FACTOR) for h in holdings]
        elif fault is Fault.DOUBLED:
            holdings = [h for h in holdings for _ in range(2)]
        stamp = now + SKEW if fault is Fault.SKEWED else now
        return View(scenario, venue, now, stamp, holdings)


def _with_coins(holding: Holding, counted: float) -> Holding:
    """The same contract and price with another count: what is frozen is frozen in the venue's unit."""
    contract = holding.contract
    coins = counted * contract.size / (holding.price_usd if contract.inverse else 1)
    return msgspec.structs.replace(holding, coins=coins)
