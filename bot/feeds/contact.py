"""What polls and sockets share: where they put what they hear, how they stand, how long they wait."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from bot.domain.health import SourceState
from bot.domain.market import Completeness, Observation, Quarantined, Venue
from bot.domain.verdicts import Verdict
from bot.errors import (
    KeyRefused,
    Refusal,
    SourceBlocked,
    SourceChanged,
    SourceError,
    SourceThrottled,
    SourceUnreachable,
)
from bot.exchanges.spec import ONE_SIDED, Exchange, Request
from bot.health import Health
from bot.ports import Clock

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

Sleep = Callable[[float], Awaitable[object]]
Chance = Callable[[], float]
"""A number from 0 up to, but not including, 1."""

LONGEST_WAIT = timedelta(minutes=10)
BLOCKED_WAIT = timedelta(hours=1)
LATE_AFTER = 3
"""A source is late when it missed this many of its intervals."""

EVIDENCE_BYTES = 4096
EVIDENCE_PER = timedelta(minutes=10)
EVIDENCE_MOST = 5
"""Pieces kept per source and ``EVIDENCE_PER``: a feed that changed must not fill the disk."""

PARSER_FAULTS = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""What data nobody foresaw can raise in a pure parser; it means the same as ``SourceChanged``."""

STATES = {
    SourceUnreachable: SourceState.LOST,
    SourceThrottled: SourceState.THROTTLED,
    SourceBlocked: SourceState.BLOCKED,
    SourceChanged: SourceState.CHANGED,
}
MEANS = {
    SourceState.LOST: "no answer",
    SourceState.THROTTLED: "rate limit",
    SourceState.BLOCKED: "refuses this address (geo-block or ban)",
    SourceState.CHANGED: "changed payload",
}


def state_of(fault: SourceError) -> SourceState:
    return next((state for kind, state in STATES.items() if isinstance(fault, kind)), SourceState.LOST)


def in_words(fault: SourceError) -> str:
    """What a fault means, for a person: ``rate limit: too many requests (wait 30 s)``."""
    means = "refuses the key" if isinstance(fault, KeyRefused) else MEANS[state_of(fault)]
    wait = f" (wait {fault.retry_after.total_seconds():.0f} s)" if isinstance(fault, SourceThrottled) else ""
    return f"{means}: {fault}{wait}"


class Outlet(Protocol):
    """Where observations go. A full one makes the feed wait."""

    async def put(self, batch: Sequence[Observation]) -> None: ...


class EvidenceLocker(Protocol):
    """The part of ``bot.ports.Journal`` that feeds need."""

    async def quarantine(self, rejected: Sequence[Quarantined]) -> None: ...


