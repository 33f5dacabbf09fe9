"""Where texts find their places."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from handlers.charts.fonts import width
from handlers.charts.sheet import (
    LEAST_TOGETHER,
    SMALL,
    Label,
    Part,
    Rect,
    Sheet,
    fitted,
    row,
    shortened,
    spread,
)

WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=60)
PANEL = Rect(0, 0, 800, 100)


@given(st.lists(st.floats(0, 400), min_size=1, max_size=12))
def test_labels_keep_their_order_their_distance_and_the_panel(wanted: list[float]) -> None:
    apart = 400 / 12
    found = spread(wanted, apart, 0, 400)
    by_height = sorted(range(len(wanted)), key=lambda place: wanted[place])
    ordered = [found[place] for place in by_height]
    assert all(later - earlier > apart - 1e-6 for earlier, later in pairwise(ordered))
    assert -1e-6 <= ordered[0] <= ordered[-1] <= 400 + 1e-6


@given(st.lists(st.floats(0, 400), min_size=1, max_size=5, unique=True))
def test_labels_with_room_stay_where_they_are_wanted(wanted: list[float]) -> None:
    gaps = [later - earlier for earlier, later in pairwise(sorted(wanted))]
    apart = min(gaps, default=1.0)
    assert spread(wanted, apart * 0.999, 0, 400) == wanted


@given(WORDS, st.floats(40, 700))
def test_what_does_not_fit_is_smaller_or_shorter(text: str, room: float) -> None:
    label = fitted(Label(0, 0, text, "#fff"), room)
    assert width(label.text, label.size) <= room + 1e-6
    assert label.text == text or label.text.endswith("…")
    assert shortened(text, SMALL, 10_000) == text


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_texts_in_a_line_do_not_cover_one_another_and_stay_on_the_sheet(texts: list[str]) -> None:
    sheet = Sheet()
    labels = row(sheet, 50, [Part(text, "#fff", lead=20) for text in texts], 780)
    for before, after in pairwise(labels):
        assert before.rect.right < after.rect.left
    if width("".join(texts), LEAST_TOGETHER) < 500:
        assert labels[-1].rect.right <= 780 + 1e-6


def test_of_the_places_for_a_number_one_that_covers_nothing_is_taken() -> None:
    sheet = Sheet()
    sheet.write(Label(100, 50, "415,000", "#fff"))
    places = [Label(x, 50, "336,000", "#fff") for x in (120, 300, 500)]
    assert sheet.place(places, PANEL, lines=[(330, 45)])
    assert 'x="500.0"' in sheet.parts[-1]
    assert not sheet.place([Label(110, 52, "taken", "#fff"), Label(790, 50, "outside", "#fff")], PANEL)
