"""Pictures as they are drawn: read back from the SVG, measured with the fonts they are set in."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations, pairwise
from math import hypot

import pytest
from msgspec.structs import replace

from benchmarks._gallery import STEPS, gallery, walk, wave, week
from benchmarks._gallery import venues as venues_chart
from bot.domain.charts import MarketChart
from handlers.charts import HEIGHT, WIDTH, ZOOM, drawn_once, fonts, market, png, rendered, svg, venues
from handlers.charts.plot import NEAR
from handlers.charts.sheet import PANEL, Label, Rect, Sheet, balanced, finished
from handlers.speech import LANGUAGES

SVG = "{http://www.w3.org/2000/svg}"
LARGEST = 120_000
GALLERY = gallery()
PLAIN = replace(wave(), price_usd=(None,) * STEPS, long_usd=(), short_usd=(), shade=None)


def chart(**changes: object) -> MarketChart:
    return replace(wave(), **changes)


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - made here


def labels(picture: str) -> Iterator[Label]:
    for element in parsed(picture).iter(f"{SVG}text"):
        has = element.attrib
        size, bold = float(has.get("font-size", "22")), has.get("font-weight") == "bold"
        place, anchor = (float(has["x"]), float(has["y"])), has.get("text-anchor", "start")
        yield Label(*place, "".join(element.itertext()), has["fill"], size, anchor, bold)


def texts(picture: str) -> list[str]:
    return [label.text for label in labels(picture)]


def drawn_lines(picture: str) -> list[str]:
    """Path data of the drawn lines: coin OI first."""
    found = parsed(picture).iter(f"{SVG}path")
    return [element.attrib["d"] for element in found if element.get("fill") == "none"]


def of_class(picture: str, name: str) -> list[ET.Element]:
    return [element for element in parsed(picture).iter() if element.get("class") == name]


def corners(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML ](-?[\d.]+) (-?[\d.]+)", path)]


# --- every picture ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", GALLERY)
def test_texts_are_whole_in_every_language(name: str, language: str) -> None:
    """None leaves the picture, none covers another, and the bundled fonts have every sign of them."""
    found = list(labels(svg(replace(GALLERY[name], language=language))))
    assert found
    for label in found:
        left, top, right, bottom = label.rect
        assert left >= 0, label
        assert top >= 0, label
        assert right <= WIDTH, label
        assert bottom <= HEIGHT, label
        assert not fonts.lacks(label.text), f"{label}: `make fonts` cuts them anew"
    for one, other in combinations(found, 2):
        assert not _shrunk(one.rect).meets(_shrunk(other.rect)), (one, other)


def _shrunk(rect: Rect) -> Rect:
    """Without the room that only accents and tails take: lines of a text may come so near."""
    return Rect(rect.left + 1, rect.top + 3, rect.right - 1, rect.bottom - 3)


@pytest.mark.parametrize("name", GALLERY)
def test_texts_are_large_enough_for_a_phone(name: str) -> None:
    """At 360 points across, 16 units are seven points; only what would not fit otherwise is as small."""
    sizes = [label.size for label in labels(svg(GALLERY[name]))]
    assert min(sizes) >= 14
    assert sum(size >= 18 for size in sizes) >= 0.9 * len(sizes) or name == "venues"


@pytest.mark.parametrize("name", GALLERY)
def test_every_picture_has_its_size_and_stays_small(name: str) -> None:
    data = png(GALLERY[name])
    assert struct.unpack(">II", data[16:24]) == (round(WIDTH * ZOOM), round(HEIGHT * ZOOM))
    assert len(data) <= LARGEST


@pytest.mark.parametrize("name", GALLERY)
def test_the_same_chart_is_the_same_picture(name: str) -> None:
    again = gallery()[name]
    assert hash(again) == hash(GALLERY[name])
    assert svg(again) == svg(GALLERY[name])
    assert drawn_once(again) is drawn_once(GALLERY[name])


def test_the_same_in_another_language_is_another_picture() -> None:
    assert len({chart(language=language) for language in LANGUAGES}) == len(LANGUAGES)


@pytest.mark.parametrize("title", ['<script>alert(1)</script> & "x"', "\x00\x1b[31m\ud800", "W" * 300, ""])
@pytest.mark.parametrize("name", GALLERY)
def test_whatever_the_title_is_the_picture_is_well_formed(name: str, title: str) -> None:
    picture = svg(replace(GALLERY[name], title=title, note=title))
    assert "<script" not in picture
    assert parsed(picture).tag == f"{SVG}svg"


@pytest.mark.parametrize("title", ["\x00\x1b[31m\ud800", "W" * 300, ""])
def test_whatever_the_title_is_there_is_a_png(title: str) -> None:
    assert png(chart(title=title, asset=title[:40])).startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["多头", "Лонги", "BTC"])
def test_bold_is_bold_in_every_script(text: str) -> None:
    def inked(*, bold: bool) -> bytes:
        sheet = Sheet()
        sheet.write(Label(20, 100, text, "white", 60, bold=bold))
        return rendered(finished(sheet, text))

    assert inked(bold=True) != inked(bold=False)


def test_the_background_is_the_pictures_own() -> None:
    for each in GALLERY.values():
        ground = next(parsed(svg(each)).iter(f"{SVG}rect"))
        assert (ground.attrib["width"], ground.attrib["height"], ground.attrib["fill"]) == (
            str(WIDTH),
            str(HEIGHT),
            PANEL,
        )


@pytest.mark.parametrize(
    "title",
    [
        "BTC open interest −19.0 % in 24 h: Binance −19.2 %, Bybit −23.0 %",
        "SOL open interest −6.2 % in 7 days, price over all of it +3.1 %",
        "比特币多头清算。" * 5,
    ],
)
def test_titles_are_broken_between_words_and_never_before_a_unit(title: str) -> None:
    first, second = balanced(title, 30)
    assert not second.startswith((":", "%", "h", "。"))
    assert (first + second).replace(" ", "") == title.replace(" ", "")


# --- a market --------------------------------------------------------------------------------------


def test_a_picture_states_its_finding_units_and_time() -> None:
    shown = texts(svg(chart()))
    assert "BTC long flush: 79,000 BTC of open" in shown[0]
    named = {"Open interest, BTC", "Price of one BTC, USD", "Liquidations per 1 min, USD", "UTC"}
    assert named <= set(shown)
    assert any(text.startswith("As of 10 Oct 22:40 UTC") for text in shown)


def test_the_wave_is_shaded_from_onset_to_over() -> None:
    (shade,) = of_class(svg(chart()), "wave")
    line = corners(drawn_lines(svg(chart()))[0])
    left, wide = float(shade.attrib["x"]), float(shade.attrib["width"])
    assert left == pytest.approx(line[50][0], abs=0.11)
    assert left + wide == pytest.approx(line[91][0], abs=0.21)
    assert not of_class(svg(chart(shade=None)), "wave")


def test_the_wave_has_its_number_before_and_at_its_low() -> None:
    known = [value or 0.0 for value in chart().coins]
    assert {f"{round(value, -2):,.0f}" for value in (known[49], min(known[:92]))} <= set(texts(svg(chart())))


def test_the_low_is_marked_where_the_wave_says_it_was() -> None:
    low_at = chart().times[85]
    hollow = [c for c in parsed(svg(chart(low_at=low_at))).iter(f"{SVG}circle") if c.get("fill") == PANEL]
    line = corners(drawn_lines(svg(chart()))[0])
    assert float(hollow[0].attrib["cx"]) == pytest.approx(line[85][0], abs=0.11)


@pytest.mark.parametrize("rises", [True, False])
def test_a_number_does_not_stand_on_its_line(rises: bool) -> None:
    path = tuple(float(1000 + (i if rises else -i)) for i in range(STEPS))
    picture = svg(replace(PLAIN, coins=path))
    line = corners(drawn_lines(picture)[0])
    for label in labels(picture):
        if label.text in {f"{path[0]:,.0f}", f"{path[-1]:,.0f}"} and label.bold:
            left, top, right, bottom = label.rect
            assert not any(left <= x <= right and top <= y <= bottom for x, y in line)


def test_a_number_is_near_its_point_or_tied_to_it() -> None:
    """Where a line leaves no room near a point, a stroke leads to its number."""
    ties = 0
    for seed in range(12):
        wild = tuple(v * w for v, w in zip(PLAIN.coins, walk(seed, STEPS, 1.0, 0.02), strict=True) if v)
        picture = svg(replace(wave(), coins=wild, price_usd=(None,) * STEPS))
        bold = [label for label in labels(picture) if label.bold]
        numbers = [label.rect for label in bold if re.fullmatch(r"[\d,]+", label.text)]
        points = [
            (float(e.attrib["cx"]), float(e.attrib["cy"])) for e in parsed(picture).iter(f"{SVG}circle")
        ]
        assert len(numbers) == len(points) > 1
        far = [min(_apart(point, rect) for point in points) > NEAR for rect in numbers]
        assert sum(far) <= len(of_class(picture, "tie"))
        ties += sum(far)
    assert ties, "no line of these is so wild"


def _apart(point: tuple[float, float], rect: Rect) -> float:
    (x, y), (left, top, right, bottom) = point, rect
    return hypot(max(left - x, 0.0, x - right), max(top - y, 0.0, y - bottom))


def test_a_gap_is_drawn_as_a_gap_and_said() -> None:
    gone = tuple(None if 20 <= i < 60 else value for i, value in enumerate(PLAIN.coins))
    assert drawn_lines(svg(PLAIN))[0].count("M") == 1
    picture = svg(replace(PLAIN, coins=gone))
    assert drawn_lines(picture)[0].count("M") == 2
    assert "no data" in texts(picture)
    assert "no data" not in texts(svg(PLAIN))


def test_a_point_alone_between_gaps_is_a_dot() -> None:
    alone = tuple(value if i in (0, 80, 159) else None for i, value in enumerate(chart().coins))
    assert drawn_lines(svg(chart(coins=alone)))[0].count("h0") == 3


def test_where_little_was_seen_is_hatched_and_said() -> None:
    plain, marked = svg(replace(week(), unseen=())), svg(week())
    assert len(of_class(marked, "hatch")) > len(of_class(plain, "hatch"))
    assert "partly unseen" in texts(marked)


def test_a_line_higher_up_is_a_larger_value() -> None:
    line = corners(drawn_lines(svg(chart()))[0])
    assert line[0][1] < line[-1][1]


@pytest.mark.parametrize("left_out", ["coins", "price_usd", "liquidations"])
def test_what_is_not_known_has_no_panel(left_out: str) -> None:
    gone: dict[str, object] = {left_out: (None,) * STEPS}
    if left_out == "liquidations":
        gone = {"long_usd": (), "short_usd": ()}
    shown = " ".join(texts(svg(chart(**gone))))
    heads = {"coins": "Open interest, BTC", "price_usd": "Price of one", "liquidations": "Liquidations"}
    assert [head in shown for head in heads.values()] == [name != left_out for name in heads]


@pytest.mark.parametrize("coins", [(None,) * 160, (5.0,) * 160, (0.0,) * 160, (None,) * 159 + (1.0,)])
def test_a_flat_or_empty_series_is_still_a_picture(coins: tuple[float | None, ...]) -> None:
    assert png(chart(coins=coins, price_usd=(None,) * 160)).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["nothing", "no_resets"])
def test_nothing_recorded_is_said(name: str) -> None:
    assert "Nothing was recorded in this time" in texts(svg(GALLERY[name]))


def test_long_and_short_liquidations_go_apart() -> None:
    picture = svg(chart())
    bars = {
        element.attrib["fill"]: element.attrib["d"]
        for element in parsed(picture).iter(f"{SVG}path")
        if element.get("fill") in (market.LONGS, market.SHORTS)
    }
    assert "v-" not in bars[market.LONGS]
    assert "v-" in bars[market.SHORTS]


# --- venues and the other kinds --------------------------------------------------------------------


def test_layers_are_as_high_as_what_venues_hold_and_lie_on_one_another() -> None:
    shown = venues_chart()
    layers = [corners(element.attrib["d"]) for element in of_class(svg(shown), "venue")]
    assert len(layers) == len(shown.venues)
    for layer, above in pairwise(layers):
        assert layer[:STEPS] == list(reversed(above[STEPS:])), "the next begins where this one ends"
    heights = [layer[-1][1] - layer[0][1] for layer in layers]
    held = [venue.coins[0] or 0.0 for venue in shown.venues]
    assert [h / sum(heights) for h in heights] == pytest.approx([c / sum(held) for c in held], abs=0.002)


def test_institutions_lie_above_the_crypto_native_ones_and_are_hatched() -> None:
    shown = venues_chart()
    turned = replace(shown, venues=tuple(reversed(shown.venues)))
    fills = [element.attrib["fill"] for element in of_class(svg(turned), "venue")]
    natives = sum(venue.native for venue in shown.venues)
    assert set(fills[:natives]) <= set(venues.NATIVE)
    assert set(fills[natives:]) <= set(venues.INSTITUTIONAL)
    inks = [element.attrib["stroke"] for element in of_class(svg(turned), "hatch")]
    assert inks.count(PANEL) == len(shown.venues) - natives + 1, "and the sign that explains it"


def test_a_stale_venue_is_marked() -> None:
    shown = venues_chart()
    fresh = replace(shown, venues=tuple(replace(venue, stale=()) for venue in shown.venues))
    assert "stale: last known" in texts(svg(shown))
    assert "stale: last known" not in texts(svg(fresh))
    assert len(of_class(svg(shown), "hatch")) == len(of_class(svg(fresh), "hatch")) + 2


def test_what_venues_hold_has_a_gap_where_nothing_was_recorded() -> None:
    (layer,) = of_class(svg(GALLERY["one_venue"]), "venue")
    assert layer.attrib["d"].count("M") == 2


def test_lines_carry_their_names_and_newest_values() -> None:
    shown = " ".join(texts(svg(GALLERY["compare"])))
    assert all(name in shown for name in ("BTC 1", "ETH ", "SOL ", "1000CHEEMS ", "HYPE ", "XRP "))


def test_the_normal_range_lies_where_its_values_are() -> None:
    (band,) = of_class(svg(GALLERY["leverage"]), "normal")
    line = corners(drawn_lines(svg(GALLERY["leverage"]))[0])
    values = [v for v in GALLERY["leverage"].lines[0].values if v is not None]  # type: ignore[union-attr]
    top, high = float(band.attrib["y"]), float(band.attrib["height"])
    inside = [top <= y <= top + high for _x, y in line]
    assert inside == [25 <= value <= 75 for value in values]


def test_bars_of_losses_and_gains_stand_on_both_sides_and_unknown_is_said() -> None:
    shown = list(labels(svg(GALLERY["funding_now"])))
    assert "unknown" in {label.text for label in shown}
    assert {label.anchor for label in shown if label.text in {"−3.8 %", "+11.0 %"}} == {"start", "end"}


def test_the_largest_resets_are_named_and_every_one_is_there() -> None:
    shown = svg(GALLERY["resets"])
    assert len(of_class(shown, "wave")) == 61
    assert any("−19.0 %" in text for text in texts(shown))


def test_what_followed_is_a_path_each_a_median_and_what_random_hours_did() -> None:
    shown = svg(GALLERY["after"])
    assert [len(of_class(shown, name)) for name in ("path", "median", "base")] == [14, 1, 1]
