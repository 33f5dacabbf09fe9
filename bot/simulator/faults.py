"""What a simulated venue can do wrong, one thing at a time, so that the real path can be seen to bear it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from bot.simulator.forced import Forced
from bot.simulator.scenario import Holding, Scenario
from bot.simulator.wire import View

SKEW = timedelta(minutes=10)
LAG = timedelta(hours=1)
FACTOR = 1000
REPLAYED = timedelta(minutes=10)


class Fault(StrEnum):
    OUTAGE = "outage"
    """HTTP 503; sockets are closed and refused."""
    CUT = "cut"
    """The connection breaks without an answer; sockets as well."""
    HANG = "hang"
    """No answer at all, for as long as anybody waits; sockets go on."""
    THROTTLED = "throttled"
    """HTTP 429 with ``Retry-After: 1``."""
    BANNED = "banned"
    """HTTP 418, as Binance answers who goes on after 429; no wait is named."""
    FORBIDDEN = "forbidden"
    """HTTP 403 with a page for people, as a shield before the venue answers."""
    RESTRICTED = "restricted"
    """HTTP 451: not from this country."""
    GARBAGE = "garbage"
    """HTTP 200 and half of the answer; half of each frame."""
    ELSEWHERE = "elsewhere"
    """Whole and well-formed: what another path of this venue answers (of another venue, where it has one).

    Sockets tell that too, as often as they would have told something."""
    FOREIGN = "foreign"
    """Whole and well-formed: what another venue answers, and what its sockets tell."""
    FREEZE = "freeze"
    """The open interest of the moment it began, with fresh prices and stamps."""
    ZERO = "zero"
    """Zero open interest."""
    THOUSANDFOLD = "thousandfold"
    """Open interest and liquidations counted in units a thousand times smaller."""
    DOUBLED = "doubled"
    """Every row and every frame twice; one-symbol answers are as ever."""
    SKEWED = "skewed"
    """Stamps ten minutes in the future."""
    BEHIND = "behind"
    """Stamps an hour in the past."""
    DEAF = "deaf"
    """Sockets connect and acknowledge, and then tell nothing."""
    REPLAYED = "replayed"
    """A socket tells the last ten minutes once more to whoever connects; those that are open are closed."""
    DELISTED = "delisted"
    """The coin listed last is gone from every answer. Where the fault ends, it is a new listing."""


class Refusal(NamedTuple):
    status: int
    text: str
    headers: Mapping[str, str] = {}


REFUSALS = {
    Fault.OUTAGE: Refusal(503, "Service Unavailable."),
    Fault.THROTTLED: Refusal(429, "Too many requests.", {"Retry-After": "1"}),
    Fault.BANNED: Refusal(418, '{"code":-1003,"msg":"Way too many requests; IP banned."}'),
    Fault.FORBIDDEN: Refusal(403, "<html><title>Just a moment...</title><body>Checking you.</body></html>"),
    Fault.RESTRICTED: Refusal(451, '{"code":0,"msg":"Service unavailable from a restricted location."}'),
}
SWAPPED = (Fault.ELSEWHERE, Fault.FOREIGN)
"""Somebody else's answers."""
HANGS_UP = (Fault.OUTAGE, Fault.CUT)
"""Faults that close sockets as well."""


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
        """What the venue sees at ``now``, faults applied. What has expired is no longer listed."""
        fault, since = self._running.get(venue, (None, now))
        holdings: Sequence[Holding] = scenario.at(now, venue).holdings
        if fault is Fault.FREEZE:
            before = scenario.at(since, venue).holdings
            holdings = [_with_coins(h, old.counted) for h, old in zip(holdings, before, strict=True)]
        elif fault is Fault.ZERO:
            holdings = [_with_coins(h, 0.0) for h in holdings]
        elif fault is Fault.THOUSANDFOLD:
            holdings = [_with_coins(h, h.counted * FACTOR) for h in holdings]
        elif fault is Fault.DELISTED:
            holdings = [h for h in holdings if h.contract.coin != _last(scenario)]
        holdings = [h for h in holdings if h.contract.expiry is None or h.contract.expiry > now]
        if fault is Fault.DOUBLED:
            holdings = [h for h in holdings for _ in range(2)]
        return View(scenario, venue, now, now + _off(fault), holdings)

    def told(self, scenario: Scenario, venue: str, events: Sequence[Forced]) -> Sequence[Forced]:
        """What the venue's sockets tell of these, which are its own."""
        fault = self.of(venue)
        if fault is Fault.DEAF:
            return ()
        if fault is Fault.DELISTED:
            return [event for event in events if event.contract.coin != _last(scenario)]
        if fault is Fault.THOUSANDFOLD:
            return [msgspec.structs.replace(event, coins=event.coins * FACTOR) for event in events]
        if off := _off(fault):
            return [msgspec.structs.replace(event, at=event.at + off) for event in events]
        return events


def _off(fault: Fault | None) -> timedelta:
    """How far the venue's clock is off."""
    return SKEW if fault is Fault.SKEWED else -LAG if fault is Fault.BEHIND else timedelta()


def _last(scenario: Scenario) -> str:
    return next(reversed(list(scenario.script.coins)))


def _with_coins(holding: Holding, counted: float) -> Holding:
    """The same contract and price with another count: what is frozen is frozen in the venue's unit."""
    contract = holding.contract
    coins = counted * contract.size / (holding.price_usd if contract.inverse else 1)
    return msgspec.structs.replace(holding, coins=coins)
