"""Any card, within Discord's limits."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cards import Button, Card, Line, Picture, Table, Tone
from bot.domain.charts import MarketChart
from handlers.discord_face.render import COLOURS, PICTURE, code_block, escaped, fitted, render, units, written
from handlers.discord_face.render import spans as spans_of
from handlers.discord_face.slash import matching
from handlers.discord_face.views import FORMS, controls, said, view
from tests.discord_face.limits import embed_size, faults, is_empty

AT = datetime(2025, 10, 10, tzinfo=UTC)
TEXT = st.text(max_size=400) | st.text(alphabet="*`\\_<@&#>1234567890 []()-.~|\n🔻", max_size=200)
LONG = TEXT | st.builds(lambda text, times: text * times, TEXT, st.integers(1, 40))
LINES = st.lists(st.builds(Line, LONG, st.integers(0, 9)), max_size=12).map(tuple)
ROWS = st.lists(st.lists(TEXT, max_size=5).map(tuple), max_size=30).map(tuple)
CARDS = st.builds(
    Card,
    title=LONG,
    tone=st.sampled_from(Tone),
    lines=LINES,
    table=st.none() | st.builds(Table, st.lists(TEXT, max_size=5).map(tuple), ROWS, st.just((1, 2))),
    footer=LONG,
    banner=LONG,
    buttons=st.lists(st.builds(Button, TEXT, TEXT), max_size=30).map(tuple),
    picture=st.none() | st.builds(Picture, st.just(MarketChart("t", "BTC", (AT,), (1.0,), (1.0,))), LONG),
    pings=st.lists(st.integers(1, 2**63).map(str) | TEXT, max_size=80).map(tuple),
)


def payload(card: Card) -> dict[str, Any]:
    rendered = render(card)
    files = [{"id": 0, "filename": PICTURE, "description": rendered.alt}] if card.picture else []
    return {"content": rendered.content, "embeds": [rendered.embed.to_dict()], "attachments": files}


@given(CARDS)
def test_every_card_is_accepted(card: Card) -> None:
    message = payload(card)
    assert not faults(message)
    assert not is_empty(message)


@given(CARDS, st.booleans())
async def test_every_set_of_buttons_is_accepted(card: Card, settings: bool) -> None:
    under = controls(card, settings=settings, roles=True)
    shown = view(under)
    assert not faults({"components": shown.to_components() if shown else []})
    known = {*under.buttons, *under.choices, *under.crowded}
    assert {button.command for button in card.buttons} <= {button.command for button in known}


@given(TEXT)
def test_what_is_escaped_reads_as_it_was_written(text: str) -> None:
    shown = escaped(text)
    assert not re.search(r"(?<!\\)(\\\\)*([*_`@\[\]]|~~|\|\|)", shown), "nothing is left that means something"
    assert not re.search(r"<@!?\d", shown)
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**BTC** fell", "**BTC** fell"),
        ("`/wave 1a` · rev", "`/wave 1a` · rev"),
        ("**a `b` c**", "**a `b` c**"),
        ("**never closed", "never closed"),
        ("a_b*c", r"a\_b\*c"),
        ("@everyone <@12> <@&34> <#56>", r"\@everyone \<\@12> <@&34> <#56>"),
        ("[click](https://evil.example)", r"\[click\](https://evil.example)"),
        ("# not a heading", r"\# not a heading"),
        ("- no list", r"\- no list"),
        ("1. no list", r"1\. no list"),
        ("> no quote", r"\> no quote"),
        ("-# no small print", r"\-# no small print"),
        ("~~no~~ ||no||", r"\~~no\~~ \||no\||"),
        ("fell (−19.0 %), ~1 a week", "fell (−19.0 %), ~1 a week"),
        ("-9.9 % and 1.5", "-9.9 % and 1.5"),
        ("\u202eevil\u200b", "evil"),
    ],
)
def test_a_text_in_discords_markdown(text: str, shown: str) -> None:
    assert written(spans_of(text)) == shown


def test_the_least_important_lines_are_shortened_first() -> None:
    lines = [Line("a" * 50, 9), Line("**" + "b" * 50 + "**", 1), Line("c" * 50, 5)]
    assert fitted(lines, 200) == ["a" * 50, "**" + "b" * 50 + "**", "c" * 50]
    assert fitted(lines, 140) == ["a" * 50, "**" + "b" * 32 + "**…", "c" * 50]
    assert fitted(lines, 110) == ["a" * 50, "c" * 50]


def test_a_table_counts_the_rows_that_do_not_fit() -> None:
    table = Table(("date", "W"), tuple((f"{n} Oct", "4.7") for n in range(1, 40)), right=(1,))
    block = code_block(table, 120)
    assert units(block) <= 120
    assert block.startswith("```\ndate      W\n1 Oct   4.7\n")
    assert re.search(r"… \d+ more\n```$", block)


def test_a_card_too_long_keeps_what_matters() -> None:
    lines = (Line("**headline**", 9), *(Line("word " * 300, 3) for _ in range(10)))
    rows = tuple((str(n), "x" * 20) for n in range(200))
    card = Card(title="t", lines=lines, table=Table(("n", "x"), rows), footer="f " * 2000)
    embed = render(card).embed.to_dict()
    assert embed_size(embed) <= 6000
    assert embed["description"].startswith("**headline**")
    assert "… " in embed["description"]


def test_every_tone_has_a_colour() -> None:
    assert set(COLOURS) == set(Tone)


def test_a_form_says_its_command() -> None:
    written_in = [
        {"type": 18, "component": {"type": 4, "custom_id": "begin", "value": " 23:00 "}},
        {"type": 1, "components": [{"type": 4, "custom_id": "end", "value": "07:00"}]},
    ]
    assert said({"custom_id": "form:/quiet", "components": written_in}) == "/quiet 23:00-07:00"
    assert said({"custom_id": "form:/nothing", "components": []}) == ""
    assert all(form.says.startswith(command) for command, form in FORMS.items())


@given(st.text(max_size=200), st.lists(st.tuples(st.text(max_size=200), st.text(max_size=200)), max_size=60))
def test_suggestions_keep_their_limits(typed: str, among: list[tuple[str, str]]) -> None:
    found = matching(typed, among)
    assert len(found) <= 25
    assert set(found) <= set(among)
    assert all(len(value) <= 100 for _, value in found)
