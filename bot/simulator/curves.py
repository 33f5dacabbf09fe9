"""Values as pure functions of time: a smooth curve through known points, seeded noise between them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from math import cos, exp, pi, sin, sqrt

HOUR_SECONDS = 3600.0
_SHORTEST_SECONDS = 240.0
_OCTAVES = 13
"""Waves from four minutes to eleven days, each twice as long as the one before."""


class Curve:
    """The monotone cubic (Fritsch and Carlson, 1980) through ``points``: it never overshoots a point.

    Before the first and after the last point it stays at their values. ``points`` are (seconds, value)
    in rising order of time.
    """

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self.times = [time for time, _ in points]
        self.values = [value for _, value in points]
        self._slopes = _monotone_slopes(points)

    def segment(self, time: float) -> int | None:
        """Which gap between two points ``time`` is in; ``None`` before the first and after the last."""
        place = bisect_right(self.times, time) - 1
        return place if 0 <= place < len(self.times) - 1 else None

    def at(self, time: float) -> float:
        place = self.segment(time)
        if place is None:
            return self.values[0] if time < self.times[0] else self.values[-1]
        width = self.times[place + 1] - self.times[place]
        u = (time - self.times[place]) / width
        low, high = self.values[place], self.values[place + 1]
        rising, leaving = self._slopes[place] * width, self._slopes[place + 1] * width
        eased = u * u * (3 - 2 * u)
        return low + (high - low) * eased + u * (1 - u) * ((1 - u) * rising - u * leaving)


def _monotone_slopes(points: Sequence[tuple[float, float]]) -> list[float]:
    """A slope for each point: the harmonic mean of its neighbours', flat at a turn and at both ends."""
    secants = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(points)]
    inner = [2 * a * b / (a + b) if a * b > 0 else 0.0 for a, b in pairwise(secants)]
    return [0.0, *inner, 0.0] if secants else [0.0]


class Noise:
    """A wandering number made of sine waves whose phases come from ``seed``.

    It moves like a random walk between four minutes and eleven days: the typical change (one standard
    deviation) over an hour is ``hourly``, over four hours about twice that.
    """

    def __init__(self, seed: str, hourly: float) -> None:
        digest = blake2b(seed.encode(), digest_size=4 * _OCTAVES).digest()
        shares = [int.from_bytes(digest[i : i + 4]) / 2**32 for i in range(0, len(digest), 4)]
        # Detuned by up to a fifth, so that no two noises beat together.
        periods = [_SHORTEST_SECONDS * 2**octave * (0.9 + 0.2 * s) for octave, s in enumerate(shares)]
        hour_variance = sum(p * (1 - cos(2 * pi * HOUR_SECONDS / p)) for p in periods)
        scale = hourly / sqrt(hour_variance)
        self._waves = [
            (scale * sqrt(p), 2 * pi / p, 14 * pi * s) for p, s in zip(periods, shares, strict=True)
        ]

    def at(self, time: float) -> float:
        return sum(height * sin(speed * time + phase) for height, speed, phase in self._waves)


class Series:
    """A positive curve with noise on it: the curve's own values at its points, the noise between them.

    In each gap the noise is taken relative to the straight line between its values at the two points;
    after the last point relative to that point, so that a market which has played to its end drifts on.
    """

    def __init__(self, curve: Curve, noises: Sequence[Noise] = ()) -> None:
        self._curve = curve
        self._noises = noises

    @cached_property
    def _pins(self) -> list[float]:
        return [self._noise(time) for time in self._curve.times]

    def _noise(self, time: float) -> float:
        return sum(noise.at(time) for noise in self._noises)

    def at(self, time: float) -> float:
        times, pins = self._curve.times, self._pins
        place = self._curve.segment(time)
        if place is None:
            pinned = pins[0] if time < times[0] else pins[-1]
        else:
            share = (time - times[place]) / (times[place + 1] - times[place])
            pinned = pins[place] + (pins[place + 1] - pins[place]) * share
        return self._curve.at(time) * exp(self._noise(time) - pinned)
