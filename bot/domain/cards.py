"""What the bot says, before any chat platform has seen it.

Text uses two marks only: ``**bold**`` and `` `code` ``. A name that came from outside goes through
``plain`` first. Faces turn a card into their platform's own form and keep its limits.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from bot.domain.charts import Chart


class Tone(StrEnum):
    """What a card is about, for its one mark and colour."""

    FLUSH = "flush"
    SQUEEZE = "squeeze"
    UNWIND = "unwind"
    OVER = "over"
    RETRACTED = "retracted"
    ANSWER = "answer"
    WARNING = "warning"


TONE_MARK = {
    Tone.FLUSH: "🔻",
    Tone.SQUEEZE: "🔺",
    Tone.UNWIND: "▫️",
    Tone.OVER: "⚪",
    Tone.RETRACTED: "◽",
    Tone.WARNING: "⚠️",
    Tone.ANSWER: "",
}


class Line(msgspec.Struct, frozen=True):
    """One line of text. Where space is short, lines of the lowest ``weight`` are shortened first."""

    text: str
    weight: int = 5


class Table(msgspec.Struct, frozen=True):
    """Rows of short texts under ``heads``; ``right`` holds the indexes of columns set flush right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()


class Button(msgspec.Struct, frozen=True):
    """Pressing it says ``command`` ("/wave 1a"), as the person who pressed."""

    label: str
    command: str


class Picture(msgspec.Struct, frozen=True):
    """A picture and the words that say the same."""

    chart: Chart
    alt: str


class Attachment(msgspec.Struct, frozen=True):
    """A file that goes with the words: ``name`` with its ending, ``media_type`` such as ``text/csv``."""

    name: str
    media_type: str
    body: bytes


MOST_ATTACHED = 8_000_000
"""Bytes of a file that every platform takes: 10 MiB on Discord ("Uploading Files"), 50 MB on Telegram
(``sendDocument``)."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One message or answer. ``banner`` stands above everything (a reconstruction, a drill)."""

    title: str
    tone: Tone = Tone.ANSWER
    lines: tuple[Line, ...] = ()
    table: Table | None = None
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    picture: Picture | None = None
    banner: str = ""
    language: str = "en"
    """In which its words are."""
    private: bool = False
    """For the person who asked alone, where the platform can do that (settings, refusals, mistakes)."""
    pings: tuple[str, ...] = ()
    """Roles to ping, by the platform's own ids; set by delivery, never by a command."""
    silent: bool = False
    """Sent without a sound, where the platform has one; set by delivery."""
    attachment: Attachment | None = None


def plain(text: str) -> str:
    """A text from outside, without the two marks."""
    return text.replace("*", "∗").replace("`", "ˋ")
