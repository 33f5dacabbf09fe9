from __future__ import annotations

import math
from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.charts import MarketChart
from bot.domain.market import Group, LiquidationSum, Point, Venue
from bot.domain.waves import Stage, VenueChange
from handlers.charts import svg
from handlers.picture_words import said
from handlers.series import aligned, chart_of, of_wave, period_finding, step_for, step_of
from tests.handlers.october import MINUTE, NOW, ONSET, wave

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


def test_a_waves_picture_tells_the_figures_of_its_card() -> None:
    """Though the nearest steps of the picture hold others."""
    fallen = replace(points(2)[0], index=math.log(0.8105), price_usd=87.75)
    told = [replace(points(0)[0], index=0.0), fallen, replace(fallen, at=ONSET + 2 * STEP)]
    chart = chart_of(
        "BTC", "t", told, [LiquidationSum(ONSET + STEP, 9.0, 3.0, 2)], STEP, now=NOW, low_at=ONSET + STEP
    )
    assert chart is not None
    shade = (ONSET + STEP, ONSET + 2 * STEP)
    before, low = 1002.0 / 0.8105, 1002.0
    over = replace(
        wave(Stage.OVER, liquidated_long_usd=7e6, liquidated_short_usd=1e6),
        venues=(VenueChange(Venue("okx"), Group.OFFSHORE, before * 1.001, low * 0.999),),
        price_before_usd=100.1,
        price_now_usd=87.7,
    )
    shown = of_wave(replace(chart, shade=shade), over)
    drawn = svg(shown)
    assert all(f">{figure}<" in drawn for figure in ("1,238", "1,001", "$100.10", "$87.70"))
    assert "Coin open interest 1,238 before and 1,001 BTC at the low, price $100.10 and $87.70" in said(shown)
    assert "Liquidated: $7.0 M longs, $1.0 M shorts" in said(shown)


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
