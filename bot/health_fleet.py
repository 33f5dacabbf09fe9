"""What a whole fleet knows of its sources: each process tells the others what it asks and how that stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.domain.fleet import Member
from bot.domain.health import SourceHealth
from bot.domain.market import Venue
from bot.health import Health


class FleetHealth:
    """Implements ``bot.ports.HealthView``. ``own`` is what this process asks itself."""

    def __init__(self, own: Health, members: Callable[[], Sequence[Member]]) -> None:
        self._own, self._members = own, members
        self._rejected: Counter[Venue] = Counter()

    @property
    def rejected(self) -> Mapping[Venue, int]:
        """What the judge of this process did not believe."""
        return dict(self._rejected)

    def reject(self, venue: Venue) -> None:
        self._rejected[venue] += 1

    def sources(self) -> list[SourceHealth]:
        """As whoever asks it tells; while a venue moves from one to another, as who heard it last does."""
        members = self._members()
        newest: dict[tuple[Venue, str], SourceHealth] = {}
        for row in (*self._own.sources(), *(row for member in members for row in member.sources)):
            known = newest.get((row.venue, row.source))
            if known is None or _when(row) > _when(known):
                newest[row.venue, row.source] = row
        rejected: Counter[Venue] = Counter()
        for member in members:
            rejected.update(member.rejected)
        rows = sorted(newest.values(), key=lambda row: (row.title, row.source))
        for place, row in enumerate(rows):
            if row.completeness is None and (more := rejected.pop(row.venue, 0)):
                rows[place] = replace(row, rejected=row.rejected + more)
        return rows

    def sees(self) -> bool:
        return self._newest() is not None

    def blind(self, now: datetime, after: timedelta) -> datetime | None:
        """As ``Health.blind``: of all processes together, and of those that are there now."""
        began = (member.began for member in self._members())
        newest = self._newest() or min((at for at in began if at is not None), default=None)
        return newest if newest is not None and now - newest > after else None

    def _newest(self) -> datetime | None:
        told = (member.open_interest for member in self._members())
        return max((at for at in told if at is not None), default=None)


def _when(row: SourceHealth) -> datetime:
    return row.last_answer or row.since
