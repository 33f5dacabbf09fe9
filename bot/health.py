"""What is known about each source: fresh, late, lost, throttled, blocked, speaks differently, deaf.

Every method that changes something takes the time as an argument; only ``sources`` looks at the clock,
because "late" is a question about now.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Completeness, Group, Venue
from bot.ports import Clock


class Senses(Protocol):
    """What the judge asks of health, and tells it."""

    def reject(self, venue: Venue) -> None: ...
    def sees(self) -> bool: ...
    def blind(self, now: datetime, after: timedelta) -> datetime | None: ...


class Health:
    """Implements ``bot.ports.HealthView``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[tuple[Venue, str], SourceHealth] = {}
        self._late_after: dict[tuple[Venue, str], timedelta] = {}
        self._began: datetime | None = None
        self._open_interest: dict[tuple[Venue, str], datetime] = {}

    def expect(
        self,
        venue: Venue,
        source: str,
        now: datetime,
        *,
        title: str,
        group: Group,
        late_after: timedelta,
        completeness: Completeness | None = None,
        unheard: str = "",
        doubts: tuple[str, ...] = (),
        counted: str = "",
    ) -> None:
        """From now on this source is expected to answer at least every ``late_after``."""
        self._began = now if self._began is None else min(self._began, now)
        self._late_after[venue, source] = late_after
        self._known[venue, source] = SourceHealth(
            venue=venue,
            title=title,
            group=group,
            source=source,
            state=SourceState.WAITING,
            since=now,
            completeness=completeness,
            unheard=unheard,
            doubts=doubts,
            counted=counted,
        )

    def release(self, venue: Venue, source: str) -> None:
        """Nothing is expected of this source any more, until it is expected again.

        What it still had under way then is not told of.
        """
        self._known.pop((venue, source), None)
        self._late_after.pop((venue, source), None)

    def heard(
        self,
        venue: Venue,
        source: str,
        now: datetime,
        *,
        symbols: int | None = None,
        unknown: int | None = None,
        open_interest: bool = False,
        liquidations: int = 0,
    ) -> None:
        """Something arrived. This alone changes no state: a cut round may still have told a part."""
        known = self._known.get((venue, source))
        if known is None:
            return
        self._known[venue, source] = msgspec.structs.replace(
            known,
            last_answer=now,
            symbols=known.symbols if symbols is None else symbols,
            unknown=known.unknown if unknown is None else unknown,
            told=known.told + liquidations,
        )
        if open_interest:
            self._open_interest[venue, source] = now

    def turn(
        self, venue: Venue, source: str, now: datetime, state: SourceState, why: str = ""
    ) -> SourceState:
        """Set the state and return the one before; ``since`` is kept while the state stays the same."""
        known = self._known.get((venue, source))
        if known is None:
            return state
        since = known.since if known.state is state else now
        self._known[venue, source] = msgspec.structs.replace(known, state=state, since=since, why=why)
        return known.state

    def reject(self, venue: Venue, count: int = 1, source: str | None = None) -> None:
        """Count what was not believed. Without a ``source`` it is counted where the venue tells its OI."""
        if source is None:
            source = next((name for of, name in self._open_interest if of == venue), None)
        known = self._known.get((venue, source)) if source is not None else None
        if known is not None:
            more = msgspec.structs.replace(known, rejected=known.rejected + count)
            self._known[known.venue, known.source] = more

    def missed(self, venue: Venue, source: str, count: int) -> None:
        """Count messages that the venue numbered and that never arrived."""
        known = self._known.get((venue, source))
        if known is None:
            return
        self._known[venue, source] = msgspec.structs.replace(known, gaps=known.gaps + count)

    def sources(self) -> list[SourceHealth]:
        return self.at(self._clock())

    def at(self, now: datetime) -> list[SourceHealth]:
        """Every expected source as it stands at ``now``, in order of venue and source."""
        return sorted(self._seen(now), key=lambda known: (known.title, known.source))

    def _seen(self, now: datetime) -> Iterable[SourceHealth]:
        for key, known in self._known.items():
            due = (known.last_answer or known.since) + self._late_after[key]
            if known.state is SourceState.FRESH and now > due:
                why = f"no answer since {known.last_answer:%H:%M:%S} UTC"
                yield msgspec.structs.replace(known, state=SourceState.LATE, since=due, why=why)
            else:
                yield known

    @property
    def began(self) -> datetime | None:
        """When a source was first expected."""
        return self._began

    @property
    def open_interest(self) -> datetime | None:
        """When any source last told open interest."""
        return max(self._open_interest.values(), default=None)

    def sees(self) -> bool:
        """Has any source told open interest since this process began?"""
        return bool(self._open_interest)

    def blind(self, now: datetime, after: timedelta) -> datetime | None:
        """Since when no source at all has told open interest, once that is longer ago than ``after``.

        ``None`` while one did, or while nothing was expected.
        """
        newest = max(self._open_interest.values(), default=self._began)
        return newest if newest is not None and now - newest > after else None
