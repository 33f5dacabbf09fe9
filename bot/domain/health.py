"""What is known about each source."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from bot.domain.market import Completeness, Group, Venue


class SourceState(StrEnum):
    WAITING = "waiting"
    """Not asked yet."""
    FRESH = "fresh"
    LATE = "late"
    """Answered, but not recently enough to count."""
    LOST = "lost"
    THROTTLED = "throttled"
    BLOCKED = "blocked"
    CHANGED = "changed"
    """Answered with something this venue is not known to send."""
    DEAF = "deaf"
    """Connected, but silent while feeds of its kind are busy, also after it was subscribed anew."""


LIVE_SINCE = "past.until"
"""Under this name the journal keeps when live figures began (ISO 8601); before it is what venues remember."""
REMEMBERED = "past.progress"
"""Under this name the journal keeps a list of ``Remembered``."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a venue's past is known. ``why`` says, in words for a person, what it waits for."""

    venue: Venue
    title: str
    contracts: int = 0
    skipped: int = 0
    """Contracts whose past could not be read."""
    known_days: float = 0.0
    """Of every contract together, as ``asked_days``."""
    asked_days: float = 0.0
    over: bool = False
    why: str = ""

    @property
    def share(self) -> float:
        """A fraction; 1 where nothing is to be asked."""
        return self.known_days / self.asked_days if self.asked_days else float(self.over)


class SourceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One poll or socket of one venue. ``why`` is in words for a person; empty while it is fresh."""

    venue: Venue
    title: str
    group: Group
    source: str
    state: SourceState
    since: datetime
    last_answer: datetime | None = None
    why: str = ""
    symbols: int = 0
    unknown: int = 0
    rejected: int = 0
    completeness: Completeness | None = None
    """Only for liquidation feeds."""
    told: int = 0
    """Liquidations heard since the start."""
    unheard: str = ""
    """Why this venue tells nobody its liquidations; empty where it does, or where we do not know."""
    counted: str = ""
    """How the venue counts open interest, where that is not one side of each position."""
    doubts: tuple[str, ...] = ()
    """What may be wrong with this venue's figures, in words for a person."""
    gaps: int = 0
    """Messages that the venue numbered and that never arrived."""

    @property
    def idle(self) -> bool:
        """It has nothing to tell: it waits, and ``why`` says that none of the watched coins is there."""
        return self.state is SourceState.WAITING and bool(self.why)

    @property
    def unproven(self) -> bool:
        """A liquidation feed that has told nothing yet: its silence says nothing."""
        return self.completeness is not None and not self.told and not self.idle


class LockHolder(msgspec.Struct, frozen=True):
    """Who plays an only-one role. ``holder`` is its machine, process and a mark; ``token`` counts holders."""

    name: str
    token: int
    holder: str
    since: datetime
