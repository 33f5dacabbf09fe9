"""What followed resets, beside what follows random times of the same history (docs/detection.md, "After").

A median of a few outcomes always differs from the usual. Whether this one says anything is judged by drawing
as many random times again and again: an edge is a median that fewer than one draw in twenty is as far off.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from random import Random
from typing import NamedTuple

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Point
from bot.pipeline.quantiles import quantile

LEAST = 8
"""Fewer outcomes are told, and say nothing."""
DRAWS = 999
MOST_TIMES = 2_000
DOUBT = 0.05
LEAST_SPANS = 10
"""A history shorter than so many times the horizon has no random times to compare with."""
APART = timedelta(hours=6)
"""Resets of all coins within an aftershock's reach of each other are one, also at the shortest horizon."""
REACH = 0.25
"""The price some time later is the newest one at most this share of the time before it, and not under:"""
LEAST_REACH = timedelta(minutes=10)


class Reset(msgspec.Struct, frozen=True, order=True):
    """The end of a reset, and how large it was (W): of those too close together the largest counts."""

    at: datetime
    asset: Asset
    w: float


class Aftermath(msgspec.Struct, frozen=True):
    """What price did within ``after`` of ``n`` independent resets; moves are fractions.

    ``low`` to ``high`` holds the middle eight of ten outcomes. ``usual`` is the median after random times,
    and nineteen of twenty medians of ``n`` random times lie from ``usual_low`` to ``usual_high``; all three
    are ``None`` where the history is too short for random times.
    """

    after: timedelta
    n: int
    median: float
    low: float
    high: float
    usual: float | None = None
    usual_low: float | None = None
    usual_high: float | None = None

    @property
    def edge(self) -> bool:
        """Does it differ from the usual by more than chance would?"""
        if self.n < LEAST or self.usual_low is None or self.usual_high is None:
            return False
        return not self.usual_low <= self.median <= self.usual_high


class Prices:
    """One asset's recorded prices in order of time."""

    def __init__(self, points: Iterable[Point]) -> None:
        known = [(p.at.timestamp(), p.price_usd) for p in points if p.price_usd]
        self._times = [at for at, _ in known]
        self._prices = [price for _, price in known]

    @property
    def span(self) -> timedelta:
        return timedelta(seconds=self._times[-1] - self._times[0]) if self._times else timedelta(0)

    def move(self, at_s: float, after: timedelta) -> float | None:
        """From a time to so long after it; ``None`` where either was not seen."""
        reach_s = max(REACH * after, LEAST_REACH).total_seconds()
        before, later = self._near(at_s, reach_s), self._near(at_s + after.total_seconds(), reach_s)
        return later / before - 1 if before and later else None

    def later(self, at: datetime, after: timedelta) -> float | None:
        """The price so long after a time; ``None`` where that was not seen, or is still to come."""
        then_s = (at + after).timestamp()
        if not self._times or then_s > self._times[-1]:
            return None
        return self._near(then_s, max(REACH * after, LEAST_REACH).total_seconds())

    def moves(self, after: timedelta) -> list[float]:
        """After recorded times, evenly many of all, in order."""
        times = self._times[:: len(self._times) // MOST_TIMES + 1]
        return [move for at_s in times if (move := self.move(at_s, after)) is not None]

    def _near(self, at_s: float, reach_s: float) -> float | None:
        place = bisect_right(self._times, at_s) - 1
        return self._prices[place] if place >= 0 and at_s - self._times[place] <= reach_s else None


class Followed(NamedTuple):
    reset: Reset
    move: float


def aftermath(
    followed: Iterable[Followed], history: Mapping[Asset, Prices], after: timedelta
) -> Aftermath | None:
    """``None`` where no outcome is known. The same inputs, in any order, always give the same answer.

    ``history`` has the prices of every coin that is followed.
    """
    outcomes = independent(list(followed), max(after, APART))
    if not outcomes:
        return None
    moves = sorted(one.move for one in outcomes)
    told = Aftermath(after, len(moves), quantile(moves, 0.5), quantile(moves, 0.1), quantile(moves, 0.9))
    usual = {asset: history[asset].moves(after) for asset in {one.reset.asset for one in outcomes}}
    if any(history[asset].span < LEAST_SPANS * after or not usual[asset] for asset in usual):
        return told
    counts = Counter(one.reset.asset for one in outcomes)
    draws = _draws(usual, counts, _seed(outcomes, after))
    return msgspec.structs.replace(
        told,
        usual=quantile(draws, 0.5),
        usual_low=quantile(draws, DOUBT / 2),
        usual_high=quantile(draws, 1 - DOUBT / 2),
    )


def independent(known: Sequence[Followed], apart: timedelta) -> list[Followed]:
    """Of outcomes whose times overlap only that of the largest reset, in order of time."""
    chosen: list[Followed] = []
    for one in sorted(known, key=lambda one: (-one.reset.w, one.reset)):
        if all(abs(one.reset.at - other.reset.at) >= apart for other in chosen):
            chosen.append(one)
    return sorted(chosen, key=lambda one: one.reset)


def _draws(usual: Mapping[Asset, Sequence[float]], counts: Counter[Asset], seed: int) -> list[float]:
    """Medians of random times, as many of each asset as there are outcomes of it; in order."""
    random = Random(seed)  # noqa: S311 - it is to be the same each time
    coins = sorted(counts.items())

    def drawn() -> float:
        moves = [move for asset, count in coins for move in random.choices(usual[asset], k=count)]
        return quantile(sorted(moves), 0.5)

    return sorted(drawn() for _ in range(DRAWS))


def _seed(outcomes: Sequence[Followed], after: timedelta) -> int:
    said = repr([(o.reset.at.timestamp(), o.reset.asset, o.move) for o in outcomes]) + str(after)
    return int.from_bytes(blake2b(said.encode(), digest_size=8).digest(), "big")
