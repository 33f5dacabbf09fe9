"""What the roles ask of the machinery between them, in their own words: a stream, and who else is there.

One process needs little of it; a fleet of processes over NATS JetStream and PostgreSQL needs all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import msgspec

from bot.domain.market import Observation

T_co = TypeVar("T_co", covariant=True)


class Loan(Protocol[T_co]):
    """Something taken from a stream. Whoever has it gives it back in exactly one way."""

    @property
    def item(self) -> T_co: ...

    async def done(self) -> None:
        """It need never come again."""

    async def again(self, after: timedelta) -> None:
        """It comes again, not before then."""

    async def drop(self, reason: str) -> None:
        """It can be of no use to anybody: set aside with the reason, for a person to look at."""


class Parcel(msgspec.Struct, frozen=True):
    """Observations of one partition, on their way together.

    ``until`` is the sender's market time when it was packed: whatever it put before then is in this parcel or
    came before it. ``None`` where there is one sender only, whose clock is the taker's.
    """

    said: Sequence[Observation]
    sender: str = ""
    until: datetime | None = None
    leaves: bool = False
    """The sender says good-bye: nobody need wait for it."""


class Outlet(Protocol):
    """Where feeds put what they hear."""

    async def put(self, batch: Sequence[Observation]) -> None:
        """Waits while the stream is full. What was put before, by whomever, is not taken again."""


class Inlet(Protocol):
    """Where the judge of one partition takes it, each asset's in order."""

    @property
    def full(self) -> bool:
        """So much is on loan that nothing more comes before some of it is given back."""

    async def take(self, timeout_s: float) -> Loan[Parcel] | None:
        """The next, or ``None`` when none came in time."""
