from __future__ import annotations

import asyncio
import math
import os
import re
import signal
import struct
import xml.etree.ElementTree as ET
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

import handlers.charts
from benchmarks.picture import wave as busy_wave
from bot.domain.charts import MarketChart
from bot.domain.market import LiquidationSum, Point
from handlers.charts import HEIGHT, WIDTH, ZOOM, png, svg
from handlers.series import aligned, chart_of, period_finding, said, step_for, step_of
from handlers.studio import open_studio
from tests.handlers.october import MINUTE, NOW, ONSET

STEP = timedelta(minutes=2)
SVG = "{http://www.w3.org/2000/svg}"
LARGEST = 120_000


def chart(**changes: object) -> MarketChart:
    return replace(busy_wave(), **changes)


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - made here


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in parsed(picture).iter(f"{SVG}text")]


def lines(picture: str) -> list[str]:
    """Path data of the drawn lines: coin OI first."""
    found = parsed(picture).iter(f"{SVG}path")
    return [element.attrib["d"] for element in found if element.get("fill") == "none"]


def test_a_picture_states_its_finding_units_and_time() -> None:
    shown = texts(svg(chart()))
    assert "BTC long flush: 79,000 BTC of open" in shown[0]
    named = {"Open interest, BTC", "Price of one BTC, USD", "Liquidations per 1 min, USD:", "UTC"}
    assert named <= set(shown)
    assert any(text.startswith("As of 10 Oct 22:40 UTC") for text in shown)


def test_both_ends_of_the_wave_have_their_numbers() -> None:
    shown = texts(svg(chart()))
    wave = chart()
    assert wave.shade is not None
    last_before = wave.coins[wave.times.index(wave.shade[0]) - 1]
    last_within = wave.coins[wave.times.index(wave.shade[1])]
    assert {f"{round(value, -2):,.0f}" for value in (last_before, last_within) if value} <= set(shown)


@pytest.mark.parametrize("rises", [True, False])
def test_the_number_at_the_right_edge_stands_away_from_its_line(rises: bool) -> None:
    path = tuple(float(1000 + (i if rises else -i)) for i in range(160))
    picture = svg(chart(coins=path, price_usd=(None,) * 160, long_usd=(), short_usd=(), shade=None))
    label = next(e for e in parsed(picture).iter(f"{SVG}text") if e.text == f"{path[-1]:,.0f}")
    *_, last = re.findall(r"[ML ](-?[\d.]+) (-?[\d.]+)", lines(picture)[0])
    assert label.attrib["text-anchor"] == "end"
    assert (float(label.attrib["y"]) < float(last[1])) is rises


def test_a_gap_is_drawn_as_a_gap() -> None:
    whole = chart()
    gone = tuple(None if 20 <= i < 40 else value for i, value in enumerate(whole.coins))
    assert lines(svg(whole))[0].count("M") == 1
    assert lines(svg(chart(coins=gone)))[0].count("M") == 2


def test_a_point_alone_between_gaps_is_a_dot() -> None:
    alone = tuple(value if i in (0, 80, 159) else None for i, value in enumerate(chart().coins))
    assert lines(svg(chart(coins=alone)))[0].count("h0") == 3


def test_a_line_higher_up_is_a_larger_value() -> None:
    first, *_, last = re.findall(r"[ML ](-?[\d.]+) (-?[\d.]+)", lines(svg(chart()))[0])
    assert float(first[1]) < float(last[1])


def test_without_price_or_liquidations_their_panels_are_left_out() -> None:
    only_coins = svg(chart(price_usd=(None,) * 160, long_usd=(), short_usd=()))
    assert len(lines(only_coins)) == 1
    assert not any("Price" in text or "Liquidations" in text for text in texts(only_coins))


@pytest.mark.parametrize("coins", [(None,) * 160, (5.0,) * 160, (0.0,) * 160, (None,) * 159 + (1.0,)])
def test_a_flat_or_empty_series_is_still_a_picture(coins: tuple[float | None, ...]) -> None:
    assert png(chart(coins=coins)).startswith(b"\x89PNG")


def test_nothing_recorded_is_said() -> None:
    assert "Nothing was recorded in this time" in texts(svg(chart(coins=(None,) * 160)))


@pytest.mark.parametrize("title", ['<script>alert(1)</script> & "x"', "\x00\x1b[31m\ud800", "W" * 300, ""])
def test_whatever_the_title_is_the_picture_is_well_formed(title: str) -> None:
    picture = svg(chart(title=title, asset=title[:40]))
    assert "<script" not in picture
    assert parsed(picture).tag == f"{SVG}svg"
    assert png(chart(title=title)).startswith(b"\x89PNG")


def test_every_text_lies_within_the_picture() -> None:
    for element in parsed(svg(chart(note="a " * 200))).iter(f"{SVG}text"):
        assert 0 <= float(element.attrib["x"]) <= WIDTH
        assert 0 <= float(element.attrib["y"]) <= HEIGHT


def test_a_png_has_its_size_in_pixels_and_is_small() -> None:
    data = png(chart())
    assert struct.unpack(">II", data[16:24]) == (round(WIDTH * ZOOM), round(HEIGHT * ZOOM))
    assert len(data) <= LARGEST


def test_the_same_chart_is_the_same_picture() -> None:
    assert svg(chart()) == svg(chart())
    assert png(chart()) == png(chart())


def test_the_bundled_fonts_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts = [Path(font) for font in handlers.charts._FONTS]
    assert all(font.is_file() for font in fonts)
    assert sum(font.stat().st_size for font in fonts) < 150_000
    drawn = png(chart())
    monkeypatch.setattr(handlers.charts, "_FONTS", [])
    assert png(chart()) != drawn, "text is drawn with the bundled fonts only"


# --- from a series ---------------------------------------------------------------------------------


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


# --- in a process of its own -----------------------------------------------------------------------


async def test_the_studio_draws_the_same_picture_and_leaves_nobody_behind() -> None:
    async with open_studio() as draw:
        assert await draw(chart()) == png(chart())
        (worker,) = workers()
    assert worker not in workers()


async def test_a_studio_whose_process_was_killed_draws_again() -> None:
    async with open_studio() as draw:
        first = await draw(chart())
        (worker,) = workers()
        os.kill(worker, signal.SIGKILL)
        again = await asyncio.gather(draw(chart()), draw(chart()))
        assert set(again) == {first}


def workers() -> list[int]:
    """Processes started by this one that draw."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat, line = (entry / "stat").read_text(), (entry / "cmdline").read_text()
        except OSError:  # it ended meanwhile
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        if parent == os.getpid() and "spawn_main" in line and ") Z" not in stat:
            found.append(int(entry.name))
    return found
