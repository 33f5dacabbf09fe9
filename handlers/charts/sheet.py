"""The sheet that every picture is drawn on: its colours, its texts and where there is still room for one.

800 × 600 units. A phone shows the picture about 360 points wide, so 22 units are ten points there: no text is
smaller than ``SMALL``. Every text that is set is remembered as a rectangle, so that a later one can be put
where nothing stands yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

from handlers.charts.fonts import FAMILY, HAN_FAMILY, runs, width

WIDTH, HEIGHT = 800, 600
EDGE = 20.0
TITLE, SIZE, SMALL = 30, 22, 18
LEAST, LEAST_TOGETHER = 16, 14
"""A text that does not fit is first set smaller, down to this, and then cut off with an ellipsis."""

PANEL, INK, FAINT, GRID, SHADE = "#14181f", "#f2f2f2", "#aab3bf", "#2f3742", "#27303d"
SKY, ORANGE, GREEN, YELLOW, VERMILLION, PURPLE = (
    "#56b4e9",
    "#e69f00",
    "#009e73",
    "#f0e442",
    "#d55e00",
    "#cc79a7",
)
"""The set of Okabe and Ito (2008), told apart by people of every colour vision."""

_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HAN = r"\u2e80-\u9fff\u3000-\u303f\uff00-\uffef"
_WORD = re.compile(rf"[{_HAN}][，。：；、）]?|[^ {_HAN}]+(?: (?:%|min|[kMBT]|h|s)[,.:;)]*(?![^ ]))* ?| ")
_ABOVE, _BELOW = 0.80, 0.24
"""How far letters reach over and under the line they stand on, as a part of their size."""


_HALO = f' stroke="{PANEL}" stroke-width="6" stroke-linejoin="round" paint-order="stroke"'


class Rect(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Rect) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


class Label(NamedTuple):
    """A text and where it would stand. ``anchor`` is SVG's: start, middle or end."""

    x: float
    y: float
    text: str
    colour: str
    size: float = SIZE
    anchor: str = "start"
    bold: bool = False
    halo: bool = False
    """With an edge in the colour of the panel, for what may stand on a line."""

    @property
    def rect(self) -> Rect:
        wide = width(self.text, self.size, bold=self.bold)
        left = self.x - {"start": 0.0, "middle": wide / 2, "end": wide}[self.anchor]
        return Rect(left, self.y - _ABOVE * self.size, left + wide, self.y + _BELOW * self.size)

    @property
    def svg(self) -> str:
        marks = f' font-size="{self.size:g}"' if self.size != SIZE else ""
        marks += f' text-anchor="{self.anchor}"' if self.anchor != "start" else ""
        marks += ' font-weight="bold"' if self.bold else ""
        marks += _HALO if self.halo else ""
        text = _NOT_XML.sub("", self.text)
        safe = _heavy(text) if self.bold else escape(text)
        return f'<text x="{self.x:.1f}" y="{self.y:.1f}" fill="{self.colour}"{marks}>{safe}</text>'


def _heavy(text: str) -> str:
    """resvg looks for a sign that a font lacks in the others by their order, whatever their weight: Chinese
    in bold is asked for by name."""
    return "".join(
        f'<tspan font-family="{HAN_FAMILY}, sans-serif">{escape(part)}</tspan>' if is_han else escape(part)
        for is_han, part in runs(text)
    )


@dataclass(slots=True)
class Sheet:
    """What was drawn so far. Between ``top`` and ``bottom`` there is room between title and notes."""

    top: float = EDGE
    bottom: float = HEIGHT - EDGE
    parts: list[str] = field(default_factory=list)
    taken: list[Rect] = field(default_factory=list)

    def draw(self, part: str) -> None:
        self.parts.append(part)

    def write(self, label: Label) -> Label:
        """Set where it says."""
        self.parts.append(label.svg)
        self.taken.append(label.rect)
        return label

    def place(
        self,
        labels: Iterable[Label],
        within: Rect,
        lines: Sequence[tuple[float, float]] = (),
        *,
        rising: float = 0.0,
    ) -> Label | None:
        """Set the first of ``labels`` that covers no other text and the least of ``lines``; none may fit.

        Each label is worse than the one before by ``rising`` points of a line.
        """
        best: tuple[float, Label] | None = None
        for place, label in enumerate(labels):
            rect = label.rect
            inside = within.left <= rect.left and rect.right <= within.right
            inside = inside and within.top <= rect.top and rect.bottom <= within.bottom
            if not inside or any(rect.meets(other) for other in self.taken):
                continue
            covered = sum(rect.left <= x <= rect.right and rect.top <= y <= rect.bottom for x, y in lines)
            cost = covered + rising * place
            if best is None or cost < best[0]:
                best = cost, label
        return self.write(best[1]) if best is not None else None


