"""Every kind of card in every language, and in one longer than all, within what each platform takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from html import unescape
from re import sub

import discord
import pytest

from bot.domain.cards import Card
from handlers.commands import COMMANDS
from handlers.desk import Desk
from handlers.discord_face.render import MOST_CONTENT, MOST_TITLE, render, units
from handlers.discord_face.slash import slash_command
from handlers.discord_face.views import FORMS, controls, form, of_settings, view
from handlers.speech import LANGUAGES, speaking, taught
from handlers.telegram.menus import menu
from handlers.telegram.presses import MOST_BYTES, Presses
from handlers.telegram.render import CAPTION_UNITS, TEXT_UNITS, TOAST_UNITS, caption_html, message_html, toast
from handlers.titles import TABLE_WIDTH, width
from tests.discord_face.limits import faults
from tests.handlers.every_card import every_card
from tests.handlers.pseudo import Pseudo

LONG = "a longer one"
SPOKEN = [*LANGUAGES, LONG]
MOST_LABEL = 64
"""Telegram names no limit; a longer one is cut on every phone. Discord takes 80."""


def speaker(language: str) -> tuple[str, AbstractContextManager[None]]:
    """The language to ask for; ``LONG`` is one whose texts are 40 % longer than English."""
    return ("es", taught("es", Pseudo())) if language == LONG else (language, nullcontext())


def shown(html: str) -> str:
    return unescape(sub(r"<[^>]*>", "", html))


@pytest.mark.parametrize("language", SPOKEN)
async def test_every_card_is_within_every_platforms_limits(desk: Desk, language: str) -> None:
    code, teaching = speaker(language)
    presses, wrong = Presses(), list[str]()
    with teaching:
        async for name, card in every_card(desk, code):
            faulty = (*_on_telegram(card, presses), *_on_discord(card), *_on_a_phone(card, language))
            wrong += [f"{name}: {fault}" for fault in faulty]
    assert not wrong


def _on_telegram(card: Card, presses: Presses) -> Iterator[str]:
    if units(shown(message_html(card))) > TEXT_UNITS:
        yield "a message is too long"
    if units(shown(caption_html(card))) > CAPTION_UNITS:
        yield "a caption is too long"
    if card.title.replace("**", "").replace("`", "") not in shown(caption_html(card)):
        yield f"the title is cut: {card.title}"
    if units(toast(card)) > TOAST_UNITS:
        yield "a toast is too long"
    yield from (f"a label is too long: {b.label}" for b in card.buttons if units(b.label) > MOST_LABEL)
    keyboard = presses.keyboard(card, "1234567890123")
    for row in keyboard.inline_keyboard if keyboard else ():
        for button in row:
            if len(str(button.callback_data).encode()) > MOST_BYTES:
                yield f"too much behind {button.text}"


def _on_a_phone(card: Card, language: str) -> Iterator[str]:
    if card.table is None or language == LONG:
        return
    rows = [card.table.heads, *card.table.rows]
    columns = [max(map(width, column)) for column in zip(*rows, strict=True)]
    if sum(columns) + 2 * (len(columns) - 1) > TABLE_WIDTH:
        yield f"the table is too wide: {columns} {card.table.heads}"


def _on_discord(card: Card) -> Iterator[str]:
    rendered = render(card)
    under = view(controls(card, settings=of_settings(card), roles=True))
    embed = rendered.embed.to_dict()
    embed.pop("image", None)
    message = {"content": rendered.content, "embeds": [embed]}
    if under is not None:
        message["components"] = under.to_components()
    if found := faults(message):
        yield str(found)
    if units(card.title) > MOST_TITLE - 4 or len(rendered.content) > MOST_CONTENT:
        yield f"the title is cut: {card.title}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_slash_commands_are_described_without_being_cut(desk: Desk, language: str) -> None:
    async def respond(_interaction: discord.Interaction, _text: str) -> None: ...

    with speaking(language):
        made = [slash_command(command, desk, respond) for command in COMMANDS.values()]
    texts = [
        text for each in made for text in (each.description, *(str(p.description) for p in each.parameters))
    ]
    assert not [text for text in texts if not text or text.endswith("…")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_menu_says_the_whole_of_each_command(language: str) -> None:
    assert all(3 <= len(entry.description) <= 90 for entry in menu(language, configuring=True))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("command", FORMS)
def test_a_form_names_its_fields_without_being_cut(command: str, language: str) -> None:
    with speaking(language):
        modal = form(command, {})
    assert "…" not in modal.title
    fields = modal.to_dict()["components"]
    labels = [field["components"][0]["label"] for field in fields]
    assert len(labels) == len(FORMS[command].fields)
    assert not [label for label in labels if "…" in label]
