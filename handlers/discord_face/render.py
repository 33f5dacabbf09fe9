"""A card as one embed, within Discord's limits. Pure.

Lengths are counted in UTF-16 units, which are never fewer than the characters Discord counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import discord

from bot.domain.cards import TONE_MARK, Card, Line, Table, Tone
from handlers.speech import _, speaking
from handlers.titles import padded, width

# Discord developer documentation, "Message limits" and "Embed limits".
MOST_CONTENT = 2_000
MOST_TITLE = 256
MOST_AUTHOR = 256
MOST_DESCRIPTION = 4_096
MOST_FOOTER = 2_048
MOST_TOGETHER = 6_000
MOST_ALT = 1_024
MOST_PINGS = 50
"""``allowed_mentions`` takes 100 roles; fifty mentions always fit into the content."""

PICTURE = "wave.png"
SHORTEST = 12
"""A line that would be cut shorter than this is left out."""

COLOURS = {
    Tone.FLUSH: 0xD9483B,
    Tone.SQUEEZE: 0x2E9E6B,
    Tone.UNWIND: 0x8A8F98,
    Tone.OVER: 0xC9CDD3,
    Tone.RETRACTED: 0x6B7078,
    Tone.ANSWER: 0x4C7DD9,
    Tone.WARNING: 0xE0A526,
}
_SPAN = re.compile(r"(?P<bold>\*\*)|`(?P<code>[^`]+)`")
_MARKDOWN = re.compile(r"(<(?:@&|#)\d{1,20}>)|([\\`*_<\[\]@]|~(?=~)|\|(?=\|))")
_BEGINNING = re.compile(r"^(\s*)(?:([-+]\s|-#\s|#{1,3}\s|>)|(\d+)(\.\s))", re.MULTILINE)
"""Of a list, a heading, small print or a quotation."""
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


class Span(NamedTuple):
    text: str
    bold: bool = False
    code: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """``alt`` is the picture's words; empty where there is no picture."""

    content: str
    embed: discord.Embed
    pings: tuple[int, ...]
    alt: str


def render(card: Card) -> Rendered:
    """The card in Discord's form; what does not fit is cut where it weighs least."""
    with speaking(card.language):
        return _rendered(card)


def _rendered(card: Card) -> Rendered:
    mark = TONE_MARK[card.tone]
    title = cut(escaped(unmarked(f"{mark} {card.title}".strip())), MOST_TITLE)
    banner = cut(unmarked(card.banner), MOST_AUTHOR)
    footer = cut(unmarked(card.footer), MOST_FOOTER)
    left = MOST_TOGETHER - units(title) - units(banner) - units(footer)
    words = description(card.lines, card.table, min(MOST_DESCRIPTION, left))
    embed = discord.Embed(title=title or None, description=words or None, colour=COLOURS[card.tone])
    if banner:
        embed.set_author(name=banner)
    if footer:
        embed.set_footer(text=footer)
    if not (title or words or banner or footer):
        embed.description = "…"  # Discord refuses a message that says nothing
    if card.picture:
        embed.set_image(url=f"attachment://{PICTURE}")
    pings = tuple(dict.fromkeys(int(role) for role in card.pings if role.isascii() and role.isdigit()))
    pings = pings[:MOST_PINGS]
    return Rendered(
        content=" ".join(f"<@&{role}>" for role in pings),
        embed=embed,
        pings=pings,
        alt=(cut(unmarked(card.picture.alt), MOST_ALT) or _("picture")) if card.picture else "",
    )


def units(text: str) -> int:
    return len(text) + sum(letter > "\uffff" for letter in text)


def cut(text: str, most: int) -> str:
    """At most ``most`` units, the end replaced by an ellipsis; never half an escape."""
    if units(text) <= most:
        return text
    while text and units(text) > most - 1:
        text = text[: min(len(text) - 1, most - 1)]
    if (len(text) - len(text.rstrip("\\"))) % 2:
        text = text[:-1]
    return text.rstrip() + "…" if most > 0 else ""


def visible(text: str) -> str:
    """Without what moves the cursor, hides or turns the direction of a text."""
    return _UNSEEN.sub(lambda found: " " if found[0] in "\t\n\r" else "", text)


