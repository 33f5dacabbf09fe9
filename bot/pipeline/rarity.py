"""How rare is a moment, judged by the coin's own history.

Three small rules, each replaceable (evidence and constants: docs/detection.md):

1. *Scale.* Per horizon and witness (coin OI, price), the depth exceeded one time in ten.
2. *Score.* In multiples of that scale, how surprising is the fall, and how far does price confirm it?
3. *Magnitude.* W = log10 of the hours between independent moments with at least that score, counted in
   the score's own declustered history, continued by an exponential tail (a generalised Pareto tail of
   shape zero; the score is already a logarithm of a probability) and steadied by a prior.

Because W is calibrated on the final score, trying five horizons and two witnesses inflates nothing.
"""

from __future__ import annotations

import math

import msgspec

from bot.domain.waves import Magnitude
from bot.pipeline.horizons import HORIZON_S

TAIL = 0.10
"""The scale is the depth exceeded by this share of moments."""

_LOWEST = 1e-5
_BINS_PER_E = 12.5
_BINS = int(math.log(3 / _LOWEST) * _BINS_PER_E) + 2
_REMEMBER_DAYS = 120.0

PRIOR_DAYS = 3.0
PRIOR_COIN_SCALE = (0.0025, 0.0045, 0.010, 0.022, 0.055)
PRIOR_PRICE_SCALE = (0.0018, 0.0030, 0.0055, 0.0110, 0.0280)
"""What the scales are taken for until ``PRIOR_DAYS`` of own history weigh as much."""


class Scale(msgspec.Struct):
    """The ``1 − TAIL`` quantile of a positive quantity, in constant memory (8 % bins, interpolated).

    ``at`` is the bin the quantile lies in, ``above`` the weight of the bins beyond it.
    """

    counts: list[float] = msgspec.field(default_factory=lambda: [0.0] * _BINS)
    total: float = 0.0
    at: int = 0
    above: float = 0.0

    def add(self, x: float, weight: float = 1.0) -> None:
        bin_ = int(math.log(x / _LOWEST) * _BINS_PER_E) + 1 if x > _LOWEST else 0
        if bin_ >= _BINS:
            bin_ = _BINS - 1
        counts = self.counts
        counts[bin_] += weight
        self.total += weight
        if bin_ > self.at:
            self.above += weight
        target = TAIL * self.total
        while self.above > target:
            self.at += 1
            self.above -= counts[self.at]
        while self.at > 0 and self.above + counts[self.at] <= target:
            self.above += counts[self.at]
            self.at -= 1

    def value(self) -> float:
        """The quantile; the lowest bin where nothing larger was seen."""
        here = self.counts[self.at]
        into = (TAIL * self.total - self.above) / here if here else 0.0
        return _LOWEST * math.exp((self.at - min(1.0, max(0.0, into))) / _BINS_PER_E)

    def fade(self) -> None:
        """Halve the weight of everything seen."""
        for i, count in enumerate(self.counts):
            if count:
                self.counts[i] = count / 2
        self.total /= 2
        self.above /= 2


TAIL_SHAPE = 0.25


def surprise(x: float) -> float:
    """Minus log10 of how often a quantity exceeds ``x`` scales: 1 at one scale, growing ever slower.

    A generalised Pareto tail of shape ``TAIL_SHAPE`` from the scale on.
    """
    if x <= 1.0:
        return max(0.0, x)
    return 1.0 + math.log10(1.0 + TAIL_SHAPE * math.log(10) * (x - 1.0)) / TAIL_SHAPE


PRICE_WEIGHS = 1.5


def joint(coins: float, price: float) -> float:
    """The score of one horizon from the two surprises.

    Price confirms a fall of coins, it never leads: it counts at most ``PRICE_WEIGHS`` times as much.
    """
    return coins + min(price, PRICE_WEIGHS * coins)


SCORE_FLOOR = 2.0
"""Moments below this score are nobody's event; the score's history begins here."""
CLUSTER_GAP_S = 6 * 3600.0
"""Moments closer than an aftershock's reach are one event, as they are one wave."""

PRIOR_HOURS = 90 * 24.0
PRIOR_RATE = 1 / 28.0
"""What BTC by the hour showed (one event in 28.9 h)."""
PRIOR_COARSER = 0.9
"""Coarser steps see fewer events: by the day (one in 440 to 480 h) the rate is less by 24 to this power."""
PRIOR_SPREAD = 1.6
"""Mean excess over the floor; 1.3 to 1.4 by the hour, more where rare days weigh."""
PRIOR_EVENTS = 12.0
NINETY = 1.645


def prior_rate(step_s: float) -> float:
    """Events an hour that a history in such steps is taken to show until it has shown its own."""
    return PRIOR_RATE * math.pow(min(1.0, 3600.0 / step_s), PRIOR_COARSER)