def framed(title: str, note: str) -> Sheet:
    """A sheet with its title above and its note below; what is longer than two lines or three is cut."""
    sheet = Sheet()
    size = next((size for size in (TITLE, 27, 24) if len(wrapped(title, size, bold=True)) <= 2), 24)
    titles = balanced(title, size)
    notes = wrapped(note, SMALL, at_most=3)
    sheet.draw(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PANEL}"/>')
    for row, text in enumerate(titles):
        sheet.write(Label(EDGE, EDGE + (row + 0.8) * size * 1.2, text, INK, size, bold=True))
    sheet.top = EDGE + len(titles) * size * 1.2 + 6
    sheet.bottom = HEIGHT - 12 - 23 * len(notes)
    for row, text in enumerate(notes):
        sheet.write(Label(EDGE, sheet.bottom + 23 * (row + 1) - 6, text, FAINT, SMALL))
    return sheet


def finished(sheet: Sheet, described: str) -> str:
    """The whole SVG; ``described`` is what a screen reader says of it."""
    said = escape(_NOT_XML.sub("", described))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" font-family="{FAMILY}" font-size="{SIZE}">'
        f"<title>{said}</title>{''.join(sheet.parts)}</svg>"
    )


def balanced(title: str, size: float) -> list[str]:
    """At most two lines, of about the same length: no word alone."""
    rows = wrapped(title, size, bold=True, at_most=2)
    room = WIDTH - 2 * EDGE
    while len(rows) == 2 and room > 200:
        room -= 20
        narrower = wrapped(title, size, bold=True, room=room)
        if len(narrower) > 2:
            break
        rows = narrower
    return rows


def wrapped(
    text: str, size: float, *, bold: bool = False, at_most: int = 99, room: float = WIDTH - 2 * EDGE
) -> list[str]:
    """Lines that fit the room. Chinese is broken between any two signs, a long word where it must be."""
    rows: list[str] = []
    for word in _words(text):
        row = rows[-1] if rows else ""
        glued = (row + word).rstrip()
        if rows and width(glued, size, bold=bold) <= room:
            rows[-1] = row + word
        elif word.strip():
            rows.append(word)
    rows = [row.rstrip() for row in rows]
    if len(rows) > at_most:
        rows = [*rows[: at_most - 1], f"{rows[at_most - 1]} …"]
    return [shortened(row, size, room, bold=bold) for row in rows]


def _words(text: str) -> list[str]:
    """Each with the space behind it, an amount with its unit.

    A Chinese sign is a word of its own, with the stop that follows it.
    """
    return _WORD.findall(re.sub(r"[ \t\n]+", " ", text).strip())


def shortened(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """As much of it as fits, with an ellipsis for the rest."""
    if width(text, size, bold=bold) <= room:
        return text
    text = text.removesuffix("…").rstrip()
    while text and width(f"{text}…", size, bold=bold) > room:
        text = text[:-1].rstrip()
    return f"{text}…"


def fitted(label: Label, room: float) -> Label:
    """The same label, smaller or shorter where it would be wider than ``room``."""
    wide = width(label.text, label.size, bold=label.bold)
    if wide > room:
        size = max(LEAST, int(label.size * room / wide))
        label = label._replace(size=size, text=shortened(label.text, size, room, bold=label.bold))
    return label


class Part(NamedTuple):
    """One of several texts in a line; ``lead`` is the room before it, for a sign that is drawn there."""

    text: str
    colour: str
    bold: bool = False
    lead: float = 0.0


def row(sheet: Sheet, y: float, parts: Sequence[Part], right: float, size: float = SMALL) -> list[Label]:
    """Texts one after the other from the left edge, all smaller where they are long together."""

    def wide(size: float) -> float:
        gaps = size * (len(parts) - 1)
        return gaps + sum(part.lead + width(part.text, size, bold=part.bold) for part in parts)

    while size > LEAST_TOGETHER and EDGE + wide(size) > right:
        size -= 0.5
    x, labels = EDGE, []
    for part in parts:
        label = Label(x + part.lead, y, part.text, part.colour, size, bold=part.bold)
        label = label._replace(text=shortened(part.text, size, right - label.x, bold=part.bold))
        labels.append(sheet.write(label))
        x = label.rect.right + size
    return labels


def spread(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Places near the wanted ones, in their order, at least ``apart`` between ``low`` and ``high``."""
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    found = [0.0] * len(wanted)
    edge = low
    for place in order:
        found[place] = edge = max(edge, min(wanted[place], high))
        edge += apart
    edge = high
    for place in reversed(order):
        found[place] = edge = min(edge, found[place])
        edge -= apart
    return found
