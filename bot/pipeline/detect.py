"""How deep does the coin index stand below its high, at every horizon, and how rare is that?"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from datetime import timedelta

import msgspec

from bot.domain.waves import Basis, Depth, Kind, Magnitude
from bot.pipeline.aggregate import Step
from bot.pipeline.horizons import HORIZON_S, HORIZONS
from bot.pipeline.rarity import (
    SCORE_FLOOR,
    History,
    Learned,
    Scales,
    joint,
    learned_from,
    prior_rate,
    surprise,
)

FLOOR = (0.008, 0.010, 0.015, 0.020, 0.030)
"""A fall of less coin OI than this within the horizon is never an event, however quiet the week."""
HOUR = HORIZONS.index(timedelta(hours=1))
LEAST_DAYS = 1.0
LEAST_STEPS = 12
"""Before so much history nothing is declared."""
LONGEST_STEP_S = 900.0
"""A longer silence is no history."""
BEYOND_NORMAL = 1.0
"""A price move of at least one scale (its one-in-ten move) is beyond its normal."""

NormalMove = Callable[[float], float]
"""The usual price move (a fraction) over so many seconds, of the coin whose wave it is."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """The state at one step, kept while it may still be the high of some horizon."""

    at_s: float
    price_usd: float | None
    changes: tuple[float, ...]
    flow: tuple[float, float]


def kind_of(high: Mark, low: Mark, normal_move: NormalMove) -> Kind:
    """What a fall is called: by the price at which its coins were closed, against the price before it.

    That price is a mean over all coins closed, so that a moment's swing names nothing, and a crash that
    rebounds before the last position is gone stays a crash. The name never contradicts price at the low.
    """
    if not high.price_usd or not low.price_usd:
        return Kind.UNPRICED
    coins = low.flow[0] - high.flow[0]
    if not coins:
        return Kind.UNWIND
    move = (low.flow[1] - high.flow[1]) / coins / high.price_usd - 1
    if abs(move) < BEYOND_NORMAL * normal_move(low.at_s - high.at_s):
        return Kind.UNWIND
    if move < 0 and low.price_usd < high.price_usd:
        return Kind.FLUSH
    return Kind.SQUEEZE if move > 0 and low.price_usd > high.price_usd else Kind.UNWIND


class View(msgspec.Struct, frozen=True):
    """A fall as its rarest horizon shows it; ``high`` is the mark it fell from."""

    score: float
    horizon: int
    high: Mark
    kind: Kind
    magnitude: Magnitude
    basis: Basis | None = None
    """Only of what may be an event."""


class Moment(msgspec.Struct, frozen=True):
    """The verdict on one step.

    ``whole`` looks back as far as every horizon reaches; ``fresh`` only at falls that began after the last
    wave ended, so that one fall is never two waves.
    """

    at_s: float
    whole: View
    fresh: View
    depths: tuple[Depth, ...]
    price_usd: float | None
    coverage: float
    judged: bool
    """False while there is too little history or too little coverage to declare anything."""


class HighState(msgspec.Struct):
    index: float
    queue: list[tuple[float, Mark]]


class DetectorState(msgspec.Struct):
    highs: list[HighState]
    scales: Scales
    history: History
    steps: int
    last_s: float


class _High:
    """The highest index within one horizon: a queue of steps not yet overtaken, highest first."""

    __slots__ = ("horizon_s", "index", "queue")

    def __init__(self, horizon_s: float) -> None:
        self.horizon_s = horizon_s
        self.index = 0.0
        self.queue: deque[tuple[float, Mark]] = deque()

    def move(self, change: float, mark: Mark) -> tuple[float, Mark]:
        """Add a step; returns the depth below the high and the high's mark."""
        self.index += change
        index, queue = self.index, self.queue
        while queue and queue[-1][0] <= index:
            queue.pop()
        queue.append((index, mark))
        oldest = mark.at_s - self.horizon_s
        while queue[0][1].at_s < oldest:
            queue.popleft()
        top, high = queue[0]
        return 1.0 - math.exp(index - top), high