class Learned(msgspec.Struct, frozen=True):
    """What the past that venues remember taught of one asset: a better prior than the shipped one.

    It is judged on its own, so that what few venues remember never mixes with what all of them say now;
    learning another one replaces it. ``coins`` and ``price`` are the scales of each horizon (0: none).
    """

    days: float
    coins: tuple[float, ...]
    price: tuple[float, ...]
    hours: float
    events: float
    excess: float


class History(msgspec.Struct):
    """The declustered history of one asset's score; ``expected`` is the prior's rate for its steps."""

    expected: float = PRIOR_RATE
    hours: float = 0.0
    events: float = 0.0
    excess: float = 0.0
    peak: float = 0.0
    peak_at_s: float = 0.0
    last_at_s: float = 0.0
    before: Learned | None = None

    def observe(self, score: float, at_s: float, step_s: float) -> None:
        """Add one moment that stands for ``step_s`` of time."""
        self.hours += step_s / 3600
        if self.peak and at_s - self.last_at_s >= max(CLUSTER_GAP_S, 1.5 * step_s):
            self.close()
        if score >= SCORE_FLOOR:
            self.last_at_s = at_s
            if score > self.peak:
                self.peak, self.peak_at_s = score, at_s

    def close(self) -> None:
        self.events += 1
        self.excess += self.peak - SCORE_FLOOR
        self.peak = 0.0

    def counted(self) -> tuple[float, float, float]:
        """Hours, events and their excess over the floor, with those of the past before."""
        hours, events, excess = self.hours, self.events, self.excess
        if (past := self.before) is not None:
            hours, events, excess = hours + past.hours, events + past.events, excess + past.excess
        return hours, events, excess

    def magnitude(self, score: float) -> Magnitude:
        """W of a score, with a 90 % interval that narrows as history grows."""
        hours, events, excess = self.counted()
        rate_weight = events + self.expected * PRIOR_HOURS
        rate = rate_weight / (hours + PRIOR_HOURS)
        tail_weight = events + PRIOR_EVENTS
        spread = (excess + PRIOR_EVENTS * PRIOR_SPREAD) / tail_weight
        beyond = (score - SCORE_FLOOR) / spread
        w = (beyond - math.log(rate)) / math.log(10)
        doubt = NINETY * math.sqrt(1 / rate_weight + beyond * beyond / tail_weight) / math.log(10)
        return Magnitude(w, w - doubt, w + doubt)


class Scales(msgspec.Struct):
    """The scales of one asset: for every horizon one of coin OI and one of price."""

    days: float = 0.0
    coins: list[Scale] = msgspec.field(default_factory=lambda: [Scale() for _ in HORIZON_S])
    price: list[Scale] = msgspec.field(default_factory=lambda: [Scale() for _ in HORIZON_S])
    before: Learned | None = None

    def passed(self, elapsed_s: float) -> None:
        self.days += elapsed_s / 86400
        if self.days > 2 * _REMEMBER_DAYS:
            self.days /= 2
            for scale in (*self.coins, *self.price):
                scale.fade()

    def coin_scale(self, horizon: int) -> float:
        learned = self.before.coins[horizon] if self.before else 0.0
        return self._steadied(self.coins[horizon], PRIOR_COIN_SCALE[horizon], learned)

    def price_scale(self, horizon: int) -> float:
        learned = self.before.price[horizon] if self.before else 0.0
        return self._steadied(self.price[horizon], PRIOR_PRICE_SCALE[horizon], learned)

    def _steadied(self, own: Scale, prior: float, learned: float) -> float:
        """The own scale and what stands for it until it is known, each by the days it stands for."""
        prior_days = PRIOR_DAYS
        if learned and self.before is not None:
            prior = _between(prior, learned, self.before.days / (self.before.days + PRIOR_DAYS))
            prior_days += self.before.days
        if not own.total:
            return prior
        return _between(prior, own.value(), self.days / (self.days + prior_days))


def _between(one: float, other: float, weight: float) -> float:
    """The mean in logarithms; ``weight`` is the other's."""
    return math.exp(weight * math.log(other) + (1 - weight) * math.log(one))


def learned_from(scales: Scales, history: History) -> Learned:
    """What a judge of the past has learned of one asset. A moment still in progress counts as an event."""
    pending = 1.0 if history.peak else 0.0
    return Learned(
        days=scales.days,
        coins=tuple(scale.value() if scale.total else 0.0 for scale in scales.coins),
        price=tuple(scale.value() if scale.total else 0.0 for scale in scales.price),
        hours=history.hours,
        events=history.events + pending,
        excess=history.excess + pending * (history.peak - SCORE_FLOOR),
    )
