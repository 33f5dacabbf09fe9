"""How deep does the coin index stand below its high, at every horizon, and how rare is that?"""

from __future__ import annotations

import math
from collections import deque

import msgspec

from bot.domain.waves import Depth, Kind, Magnitude
from bot.pipeline.aggregate import Step
from bot.pipeline.horizons import HORIZON_S, HORIZONS
from bot.pipeline.rarity import History, Scales, joint, surprise

FLOOR = (0.008, 0.010, 0.015, 0.020, 0.030)
"""A fall of less coin OI than this within the horizon is never an event, however quiet the week."""
LEAST_DAYS = 1.0
LEAST_STEPS = 12
"""Before so much history nothing is declared."""
LONGEST_STEP_S = 900.0
"""A longer silence is no history."""
BEYOND_NORMAL = 1.0
"""A price move of at least one scale (its one-in-ten move) is beyond its normal."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """The state at one step, kept while it may still be the high of some horizon."""

    at_s: float
    price_usd: float | None
    changes: tuple[float, ...]


class View(msgspec.Struct, frozen=True):
    """A fall as its rarest horizon shows it; ``high`` is the mark it fell from."""

    score: float
    horizon: int
    high: Mark
    kind: Kind
    magnitude: Magnitude


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
        self.history = History()
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

    def judge(self, step: Step, since_s: float = 0.0) -> Moment:
        """Judge one step by the history before it, then let it become history.

        ``since_s`` is when the last wave ended: falls from before belong to it.
        """
        mark = Mark(step.at_s, step.price_usd, step.changes)
        depths: list[Depth] = []
        whole = fresh = (0.0, self._first, mark, Kind.UNPRICED)
        heard: list[tuple[int, float, float | None]] = []
        for i in range(self._first, len(HORIZON_S)):
            fall, high = self._highs[i].move(step.moves[i], mark)
            move = None
            if step.price_usd and high.price_usd:
                move = step.price_usd / high.price_usd - 1.0
            depths.append(Depth(HORIZONS[i], fall, move))
            heard.append((i, fall, move))
            score, kind = self._score(i, fall, move)
            if score > whole[0]:
                whole = (score, i, high, kind)
            if score > fresh[0] and high.at_s >= since_s:
                fresh = (score, i, high, kind)
        covered = step.coverage >= self._coverage_floor
        judged = covered and self._steps >= LEAST_STEPS and self.scales.days >= LEAST_DAYS
        whole_view = self._view(whole)
        fresh_view = whole_view if fresh is whole else self._view(fresh)
        if covered and step.counted:
            self._learn(step, heard, whole[0])
        return Moment(step.at_s, whole_view, fresh_view, tuple(depths), step.price_usd, step.coverage, judged)

    def _view(self, seen: tuple[float, int, Mark, Kind]) -> View:
        score, horizon, high, kind = seen
        return View(score, horizon, high, kind, self.history.magnitude(score))

    def _score(self, horizon: int, fall: float, move: float | None) -> tuple[float, Kind]:
        if fall < FLOOR[horizon]:
            return 0.0, Kind.UNWIND
        coins = surprise(fall / self.scales.coin_scale(horizon))
        if move is None:
            return coins, Kind.UNPRICED
        normal = abs(move) / self.scales.price_scale(horizon)
        kind = Kind.UNWIND
        if normal >= BEYOND_NORMAL:
            kind = Kind.FLUSH if move < 0 else Kind.SQUEEZE
        return joint(coins, surprise(normal)), kind

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
