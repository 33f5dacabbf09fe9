from __future__ import annotations

import math
from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.charts import MarketChart
from bot.domain.market import LiquidationSum, Point
from handlers.picture_words import said
from handlers.series import aligned, chart_of, period_finding, step_for, step_of
from tests.handlers.october import MINUTE, NOW, ONSET

STEP = timedelta(minutes=2)


def points(*minutes: int) -> list[Point]:
    return [
        Point(ONSET + timedelta(minutes=m), 1000.0 + m, 100.0, 0.97, math.log(1 + m / 1000)) for m in minutes
    ]


def made(*minutes: int, liquidations: list[LiquidationSum] | None = None) -> MarketChart:
    found = chart_of("BTC", "t", points(*minutes), liquidations or [], STEP, now=NOW, banner="Played.")
    assert found is not None
    return found


def test_ten_minutes_are_bridged_and_more_is_a_gap() -> None:
    assert made(0, 4, 14).coins == pytest.approx((1000, 1002, 1004, 1006, 1008, 1010, 1012, 1014))
    assert made(0, 4, 16).coins[3:8] == (None,) * 5


def test_a_venue_that_joins_makes_no_step_in_the_line() -> None:
    before, after = points(0)[0], points(2)[0]
    joined = [before, replace(after, coins=5000.0, index=before.index)]
    chart = chart_of("BTC", "t", joined, [], STEP, now=NOW)
    assert chart is not None
    assert chart.coins == pytest.approx((5000.0, 5000.0))
    assert "open interest 0.0 %" in period_finding("BTC", joined, STEP)


def test_liquidations_stand_in_their_step() -> None:
    told = [LiquidationSum(ONSET + STEP, 7.0, 3.0, 2)]
    assert made(0, 2, 4, liquidations=told).long_usd == (0.0, 7.0, 0.0)
    assert made(0, 2, 4).long_usd == ()


def test_one_point_is_no_picture() -> None:
    assert chart_of("BTC", "t", points(0), [], STEP, now=NOW) is None


def test_the_note_says_as_of_when_and_how_much_was_seen() -> None:
    assert made(0, 2).note == "As of 20:52 UTC, seen 97 % of usual open interest. Played."


@pytest.mark.parametrize(("seen_min", "words"), [(62, "1 h"), (58, "1 h"), (40, "40 min")])
def test_a_title_names_the_period_asked_for_unless_less_was_seen(seen_min: int, words: str) -> None:
    points = [Point(NOW - MINUTE * ago, 1000.0, 100.0, 1.0, 0.0) for ago in (seen_min, 0)]
    title = period_finding("BTC", points, 60 * MINUTE)
    assert title == f"BTC open interest 0.0 % in {words}, price 0.0 %"


def test_the_words_say_what_the_picture_shows() -> None:
    assert "from 1,000 BTC to 1,030 BTC, lowest 1,000 BTC, with gaps" in said(made(0, 4, 30))


@pytest.mark.parametrize(
    ("hours", "minutes"), [(1, 2), (6, 2), (24, 10), (24 * 7, 60), (24 * 365 * 5, 10080)]
)
def test_the_step_is_the_finest_that_fits_the_width(hours: int, minutes: int) -> None:
    assert step_for(timedelta(hours=hours)) == timedelta(minutes=minutes)


def test_snapshots_kept_rarely_give_a_coarser_step_and_not_a_row_of_gaps() -> None:
    assert step_of(points(0, 15, 30, 60), STEP) == timedelta(minutes=15)
    assert step_of(points(0, 1, 2, 40), STEP) == STEP


def test_steps_are_counted_from_the_epoch() -> None:
    assert aligned(ONSET + timedelta(seconds=119), STEP) == ONSET


def test_where_little_was_seen_is_told() -> None:
    told = points(*range(0, 20, 2))
    told[3:6] = [replace(each, coverage=0.7) for each in told[3:6]]
    chart = chart_of("BTC", "t", told, [], STEP, now=NOW)
    assert chart is not None
    assert chart.unseen == ((ONSET + 6 * MINUTE, ONSET + 12 * MINUTE),)
    assert "Part of the market was not seen" in said(chart)