class Tap(Protocol):
    """Who wants everything as it came: a frame, or with its ``request`` an answer; a refusal as such."""

    def heard(
        self,
        exchange: Exchange,
        source: str,
        request: Request | None,
        received: datetime,
        raw: bytes,
        refusal: Refusal | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What all sources of a process share.

    ``clock`` tells market time, which runs ``speed`` times as fast as the wall while a scenario plays:
    intervals are divided by it. ``monotonic`` and ``sleep`` are the wall's, in seconds.
    """

    out: Outlet
    journal: EvidenceLocker
    health: Health
    clock: Clock
    speed: float = 1.0
    sleep: Sleep = asyncio.sleep
    chance: Chance = random.random
    monotonic: Callable[[], float] = time.monotonic
    tap: Tap | None = None

    def refused(self, exchange: Exchange, source: str, request: Request | None, fault: SourceError) -> None:
        """The tap hears of a refusal; of a line that only broke there is nothing to hear."""
        if self.tap is not None and fault.refusal is not None:
            said = fault.refusal
            self.tap.heard(exchange, source, request, self.clock(), said.body, said)


def understand(parse: Callable[Concatenate[bytes, P], T], raw: bytes, *args: P.args, **named: P.kwargs) -> T:
    """What ``parse`` makes of ``raw``. Raises only ``SourceError``, with the start of ``raw`` as evidence."""
    try:
        return parse(raw, *args, **named)
    except SourceError as fault:
        fault.evidence = fault.evidence or start_of(raw)
        raise
    except PARSER_FAULTS as odd:
        why = f"cannot be read ({type(odd).__name__}: {odd})"
        raise SourceChanged(why, evidence=start_of(raw)) from odd


def start_of(raw: bytes) -> str:
    return raw[:EVIDENCE_BYTES].decode("utf-8", "replace")


@dataclass(slots=True)
class Patience:
    """How long to leave something alone, in wall time.

    After the n-th fault in a row: ``retry`` × 2^(n-1), at most ``longest``, a fifth more or less;
    throttled: exactly as long as asked; blocked: after ``blocked``, hourly where nothing else is said.
    """

    setting: Setting
    retry: timedelta
    longest: timedelta = LONGEST_WAIT
    blocked: timedelta = BLOCKED_WAIT
    _tries: int = 0

    def after(self, fault: SourceError) -> timedelta:
        self._tries += 1
        if isinstance(fault, SourceThrottled):
            return fault.retry_after
        if isinstance(fault, SourceBlocked):
            return self.blocked / self.setting.speed
        growing = self.retry * (1 << min(self._tries - 1, 20))
        return min(growing, self.longest) * (0.8 + 0.4 * self.setting.chance()) / self.setting.speed

    def begin_anew(self) -> None:
        self._tries = 0


@dataclass(slots=True)
class Contact:
    """How one source stands. Health is told, the log says once that it is lost and once that it is back."""

    setting: Setting
    venue: Venue
    source: str
    patience: Patience
    expect: Callable[[], None]
    """Health is told that an answer is expected, from now on and until ``release``."""
    _told: set[SourceState] = field(default_factory=set)
    _kept: list[datetime] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        setting: Setting,
        exchange: Exchange,
        source: str,
        *,
        every: timedelta,
        retry: timedelta,
        completeness: Completeness | None = None,
    ) -> Contact:
        """A source expected to answer ``every`` so often, in market time."""

        def expect() -> None:
            setting.health.expect(
                exchange.venue,
                source,
                setting.clock(),
                title=exchange.title,
                group=exchange.group,
                late_after=every * LATE_AFTER,
                completeness=completeness,
                unheard=exchange.unheard,
                doubts=exchange.doubts,
                counted="" if exchange.counted == ONE_SIDED else exchange.counted,
            )

        expect()
        return cls(setting, exchange.venue, source, Patience(setting, retry), expect)

    def release(self) -> None:
        """Nothing is asked of it: nothing is expected, and nothing is shown."""
        self.setting.health.release(self.venue, self.source)
        self._told.clear()

    def heard(
        self,
        *,
        symbols: int | None = None,
        unknown: int | None = None,
        open_interest: bool = False,
        liquidations: int = 0,
    ) -> None:
        self.setting.health.heard(
            self.venue,
            self.source,
            self.setting.clock(),
            symbols=symbols,
            unknown=unknown,
            open_interest=open_interest,
            liquidations=liquidations,
        )

    def fine(self) -> None:
        """It answered as it should."""
        self.patience.begin_anew()
        self.setting.health.turn(self.venue, self.source, self.setting.clock(), SourceState.FRESH)
        if self._told:
            self._told.clear()
            log.info("%s %s is back", self.venue, self.source, extra=self._extra("source.back"))

    def idle(self, why: str) -> None:
        """There is nothing to ask."""
        self.setting.health.turn(self.venue, self.source, self.setting.clock(), SourceState.WAITING, why)

    def failed(self, fault: SourceError) -> timedelta:
        """How long to leave it alone, in wall time."""
        self.mark(fault)
        return self.patience.after(fault)

    def mark(self, fault: SourceError, of: str = "") -> None:
        """Tell health; tell the log once per kind of fault until the source is back.

        ``of`` names the part that has the fault, where it is not the whole source.
        """
        self.turn(state_of(fault), of + in_words(fault))

    def turn(self, state: SourceState, why: str) -> None:
        """Not as it should be, for this reason: told to health, and to the log once until it is back."""
        self.setting.health.turn(self.venue, self.source, self.setting.clock(), state, why)
        if state not in self._told:
            self._told.add(state)
            event = self._extra(f"source.{state.value}")
            log.warning("%s %s is %s: %s", self.venue, self.source, state.value, why, extra=event)

    async def keep(self, fault: SourceError) -> None:
        """Count something unreadable, and keep it as evidence unless there is enough of it already."""
        now = self.setting.clock()
        self.setting.health.reject(self.venue, 1, self.source)
        self._kept = [at for at in self._kept if now - at < EVIDENCE_PER]
        if len(self._kept) < EVIDENCE_MOST:
            self._kept.append(now)
            raw = fault.evidence[:EVIDENCE_BYTES]
            piece = Quarantined(self.venue, self.source, Verdict.UNREADABLE, now, str(fault), raw)
            await self.setting.journal.quarantine([piece])

    async def keep_rows(self, rows: Sequence[str]) -> None:
        """Count rows that were lost alone, and keep what was wrong with them."""
        await self.keep(SourceChanged("; ".join(rows), evidence=rows[0]))
        self.setting.health.reject(self.venue, len(rows) - 1, self.source)

    def _extra(self, event: str) -> dict[str, str]:
        return {"event": event, "venue": self.venue, "source": self.source}