def escaped(text: str) -> str:
    """Nothing in it is markdown any more, nor a mention of a person or of everybody.

    Roles and channels keep their names: settings speak of them, and an embed never pings.
    """
    plain = _MARKDOWN.sub(lambda found: found[1] or f"\\{found[2]}", visible(text))
    return _BEGINNING.sub(lambda found: f"{found[1]}{found[3] or ''}\\{found[2] or found[4]}", plain)


def unmarked(text: str) -> str:
    """Where Discord shows no markdown: the text without our two marks."""
    return visible(text).replace("**", "").replace("`", "").strip()


def spans(text: str) -> list[Span]:
    """The text by our two marks; a mark that is never closed is text."""
    found: list[Span] = []
    bold, at = False, 0
    text = visible(text)
    if text.count("**") % 2:
        head, _mark, tail = text.rpartition("**")
        text = head + tail
    for mark in _SPAN.finditer(text):
        found.append(Span(text[at : mark.start()], bold))
        at = mark.end()
        if mark["bold"]:
            bold = not bold
        else:
            found.append(Span(mark["code"], bold, code=True))
    found.append(Span(text[at:], bold))
    return [span for span in found if span.text]


def written(parts: Sequence[Span]) -> str:
    """Spans as Discord's markdown."""
    out = []
    for bold, group in groupby(parts, key=lambda span: span.bold):
        inner = "".join(
            f"`{s.text.replace('`', 'ˋ').replace('**', '∗∗')}`" if s.code else escaped(s.text) for s in group
        )
        out.append(f"**{inner}**" if bold and inner.strip() else inner)
    return "".join(out)


def shortened(line: Line, most: int) -> str:
    """As much of the line as fits, with whole marks; nothing where too little would be left."""
    parts = spans(line.text)
    whole = written(parts)
    if units(whole) <= most:
        return whole
    low, high = 0, min(sum(len(span.text) for span in parts), max(most, 0))
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        if units(written(_beginning(parts, middle))) <= most:
            low = middle
        else:
            high = middle - 1
    return written(_beginning(parts, low)) if low >= SHORTEST else ""


def _beginning(parts: Sequence[Span], letters: int) -> list[Span]:
    kept: list[Span] = []
    for span in parts:
        if letters <= 0:
            break
        kept.append(span._replace(text=span.text[:letters]))
        letters -= len(span.text)
    return [*kept, Span("…")]


def description(lines: Sequence[Line], table: Table | None, most: int) -> str:
    """Lines, then the table in a code block; a table may take half of the room, and what lines leave."""
    full = sum(units(written(spans(line.text))) + 1 for line in lines)
    block = code_block(table, max(most // 2, most - full)) if table else ""
    texts = fitted(lines, most - units(block) - bool(block))
    return "\n".join(part for part in (*texts, block) if part)


def fitted(lines: Sequence[Line], most: int) -> list[str]:
    """The lines within ``most`` units together with their ends; the lowest weights are shortened first."""
    texts = [written(spans(line.text)) for line in lines]
    total = sum(units(text) + 1 for text in texts)
    for place in sorted(range(len(lines)), key=lambda n: (lines[n].weight, -n)):
        if total <= most:
            break
        before = units(texts[place])
        texts[place] = shortened(lines[place], before - (total - most))
        total -= before - units(texts[place]) + (0 if texts[place] else 1)
    return [text for text in texts if text]


def code_block(table: Table, most: int) -> str:
    """The table set in columns; rows that do not fit are counted instead."""
    heads = [_cell(head) for head in table.heads]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    columns = max([len(heads), *map(len, rows)], default=0)
    widths = [
        max((width(row[n]) for row in [heads, *rows] if n < len(row)), default=0) for n in range(columns)
    ]

    def text(row: Sequence[str]) -> str:
        cells = (padded(cell, widths[n], right=n in table.right) for n, cell in enumerate(row))
        return "  ".join(cells).rstrip()

    texts = [text(heads)] if any(heads) else []
    texts += map(text, rows)
    for shown in range(len(texts), -1, -1):
        more = [_("… {n} more").format(n=len(texts) - shown)] if shown < len(texts) else []
        block = "\n".join(["```", *texts[:shown], *more, "```"])
        if texts and units(block) <= most:
            return block
    return ""


def _cell(text: str) -> str:
    return unmarked(text).replace("`", "ˋ")
