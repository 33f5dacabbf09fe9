"""Cards in Telegram's words: HTML within its limits, and buttons within 64 bytes. Pure.

Limits are the Bot API's (https://core.telegram.org/bots/api): a message has at most 4,096 characters and a
caption 1,024, counted after the marks are taken away, in UTF-16 units as its entities are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from bot.domain.cards import TONE_MARK, Button, Card, Line, Table, Tone
from handlers.speech import _, speaking
from handlers.titles import padded, width

TEXT_UNITS = 4096
CAPTION_UNITS = 1024
TOAST_UNITS = 200
"""``answerCallbackQuery``: 0-200 characters."""
MOST_BUTTONS = 100
A_ROW_UNITS = 34
"""Labels of one row of buttons together: more is cut on a phone."""
A_ROW_BUTTONS = 3
LEAST_UNITS = 24
"""A line cut shorter than this says nothing; then it is left out."""
CUT = "…"
KEPT = "\u200d\ufe0f\u00a0\u202f"
"""What holds an emoji or a figure together, though it is no printable letter."""

_MARKS = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`")


class Run(NamedTuple):
    """Text in one style: ``b``, ``code``, ``pre``, or none."""

    text: str
    style: str = ""


Rich = tuple[Run, ...]
"""One paragraph."""


def units(text: str) -> int:
    """UTF-16 code units, in which Telegram counts."""
    return len(text) + sum(ord(letter) > 0xFFFF for letter in text)


def message_html(card: Card) -> str:
    """The card as a message of its own."""
    return _html(_laid_out(card, TEXT_UNITS))


def caption_html(card: Card) -> str:
    """The card as words under its picture."""
    return _html(_laid_out(card, CAPTION_UNITS))


def toast(card: Card) -> str:
    """The card in the few plain words that a press of a button may be answered with."""
    parts = [_plain(rich_text(card.title)), *(_plain(rich_text(line.text)) for line in card.lines)]
    return _plain(_cut((Run("\n".join(filter(None, parts))),), TOAST_UNITS))


def rich_text(text: str, style: str = "") -> Rich:
    """``**bold**`` and `` `code` ``, which Telegram does not nest: code inside bold stands between two bolds.

    A command without words is left bare, since Telegram itself makes it one to tap.
    """
    runs, end = [], 0
    for found in _MARKS.finditer(text):
        runs.append(Run(text[end : found.start()], style))
        if found[1] is not None:
            runs += rich_text(found[1], "b")
        else:
            runs.append(Run(found[2], style if re.fullmatch(r"/\w+", found[2]) else "code"))
        end = found.end()
    runs.append(Run(text[end:], style))
    return tuple(run for run in runs if run.text)


def rows_of(buttons: Sequence[Button]) -> list[list[Button]]:
    """Short ones side by side."""
    rows: list[list[Button]] = []
    for button in buttons[:MOST_BUTTONS]:
        row = rows[-1] if rows else []
        wide = sum(units(other.label) + 4 for other in row) + units(button.label)
        if row and len(row) < A_ROW_BUTTONS and wide <= A_ROW_UNITS:
            row.append(button)
        else:
            rows.append([button])
    return rows


# --- laying out --------------------------------------------------------------------------------------


class _Draft:
    """A card's paragraphs, made shorter until they fit: title, first line and footer last of all."""

    def __init__(self, card: Card) -> None:
        mark = TONE_MARK[card.tone] if card.tone is not Tone.ANSWER else ""
        title = rich_text(_tidy(card.title), "b")
        self.head = [_italic(card.banner)] if card.banner.strip() else []
        self.head.append((Run(f"{mark} "), *title) if mark else title)
        self.lines: list[tuple[Line, Rich]] = [(line, rich_text(_tidy(line.text))) for line in card.lines]
        self.table = _table_lines(card.table) if card.table else []
        self.rows_left_out = 0
        self.foot = [rich_text(_tidy(card.footer))] if card.footer.strip() else []

    def paragraphs(self) -> list[Rich]:
        table = "\n".join(self.table)
        if self.rows_left_out:
            table += "\n" + _("… {n} more").format(n=self.rows_left_out)
        body = [rich for _line, rich in self.lines] + ([(Run(table, "pre"),)] if table.strip() else [])
        return [rich for rich in (*self.head, *body, *self.foot) if _plain(rich).strip()]

    def excess(self, most: int) -> int:
        return _length(self.paragraphs()) - most

    def fit(self, most: int) -> list[Rich]:
        for place in self._least_first():
            self._shorten(place, self.excess(most))
        while self.excess(most) > 0 and len(self.table) > 1:
            self.table.pop()
            self.rows_left_out += 1
        self.lines = [(line, rich) for line, rich in self.lines if rich]
        return _cut_paragraphs(self.paragraphs(), most)

    def _least_first(self) -> list[int]:
        """The lightest lines first, of equals the last; the first line of all is never among them."""
        return sorted(range(1, len(self.lines)), key=lambda place: (self.lines[place][0].weight, -place))

    def _shorten(self, place: int, excess: int) -> None:
        if excess <= 0:
            return
        line, rich = self.lines[place]
        left = units(_plain(rich)) - excess
        self.lines[place] = line, _cut(rich, left) if left >= LEAST_UNITS else ()