class Detector:
    """One asset's falls. ``step_s`` is the usual distance of steps; horizons shorter than it are left out."""

    def __init__(self, *, step_s: float, coverage_floor: float) -> None:
        self._step_s = step_s
        self._coverage_floor = coverage_floor
        # A horizon of one step is the shortest that can be seen; a day's figures still judge a day.
        self._first = next((i for i, h in enumerate(HORIZON_S) if h >= step_s), len(HORIZON_S) - 1)
        self._highs = [_High(max(h, step_s)) for h in HORIZON_S]
        self.scales = Scales()
        self.history = History(prior_rate(step_s))
        self._steps = 0
        self._last_s = 0.0

    def state(self) -> DetectorState:
        return DetectorState(
            [HighState(high.index, list(high.queue)) for high in self._highs],
            self.scales,
            self.history,
            self._steps,
            self._last_s,
        )

    def restore(self, state: DetectorState) -> None:
        for high, kept in zip(self._highs, state.highs, strict=True):
            high.index, high.queue = kept.index, deque(kept.queue)
        self.scales, self.history = state.scales, state.history
        self._steps, self._last_s = state.steps, state.last_s

    def learned(self) -> Learned:
        """What this history taught, for a detector that begins after it."""
        return learned_from(self.scales, self.history)

    def learn(self, past: Learned) -> None:
        """Take what an earlier history taught, in place of what was taken before."""
        self.scales.before = self.history.before = past

    @property
    def _knows_enough(self) -> bool:
        if (past := self.scales.before) is not None and past.days >= LEAST_DAYS:
            return True
        return self._steps >= LEAST_STEPS and self.scales.days >= LEAST_DAYS

    def judge(self, step: Step, since_s: float = 0.0) -> Moment:
        """Judge one step by the history before it, then let it become history.

        ``since_s`` is when the last wave ended: falls from before belong to it.
        """
        mark = Mark(step.at_s, step.price_usd, step.changes, step.flow)
        depths: list[Depth] = []
        whole = fresh = (0.0, self._first, mark)
        heard: list[tuple[int, float, float | None]] = []
        for i in range(self._first, len(HORIZON_S)):
            fall, high = self._highs[i].move(step.moves[i], mark)
            move = None
            if step.price_usd and high.price_usd:
                move = step.price_usd / high.price_usd - 1.0
            depths.append(Depth(HORIZONS[i], fall, move))
            heard.append((i, fall, move))
            score = self._score(i, fall, move)
            if score > whole[0]:
                whole = (score, i, high)
            if score > fresh[0] and high.at_s >= since_s:
                fresh = (score, i, high)
        covered = step.coverage >= self._coverage_floor
        judged = covered and self._knows_enough
        whole_view = self._view(whole, mark, depths)
        fresh_view = whole_view if fresh is whole else self._view(fresh, mark, depths)
        if covered and step.counted:
            self._learn(step, heard, whole[0])
        return Moment(step.at_s, whole_view, fresh_view, tuple(depths), step.price_usd, step.coverage, judged)

    def high_since(self, at_s: float) -> Mark | None:
        """The highest point of the last hour at or after ``at_s``."""
        return next((mark for _, mark in self._highs[HOUR].queue if mark.at_s >= at_s), None)

    def normal_move(self, span_s: float) -> float:
        """The price move exceeded one time in ten over ``span_s``, a fraction.

        Between two horizons it is read off a straight line in logarithms.
        """
        above = bisect_left(HORIZON_S, span_s)
        if above <= self._first or above == len(HORIZON_S):
            return self.scales.price_scale(min(max(above, self._first), len(HORIZON_S) - 1))
        short, long = self.scales.price_scale(above - 1), self.scales.price_scale(above)
        share = math.log(span_s / HORIZON_S[above - 1]) / math.log(HORIZON_S[above] / HORIZON_S[above - 1])
        return short * math.pow(long / short, share)

    def _view(self, seen: tuple[float, int, Mark], mark: Mark, depths: list[Depth]) -> View:
        score, horizon, high = seen
        kind = kind_of(high, mark, self.normal_move) if score else Kind.UNPRICED
        basis = None
        if score >= SCORE_FLOOR:
            depth = depths[horizon - self._first]
            scales = (self.scales.coin_scale(horizon), self.scales.price_scale(horizon))
            counted = (*self.history.counted(), self.history.expected)
            basis = Basis(depth.fall, depth.price_move, *scales, score, *counted)
        return View(score, horizon, high, kind, self.history.magnitude(score), basis)

    def _score(self, horizon: int, fall: float, move: float | None) -> float:
        if fall < FLOOR[horizon]:
            return 0.0
        coins = surprise(fall / self.scales.coin_scale(horizon))
        if move is None:
            return coins
        return joint(coins, surprise(abs(move) / self.scales.price_scale(horizon)))

    def _learn(self, step: Step, heard: list[tuple[int, float, float | None]], score: float) -> None:
        """A step counts for the time it stands for: past history comes in longer steps than live figures."""
        scales = self.scales
        elapsed_s = min(step.at_s - self._last_s, max(LONGEST_STEP_S, self._step_s))
        elapsed_s = elapsed_s if self._last_s else self._step_s
        self._last_s = step.at_s
        weight = elapsed_s / self._step_s
        for i, fall, move in heard:
            scales.coins[i].add(fall, weight)
            if move is not None:
                scales.price[i].add(abs(move), weight)
        scales.passed(elapsed_s)
        self._steps += 1
        if self._steps >= LEAST_STEPS:
            self.history.observe(score, step.at_s, elapsed_s)
