"""How often so deep a fall was seen before, by the recorded index alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from math import exp

from bot.domain.market import Point

APART = timedelta(hours=6)
"""Moments closer than an aftershock's reach, or than the horizon, are one."""
NEARLY = 0.98
"""What is kept of older times is thinner: the deepest moment may lie between two points."""


def times_seen(points: Sequence[Point], horizon: timedelta, fall: float) -> int:
    """Independent moments at which the index stood at least ``fall`` below its high within ``horizon``.

    ``points`` are in order of time; a fall of ``fall`` itself that is among them counts once.
    """
    high: deque[Point] = deque()
    count, last = 0, None
    for point in points:
        while high and high[-1].index <= point.index:
            high.pop()
        high.append(point)
        while high[0].at < point.at - horizon:
            high.popleft()
        if 1 - exp(point.index - high[0].index) >= NEARLY * fall:
            if last is None or point.at - last >= max(APART, horizon):
                count += 1
            last = point.at
    return count