def _laid_out(card: Card, most: int) -> list[Rich]:
    with speaking(card.language):
        return _Draft(card).fit(most)


def _cut_paragraphs(paragraphs: list[Rich], most: int) -> list[Rich]:
    """The last resort, for a title or a footer longer than anyone should write."""
    while (excess := _length(paragraphs) - most) > 0:
        longest = max(range(len(paragraphs)), key=lambda place: units(_plain(paragraphs[place])))
        left = units(_plain(paragraphs[longest])) - excess
        paragraphs[longest] = _cut(paragraphs[longest], max(1, left))
        if left < 1:
            del paragraphs[longest]
    return paragraphs


def _length(paragraphs: Iterable[Rich]) -> int:
    return units("\n".join(map(_plain, paragraphs)))


def _cut(rich: Rich, most: int) -> Rich:
    """At most so many units, the last of them an ellipsis where anything was cut."""
    if units(_plain(rich)) <= most:
        return rich
    left, kept = most - 1, []
    for text, style in rich:
        fits = _first_units(text, left)
        kept.append(Run(fits, style))
        left -= units(fits)
        if fits != text:
            break
    last = kept[-1]
    kept[-1] = Run(last.text.rstrip() + CUT, last.style)
    return tuple(kept)


def _first_units(text: str, most: int) -> str:
    """The start of a text; a letter of two units is not torn in two."""
    used = 0
    for place, letter in enumerate(text):
        used += 2 if ord(letter) > 0xFFFF else 1
        if used > most:
            return text[:place]
    return text


def _plain(rich: Rich) -> str:
    return "".join(run.text for run in rich)


def _tidy(text: str) -> str:
    """One paragraph without control characters or halves of letters, which Telegram refuses."""
    return "".join(
        letter if letter.isprintable() or letter in KEPT else " "
        for letter in text
        if not 0xD800 <= ord(letter) <= 0xDFFF
    ).strip()


def _italic(text: str) -> Rich:
    return (Run(_plain(rich_text(_tidy(text))), "i"),)


def _table_lines(table: Table) -> list[str]:
    """Columns under each other in a fixed width."""
    rows = [table.heads, *table.rows] if any(table.heads) else list(table.rows)
    cells = [[_plain(rich_text(_tidy(cell))) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)] if cells else []

    def line(row: list[str]) -> str:
        return "  ".join(
            padded(cell, columns, right=place in table.right)
            for place, (cell, columns) in enumerate(zip(row, widths, strict=True))
        ).rstrip()

    return [line(row) for row in cells]


def _html(paragraphs: Iterable[Rich]) -> str:
    return "\n".join(
        "".join(
            f"<{style}>{_escaped(text)}</{style}>" if style else _escaped(text)
            for text, style in rich
            if text
        )
        for rich in paragraphs
    )


def _escaped(text: str) -> str:
    """Outside of attributes only these three mean something, and fewer entities are fewer to misread."""
    return escape(text, quote=False)
