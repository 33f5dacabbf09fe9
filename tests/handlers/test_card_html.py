from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cards import Button, Card, Line, Picture, Table, Tone
from bot.domain.posts import ChatMessage
from handlers import charts
from handlers.web.card_html import PICTURE, marked, message_html, unmarked
from tests.local import AT, chart

OURS = {"article", "p", "h2", "a", "span", "div", "strong", "code", "button", "time"}
OURS |= {"figure", "img", "table", "thead", "tbody", "tr", "th", "td"}
VOID = {"img"}


class Reader(HTMLParser):
    """The text of a fragment; fails on a tag or attribute we never write and on one left open."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []
        self.commands: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in OURS
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag == "button":
            self.commands.append(dict(attrs)["value"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**falls** of 19", "<strong>falls</strong> of 19"),
        ("`WASHOUT_TOKEN`", "<code>WASHOUT_TOKEN</code>"),
        (
            "Did you mean **BTC**? `/oi btc`",
            "Did you mean <strong>BTC</strong>? "
            '<button class="command" form="tap" name="text" value="/oi btc">/oi btc</button>',
        ),
        ("**bold with `code`**", "<strong>bold with <code>code</code></strong>"),
        ("−5.5 % in 1 h", '<span class="sum">−5.5 %</span> in <span class="sum">1 h</span>'),
        ("41,200 BTC closed", '<span class="sum">41,200 BTC</span> closed'),
        ("price −$3.4 B", 'price <span class="sum">−$3.4 B</span>'),
        ("2 * 3 ** 4 ` 5", "2 * 3 ** 4 ` 5"),
        ("<b> **c** <i>", "&lt;b&gt; <strong>c</strong> &lt;i&gt;"),
        ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
    ],
)
def test_the_two_marks_become_html(text: str, html: str) -> None:
    assert marked(text) == html


texts = st.text(alphabet=st.sampled_from(list("ab<>&\"'`*/$−1 \n")), max_size=20)


@given(texts)
def test_marked_text_loses_nothing_but_its_marks(text: str) -> None:
    assert read(marked(text)).text == unmarked(text)


@given(texts, texts, st.sampled_from(Tone))
def test_no_text_of_a_card_can_become_a_tag(one: str, other: str, tone: Tone) -> None:
    card = Card(
        title=one,
        tone=tone,
        banner=other,
        lines=(Line(one), Line(other)),
        table=Table((one, other), ((other, one),), (1,)),
        footer=other,
        buttons=(Button(one, other),),
        picture=Picture(chart(), one),
    )
    message = ChatMessage(number=1, who="bot", at=AT, card=card, reply_to=2)
    quoted = ChatMessage(number=2, who="you", at=AT, text=other)
    assert other in read(message_html(message, quoted)).commands


@given(st.text(max_size=20))
def test_what_a_person_types_is_shown_as_typed(text: str) -> None:
    html = message_html(ChatMessage(number=1, who="you", at=AT, text=text))
    assert read(html.replace("\r", "")).text.startswith(text.replace("\r", ""))


def test_a_message_says_when_it_was_revised() -> None:
    card = Card(title="BTC")
    first = message_html(ChatMessage(number=1, who="bot", at=AT, card=card))
    third = message_html(ChatMessage(number=1, who="bot", at=AT, card=card, revision=2))
    assert "revised" not in first
    assert read(third).text.endswith("revised 10 Oct 21:05 UTC · edit 2")


@pytest.mark.parametrize("tone", [tone for tone in Tone if tone is not Tone.ANSWER])
def test_every_tone_has_a_mark_with_a_word(tone: Tone) -> None:
    html = message_html(ChatMessage(number=1, who="bot", at=AT, card=Card(title="BTC", tone=tone)))
    assert f"tone-{tone}" in html
    assert f'role="img" aria-label="{tone}"' in html


def test_a_reply_to_something_no_longer_shown_still_reads() -> None:
    html = message_html(ChatMessage(number=9, who="bot", at=AT, card=Card(title="BTC"), reply_to=1))
    assert "follows an earlier message" in html


def test_a_page_leaves_room_for_pictures_as_they_are_made() -> None:
    assert PICTURE == (charts.WIDTH, charts.HEIGHT)


def test_a_table_sets_figures_flush_right() -> None:
    table = Table(("venue", "BTC"), (("Binance", "−13,900"),), right=(1,))
    html = message_html(ChatMessage(number=1, who="bot", at=AT, card=Card(title="OI", table=table)))
    assert '<th class="left" scope="row">Binance</th><td class="right">−13,900</td>' in html
