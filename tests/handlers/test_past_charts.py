"""What /oi, /resets, /after and /wave show beside their words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.charts import AfterChart, MarketChart, ResetsChart, VenuesChart
from bot.domain.waves import AFTER, Kind, Magnitude, Stage
from bot.pipeline.aftermath import Aftermath
from handlers.charts import svg
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.hindsight import Alike
from handlers.past_charts import after_chart, resets_chart
from handlers.picture_words import said
from tests.handlers.conftest import HERE
from tests.handlers.october import BANNER, BTC, ETH, NOW, ONSET, wave

ASK = Ask(HERE)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("/oi btc 24h", VenuesChart),
        ("/resets btc all", ResetsChart),
        ("/resets", ResetsChart),
        ("/after btc", AfterChart),
        ("/wave 1a", MarketChart),
    ],
)
async def test_answers_have_the_picture_that_shows_them(desk: Desk, line: str, kind: type) -> None:
    card = await answer(desk, ASK, line)
    assert card.picture is not None
    assert isinstance(card.picture.chart, kind)
    assert card.picture.alt.startswith(card.picture.chart.title)
    assert BANNER in card.picture.chart.note, "pictures travel without their card"


async def test_people_who_closed_by_choice_are_shown_only_when_asked_for(desk: Desk) -> None:
    kinds = {}
    for line in ("/resets btc", "/resets btc all"):
        picture = (await answer(desk, ASK, line)).picture
        assert picture is not None
        assert isinstance(picture.chart, ResetsChart)
        kinds[line] = {mark.kind for mark in picture.chart.waves}
    assert kinds == {"/resets btc": {Kind.FLUSH}, "/resets btc all": {Kind.FLUSH, Kind.UNWIND}}


def test_resets_of_all_coins_are_named_by_their_coin() -> None:
    waves = [
        wave(Stage.OVER),
        replace(wave(Stage.OVER), id="2", asset=ETH, magnitude=Magnitude(3.0, 2.9, 3.1)),
    ]
    chart = resets_chart(waves, None, NOW)
    assert chart is not None
    assert {mark.name for mark in chart.waves} == {"BTC", "ETH"}
    assert chart.since < min(mark.at for mark in chart.waves) < NOW < chart.until
    assert chart.title == "All coins: 2 resets since 10 Oct 2025, the rarest on 10 Oct 2025 (W 4.7)"
    assert "BTC 10 Oct −19.0 %" in svg(chart)


def test_one_reset_is_no_picture_of_many() -> None:
    assert resets_chart([wave(Stage.OVER)], BTC, NOW) is None


def alike(*after: Aftermath) -> Alike:
    moves = ((0.01, 0.02, 0.0, 0.03, 0.04, None), (-0.02, -0.01, 0.0, None, 0.05, 0.1))
    told = tuple(one for one in after if one.after in AFTER)
    return Alike(wave(Stage.OVER), 4.2, False, ONSET, after=told, course=after, moves=moves)


def test_what_followed_is_shown_at_the_times_that_are_known() -> None:
    hour = Aftermath(timedelta(hours=1), 2, -0.005, -0.02, 0.01)
    noon = Aftermath(timedelta(hours=12), 9, 0.001, -0.04, 0.02)
    day = Aftermath(DAY, 9, 0.021, -0.04, 0.095, 0.003, -0.01, 0.015)
    chart = after_chart(alike(hour, noon, day), NOW)
    assert chart is not None
    assert chart.hours == (0.0, 1.0, 12.0, 24.0)
    assert chart.paths == ((0.0, 0.01, 0.0, 0.03), (0.0, -0.02, 0.0, None))
    assert chart.median == (0.0, -0.005, 0.001, 0.021)
    assert chart.base == (0.0, None, None, 0.003)
    assert "After 9 long flushes of BTC: +2.1 % in 24 h at the median, a difference beyond chance" in said(
        chart
    )


def test_resets_that_overlap_are_one_in_words_and_on_the_picture() -> None:
    hour = Aftermath(timedelta(hours=1), 1, 0.011, 0.011, 0.011)
    later = Aftermath(timedelta(hours=4), 1, 0.014, 0.014, 0.014)
    chart = after_chart(alike(hour, later), NOW)
    assert chart is not None
    assert len(chart.paths) == 2
    assert said(chart) == (
        "After one reset of BTC (long flushes): +1.1 % in 1 h, no clear edge. "
        "Price since the end: +1.4 % after 4 h at the median"
    )
    drawn = svg(chart)
    assert "2 resets" not in drawn
    assert ">+4 h<" in drawn, "the last time that is shown is named"


def test_without_random_times_there_is_nothing_to_compare_with() -> None:
    chart = after_chart(alike(Aftermath(DAY, 2, 0.021, -0.04, 0.095)), NOW)
    assert chart is not None
    assert chart.base == chart.base_low == ()
    assert "no clear edge" in chart.title
    assert "grey" not in svg(chart)
    assert after_chart(alike(), NOW) is None
