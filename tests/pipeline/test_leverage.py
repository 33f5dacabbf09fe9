"""The heat and what is normal: laws, and the worked example of docs/leverage.md."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.market import Point
from bot.domain.statistics import Totals
from bot.pipeline.horizons import HORIZON_S
from bot.pipeline.leverage import (
    LEAST_DAYS,
    WEIGHTS,
    Measure,
    Values,
    by_day,
    change_between,
    judged,
    leverage,
    standing,
    usual_change,
)

NOW = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
DAY = timedelta(days=1)
USUAL = (0.002, 0.004, 0.009, 0.02, 0.05)

measured = st.floats(-1e6, 1e6)
values = st.fixed_dictionaries(
    {Measure.OI: measured}, optional={m: measured for m in Measure if m is not Measure.OI}
)
pasts = st.lists(values, min_size=LEAST_DAYS, max_size=40).map(
    lambda days: {date(2025, 1, 1) + n * DAY: one for n, one in enumerate(days)}
)


def totals(at: datetime, **known: float) -> Totals:
    told = dict.fromkeys(("usd", "funding", "basis", "volume_usd", "oi_to_volume", "accounts"))
    told |= dict.fromkeys(("inverse_share", "top_share", "supply"))
    return Totals(at=at, coins=100.0, **(told | known))


@given(now=values, past=pasts, measure=st.sampled_from(list(WEIGHTS)), more=st.floats(0, 1e6))
def test_the_heat_never_falls_when_an_input_rises(
    now: dict[Measure, float], past: dict[date, Values], measure: Measure, more: float
) -> None:
    if measure not in now:
        return
    days = judged(past)
    before, after = leverage(now, days).heat, leverage(now | {measure: now[measure] + more}, days).heat
    assert before is not None
    assert after is not None
    assert after >= before - 1e-9


@given(now=values, past=pasts)
def test_the_heat_lies_between_0_and_100_and_is_the_same_again(
    now: dict[Measure, float], past: dict[date, Values]
) -> None:
    told = leverage(now, judged(past))
    assert told.heat is not None
    assert 0 <= told.heat <= 100
    backwards = dict(reversed(past.items()))
    assert leverage(now, judged(backwards)) == told


@given(now=values, past=pasts)
def test_a_normal_range_holds_most_days_and_its_ends_are_ordered(
    now: dict[Measure, float], past: dict[date, Values]
) -> None:
    for measure, one in leverage(now, judged(past)).standings.items():
        if one.low is None or one.high is None:
            continue
        assert one.low <= one.high
        told = [day[measure] for day in past.values() if measure in day]
        inside = sum(one.low - 1e-9 <= value <= one.high + 1e-9 for value in told)
        assert inside >= 0.8 * len(told) - 2


def test_a_rank_is_the_share_of_days_below_and_half_of_those_alike() -> None:
    past = [float(n) for n in range(1, 11)]
    assert standing(11.0, past).rank == 1.0
    assert standing(0.0, past).rank == 0.0
    assert standing(5.0, past).rank == 0.45
    assert (standing(5.0, past).above, standing(5.0, past).days) == (4, 10)


def test_nothing_is_normal_before_a_week() -> None:
    few = {date(2025, 1, 1) + n * DAY: {Measure.OI: float(n)} for n in range(LEAST_DAYS - 1)}
    told = leverage({Measure.OI: 3.0}, judged(few))
    assert (told.heat, told.hotter_than, told.days) == (None, None, LEAST_DAYS - 1)
    assert told.standings[Measure.OI].low is None
    assert list(told.missing) == list(WEIGHTS)


def test_the_worked_example_of_the_docs() -> None:
    past = {date(2025, 1, 1) + n * DAY: {Measure.OI: float(n), Measure.FUNDING: n / 1000} for n in range(100)}
    told = leverage({Measure.OI: 89.5, Measure.FUNDING: 0.0395}, judged(past))
    assert told.heat == pytest.approx(100 * (0.40 * 0.90 + 0.25 * 0.40) / 0.65)
    assert list(told.missing) == [Measure.OI_TO_CAP, Measure.OI_TO_VOLUME, Measure.BASIS]
    assert told.hotter_than == pytest.approx(0.71)


def test_earlier_days_are_told_in_the_coins_of_todays_venues() -> None:
    now = Point(NOW, 200.0, 1e5, 1.0, index=0.5)
    points = [
        Point(NOW - 400 * DAY, 1.0, 1e5, 1.0, 0.0),
        Point(NOW - DAY, 100.0, 1e5, 1.0, 0.5 + math.log(1.1)),  # a venue joined since
        now,
    ]
    past = by_day(points, [totals(NOW - DAY, funding=0.1)], now, supply=1000.0)
    assert past == {
        (NOW - DAY).date(): {
            Measure.OI: pytest.approx(220.0),
            Measure.OI_TO_CAP: pytest.approx(0.22),
            Measure.FUNDING: 0.1,
        }
    }
    own = by_day(points, [totals(NOW - DAY, supply=500.0)], now, supply=1000.0)
    assert own[(NOW - DAY).date()][Measure.OI_TO_CAP] == pytest.approx(0.44)


@given(st.floats(1, 90 * 86400), st.floats(1, 90 * 86400))
def test_a_longer_period_has_a_larger_usual_change(one_s: float, other_s: float) -> None:
    short, long = sorted((one_s, other_s))
    first, second = (usual_change(USUAL, timedelta(seconds=s)) for s in (short, long))
    assert first is not None
    assert second is not None
    assert first <= second + 1e-12


def test_the_usual_change_of_a_horizon_is_its_own() -> None:
    for seconds, usual in zip(HORIZON_S, USUAL, strict=True):
        assert usual_change(USUAL, timedelta(seconds=seconds)) == pytest.approx(usual)
    assert usual_change((), DAY) is None


def test_a_change_is_told_in_multiples_of_the_usual_one_where_both_ends_were_seen() -> None:
    before, now = Point(NOW - DAY, 100.0, 1.0, 0.9, 0.0), Point(NOW, 80.0, 2.0, 0.9, math.log(0.9))
    told = change_between(before, now, USUAL, DAY, coverage_floor=0.6)
    assert told is not None
    assert told.change == pytest.approx(-0.1)
    assert told.times == pytest.approx(-2.0)
    assert told.usd == 160.0
    assert change_between(before, now, USUAL, DAY, coverage_floor=0.95) is None
    unknown = change_between(before, now, (), DAY, coverage_floor=0.6)
    assert unknown is not None
    assert unknown.times is None
