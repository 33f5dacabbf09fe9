"""Every text that a person reads stands in the catalogue: shown by a language that nobody speaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from html import unescape
from urllib.parse import urlsplit

import pytest

from bot.domain.cards import Card
from bot.domain.charts import Chart
from bot.known import Event, published
from handlers.charts import svg
from handlers.desk import Desk
from handlers.speech import LANGUAGES, taught
from tests.handlers.every_card import every_card
from tests.handlers.pseudo import Pseudo


def words_of(text: str) -> set[str]:
    return set(text.split())


def said_by_others(event: Event) -> Iterator[str]:
    yield from (event.name, event.note, event.liquidated_of, event.coins_said_by)
    for fall in event.falls:
        yield from (fall.by, fall.scope, fall.span)
    for source in event.sources:
        yield (urlsplit(source).hostname or source).removeprefix("www.")


NAMES = words_of("""
    Binance Bybit OKX Deribit Hyperliquid Coinbase Derivatives Gate CME Washout Discord Telegram Berlin Tokyo
    Europe London America New York Asia Singapore News ana View Channel Send Messages Embed Links Attach Files
    English Español Türkçe local
""")
"""Names of venues, places and languages, and Discord's own words for permissions."""


CLDR = words_of("""
    min días día año años bill ene feb mar abr may jun jul ago sep sept oct nov dic
    lun mar mié jue vie sáb dom
""")
"""What Babel writes in Spanish."""
TYPED = words_of("tickers forced bot was kicked memory not kept washout pm id")
"""Sources of a venue, Telegram's own words, facts of the store, and what is typed."""
ECHOED = re.compile(r"`[^`]*`|\"[^\"]*\"|\*\*\w+/\w+\*\*|<[@#]&?\d+>|\[[^\]]*\]|<[^>]*>|https?://\S+")
"""Commands and their parameters, what somebody said, names of zones and mentions."""

QUOTED = sorted(
    {text for event in published(None, date(2019, 1, 1)) for text in said_by_others(event)},
    key=len,
    reverse=True,
)
"""Names and notes of published resets, as others gave them."""


@cache
def drawn(chart: Chart) -> list[str]:
    """The texts on a picture."""
    return [unescape(text) for text in re.findall(r">([^<>]+)<", svg(chart))]


def texts(card: Card) -> Iterator[str]:
    yield card.title
    yield card.footer
    yield card.banner
    yield from (line.text for line in card.lines)
    yield from (button.label for button in card.buttons)
    if card.table:
        yield from card.table.heads
        for row in card.table.rows:
            yield from row
    if card.picture:
        yield card.picture.alt
        yield from drawn(card.picture.chart)


def unmarked_words(text: str) -> list[str]:
    """Words of a text that did not come through the catalogue."""
    if text.startswith("/"):
        return []
    bare = ECHOED.sub(" ", text)
    for quoted in QUOTED:
        bare = bare.replace(quoted, " ")
    words = re.findall(r"[^\W\d_]+", bare)
    return [
        word
        for word in words
        if len(word) > 1 and word.isascii() and not word.isupper() and word not in NAMES | CLDR | TYPED
    ]


async def test_every_text_comes_from_the_catalogue(desk: Desk) -> None:
    outside: dict[str, str] = {}
    with taught("es", Pseudo()):
        async for name, card in every_card(desk, "es"):
            for text in texts(card):
                if found := unmarked_words(text):
                    outside.setdefault(text, f"{name}: {' '.join(found)}")
    told = "\n".join(f"{where} ← {text}" for text, where in outside.items())
    assert not told, f"outside of the catalogue:\n{told}"


async def test_marks_between_chinese_phrases_are_chinese(desk: Desk) -> None:
    half_width = re.compile(r"[\u4e00-\u9fff][,;:.] ?(?=[\w*`])")
    wrong: set[str] = set()
    async for name, card in every_card(desk, "zh"):
        wrong |= {f"{name} ← {text}" for text in texts(card) if half_width.search(text)}
    assert not wrong


@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_sentence_ends_in_two_stops(desk: Desk, language: str) -> None:
    twice = re.compile(r"(?<!\.)\.\.(?!\.)|。。|。\.|::|：：")
    wrong: set[str] = set()
    async for name, card in every_card(desk, language):
        wrong |= {f"{name} ← {text}" for text in texts(card) if twice.search(text)}
    assert not wrong
