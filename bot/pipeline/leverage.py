"""How leveraged a coin is, by its own history: what is normal for it, and one heat from 0 to 100.

Everything here is computed from one value a day and the value now, all of them recorded, so that the same
records give the same heat. docs/leverage.md has the rule.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec

from bot.domain.market import Point
from bot.domain.statistics import Totals
from bot.pipeline.horizons import HORIZON_S
from bot.pipeline.quantiles import quantile

WINDOW = timedelta(days=365)
LEAST_DAYS = 7
"""Before so many days nothing is called normal."""
TENTH = 0.1


class Measure(StrEnum):
    """What is compared with its own past. More of the first five is more leverage."""

    OI = "oi"
    """Coin OI, like with like."""
    FUNDING = "funding"
    """OI-weighted, a fraction per year."""
    OI_TO_CAP = "oi_to_cap"
    """Coin OI ÷ coins in circulation, which is OI ÷ market cap."""
    OI_TO_VOLUME = "oi_to_volume"
    """OI ÷ 24 h volume."""
    BASIS = "basis"
    """Of dated contracts, a fraction per year."""
    ACCOUNTS = "accounts"
    """Long accounts per short one."""
    INVERSE = "inverse"
    """The share of coin OI margined in the coin itself."""
    TOP = "top"
    """The share of the three largest venues."""


WEIGHTS: Mapping[Measure, float] = {
    Measure.OI: 0.40,
    Measure.FUNDING: 0.25,
    Measure.OI_TO_CAP: 0.15,
    Measure.OI_TO_VOLUME: 0.10,
    Measure.BASIS: 0.10,
}
"""Of the ranks in the heat. What is missing leaves its weight to the others."""

COUNTED = frozenset({Measure.OI, Measure.OI_TO_CAP})
"""In coins of the venues of one moment."""

Values = Mapping[Measure, float]
"""What is known of one day, or of now."""


class Standing(msgspec.Struct, frozen=True):
    """A value among those of earlier days.

    ``rank`` is the share of days it stands above (a day that is equal counts half); ``low`` and ``high``
    bound the middle eight days of ten. All three are unknown before ``LEAST_DAYS``.
    """

    value: float
    days: int
    above: int
    rank: float | None = None
    low: float | None = None
    high: float | None = None

    def times(self, unit: float) -> Standing:
        """The same, counted in another unit."""
        low, high = (None if edge is None else edge * unit for edge in (self.low, self.high))
        return msgspec.structs.replace(self, value=self.value * unit, low=low, high=high)


def standing(value: float, past: Sequence[float]) -> Standing:
    """``past`` in order of size."""
    days, below = len(past), bisect_left(past, value)
    if days < LEAST_DAYS:
        return Standing(value, days, below)
    low, high = quantile(past, TENTH), quantile(past, 1 - TENTH)
    return Standing(value, days, below, rank(value, past), low, high)


def rank(value: float, past: Sequence[float]) -> float | None:
    """As ``Standing.rank``."""
    if len(past) < LEAST_DAYS:
        return None
    return (bisect_left(past, value) + bisect_right(past, value)) / 2 / len(past)


def heat(values: Values, past: Mapping[Measure, Sequence[float]]) -> float | None:
    """0–100: the weighted mean of ranks. ``None`` while the rank of coin OI itself is not known.

    Never falls when a value of ``WEIGHTS`` rises.
    """
    weighed = total = 0.0
    for measure, weight in WEIGHTS.items():
        value = values.get(measure)
        told = rank(value, past[measure]) if value is not None else None
        if told is None:
            if measure is Measure.OI:
                return None
            continue
        weighed, total = weighed + weight * told, total + weight
    return 100 * weighed / total


def values_of(point: Point, totals: Totals | None, supply: float | None, now: Point) -> Values:
    """What is known of the moment of ``point``.

    Coins are what today's venues would have held, so that one which joined since changes nothing. ``supply``
    stands for moments whose own was not recorded.
    """
    coins = now.coins * math.exp(point.index - now.index)
    found: dict[Measure, float | None] = {Measure.OI: coins}
    circulating = (totals.supply if totals else None) or supply
    if circulating:
        found[Measure.OI_TO_CAP] = coins / circulating
    if totals is not None:
        found[Measure.FUNDING] = totals.funding
        found[Measure.OI_TO_VOLUME] = totals.oi_to_volume
        found[Measure.BASIS] = totals.basis
        found[Measure.ACCOUNTS] = totals.accounts
        found[Measure.INVERSE] = totals.inverse_share
        found[Measure.TOP] = totals.top_share
    return {measure: value for measure, value in found.items() if value is not None}


class Leverage(msgspec.Struct, frozen=True):
    """One coin's leverage now. ``heats`` are of earlier days, judged by the same days, oldest first.

    ``days`` is how many days of coin OI it is compared with; ``since`` the first of them.
    """

    standings: Mapping[Measure, Standing]
    heat: float | None
    heats: Sequence[tuple[date, float]]
    days: int
    since: date | None

    @property
    def missing(self) -> Sequence[Measure]:
        """What belongs in the heat and is not in it, the weightiest first."""
        return [m for m in WEIGHTS if m not in self.standings or self.standings[m].rank is None]

    @property
    def hotter_than(self) -> float | None:
        """The share of days that were less leveraged."""
        if self.heat is None or not self.heats:
            return None
        return sum(told < self.heat for _, told in self.heats) / len(self.heats)


class Past(msgspec.Struct, frozen=True):
    """Earlier days, judged by one another: the same until the next day. ``ordered`` is by size."""

    ordered: Mapping[Measure, Sequence[float]]
    heats: Sequence[tuple[date, float]]
    since: date | None


def judged(past: Mapping[date, Values]) -> Past:
    """``past`` holds the last values of each earlier day."""
    ordered = {
        measure: sorted(values[measure] for values in past.values() if measure in values)
        for measure in Measure
    }
    heats = [(day, told) for day in sorted(past) if (told := heat(past[day], ordered)) is not None]
    since = min((day for day, values in past.items() if Measure.OI in values), default=None)
    return Past({each: array("d", values) for each, values in ordered.items()}, heats, since)


def leverage(now: Values, past: Past, coins: float = 1.0) -> Leverage:
    """``now`` is counted as ``past`` is: in coins of which each is as much as so many ``coins`` of today."""
    standings = {}
    for measure, value in now.items():
        told = standing(value, past.ordered[measure])
        standings[measure] = told.times(coins) if measure in COUNTED else told
    return Leverage(standings, heat(now, past.ordered), past.heats, len(past.ordered[Measure.OI]), past.since)


def by_day(
    points: Sequence[Point], totals: Sequence[Totals], now: Point, supply: float | None
) -> dict[date, Values]:
    """The last values of each day before that of ``now``, as far as ``WINDOW`` reaches."""
    told = {one.at.date(): one for one in totals}
    first, today = (now.at - WINDOW).date(), now.at.date()
    return {
        point.at.date(): values_of(point, told.get(point.at.date()), supply, now)
        for point in points
        if first <= point.at.date() < today
    }


def usual_change(usual: Sequence[float], period: timedelta) -> float | None:
    """The fall of coin OI within ``period`` that one moment in ten exceeds; ``None`` where it is not known.

    ``usual`` is that of each horizon. Between two it is read off a straight line in logarithms; beyond
    them it grows as the square root of time, as of steps that do not know of each other.
    """
    if len(usual) != len(HORIZON_S) or min(usual) <= 0:
        return None
    span_s = period.total_seconds()
    if span_s <= HORIZON_S[0]:
        return usual[0] * math.sqrt(span_s / HORIZON_S[0])
    if span_s >= HORIZON_S[-1]:
        return usual[-1] * math.sqrt(span_s / HORIZON_S[-1])
    above = bisect_right(HORIZON_S, span_s)
    short, long = HORIZON_S[above - 1], HORIZON_S[above]
    share = math.log(span_s / short) / math.log(long / short)
    return usual[above - 1] * math.pow(usual[above] / usual[above - 1], share)


class Change(msgspec.Struct, frozen=True):
    """One coin's change of coin OI over a period; ``times`` its usual one, where that is known."""

    coins: float
    price_usd: float
    change: float
    times: float | None

    @property
    def usd(self) -> float:
        return self.coins * self.price_usd


def change_between(
    before: Point, now: Point, usual: Sequence[float], period: timedelta, *, coverage_floor: float
) -> Change | None:
    """``None`` where too little of the market was seen at an end, or there is no price."""
    if min(before.coverage, now.coverage) < coverage_floor or not now.price_usd:
        return None
    change = math.expm1(now.index - before.index)
    of = usual_change(usual, period)
    return Change(now.coins, now.price_usd, change, change / of if of else None)


def near(point: Point, at: datetime, tolerance: timedelta) -> bool:
    """Does it stand for the moment ``at``?"""
    return timedelta(0) <= at - point.at <= tolerance
