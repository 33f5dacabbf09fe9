"""The horizons over which a fall is measured, and the seconds that detection counts in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

HORIZONS = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=24),
)
HORIZON_S = tuple(h.total_seconds() for h in HORIZONS)

LONGEST_GAP = timedelta(hours=6)
"""A venue that returns after a longer absence begins anew."""


def seconds(at: datetime) -> float:
    return at.timestamp()


@lru_cache(maxsize=4096)  # thousands of contracts share a venue's stamp
def moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def gap_limit_s(step_s: float) -> float:
    """How long an instrument may be away and still bring back the change it made: never under two steps."""
    return max(LONGEST_GAP.total_seconds(), 2 * step_s)


def last_step(at: datetime, step: timedelta) -> datetime:
    """The newest step boundary at or before ``at``; boundaries are counted from the Unix epoch."""
    step_s = step.total_seconds()
    return moment(at.timestamp() // step_s * step_s)


def next_step(at: datetime, step: timedelta) -> datetime:
    """The first step boundary at or after ``at``."""
    before = last_step(at, step)
    return before if before == at else before + step
