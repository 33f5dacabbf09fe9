from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cards import Button, Card, Line, Table, Tone
from handlers.telegram.presses import MOST_BYTES, Presses
from handlers.telegram.render import (
    CAPTION_UNITS,
    TEXT_UNITS,
    TOAST_UNITS,
    caption_html,
    message_html,
    rows_of,
    toast,
)
from tests.telegram.rules import parsed, units

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400)
MARKED = st.lists(st.sampled_from(["**", "`", "<b>", "&amp;", "𝄞", "word ", "−1.2 %", "\n"])).map("".join)
TEXTS = WORDS | MARKED
CARDS = st.builds(
    Card,
    title=st.builds("T{}".format, TEXTS),
    tone=st.sampled_from(Tone),
    lines=st.lists(st.builds(Line, TEXTS, st.integers(0, 9)), max_size=30).map(tuple),
    table=st.none()
    | st.builds(
        lambda rows: Table(("a", "b"), tuple(rows), (1,)), st.lists(st.tuples(TEXTS, TEXTS), max_size=60)
    ),
    footer=TEXTS | st.just(""),
    banner=TEXTS | st.just(""),
)


class Shown(HTMLParser):
    text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(html: str) -> str:
    parser = Shown()
    parser.feed(html)
    parser.close()
    return parser.text.strip()


@given(CARDS)
def test_any_card_is_html_that_telegram_takes_and_within_its_limits(card: Card) -> None:
    assert units(parsed(message_html(card), TEXT_UNITS, "")) > 0
    assert units(parsed(caption_html(card), CAPTION_UNITS, "caption ")) > 0
    assert units(toast(card)) <= TOAST_UNITS


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_title_first_line_and_footer_stay_and_the_lightest_lines_go_first(weights: list[int]) -> None:
    lines = tuple(Line(f"line-{place:02} " + "x" * 60, weight) for place, weight in enumerate(weights))
    text = shown(caption_html(Card(title="The title", lines=lines, footer="The footer")))
    assert text.startswith("The title\nline-00")
    assert text.endswith("The footer")
    kept = {place for place in range(len(lines)) if f"line-{place:02} {'x' * 60}" in text}
    lost = set(range(1, len(lines))) - kept
    assert all(lines[gone].weight <= lines[there].weight for gone in lost for there in kept - {0})


def test_a_card_that_fits_is_said_whole() -> None:
    card = Card(
        title="BTC long flush · W 3.6",
        tone=Tone.FLUSH,
        banner="Reconstruction",
        lines=(Line("**−41,200 BTC `/oi btc` closed** & more"), Line("`/venues` tells")),
        table=Table(("date", "W"), (("10 Oct", "4.7"), ("25 Sep", "12.8")), (1,)),
        footer="`/wave 1a` · rev 4",
    )
    assert message_html(card) == (
        "<i>Reconstruction</i>\n🔻 <b>BTC long flush · W 3.6</b>\n"
        "<b>−41,200 BTC </b><code>/oi btc</code><b> closed</b> &amp; more\n/venues tells\n"
        "<pre>date       W\n10 Oct   4.7\n25 Sep  12.8</pre>\n<code>/wave 1a</code> · rev 4"
    )


def test_a_table_too_long_says_how_many_rows_are_left_out() -> None:
    table = Table(("coin", "W"), tuple((f"COIN{number}", "1.0") for number in range(200)))
    text = shown(caption_html(Card(title="Past waves", table=table)))
    assert text.endswith("more")
    left_out = int(text.rsplit("\n", 1)[1].split()[1])
    assert text.count("COIN") == 200 - left_out


def test_a_letter_of_two_units_is_not_torn() -> None:
    text = shown(message_html(Card(title="𝄞" * 5000)))
    assert set(text) == {"𝄞", "…"}
    assert TEXT_UNITS - 1 <= units(text) <= TEXT_UNITS


@given(st.lists(st.builds(Button, st.text(max_size=40), TEXTS), max_size=120))
def test_buttons_stay_in_order_and_within_their_rows(buttons: list[Button]) -> None:
    rows = rows_of(buttons)
    assert [button for row in rows for button in row] == buttons[:100]
    assert all(1 <= len(row) <= 8 for row in rows)


@given(st.lists(st.tuples(st.integers(0, 10**12).map(str) | st.just(""), TEXTS), max_size=20))
def test_a_button_gives_back_its_words_and_whose_it_is(pressed: list[tuple[str, str]]) -> None:
    presses = Presses()
    for owner, command in pressed:
        data = presses.write(owner, "/" + command)
        assert len(data.encode()) <= MOST_BYTES
        assert presses.read(data) == (owner, "/" + command)


def test_a_long_command_is_forgotten_with_the_process() -> None:
    data = Presses().write("", "/subscribe " + "btc " * 30)
    assert Presses().read(data) == ("", None)
