"""Tables of a page made for people: what stands above them, their headings, their rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

HEADINGS = frozenset(("title", "caption", "h1", "h2", "h3", "h4", "h5", "h6"))
SILENT = frozenset(("script", "style", "noscript", "template", "svg"))
_DIGIT = re.compile(r"\d")
WIDEST = 60
"""No cell is taken to span more columns or rows than this."""


@dataclass(frozen=True, slots=True)
class Table:
    """``headings`` stand above it, the nearest first; ``before`` is all visible text above it.

    ``columns`` are the words over each column, in lower case, from every row of headings.
    """

    headings: Sequence[str]
    before: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Page:
    text: str
    tables: Sequence[Table]
    whole: bool
    """Everything that was opened was closed: nothing was cut off."""


@dataclass(slots=True)
class _Cell:
    heading: bool
    across: int
    down: int
    words: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    headings: list[str]
    before: str
    rows: list[list[_Cell]] = field(default_factory=list)


def read_page(body: bytes) -> Page:
    """Whatever ``body`` holds; a page without tables has none."""
    reader = _Reader()
    reader.feed(body.decode("utf-8", "replace"))
    reader.close()
    whole = not reader.open and not (reader.begun and not reader.ended)
    return Page(" ".join(reader.words), [_table(one) for one in reader.done], whole)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.open: list[_Open] = []
        self.done: list[_Open] = []
        self.begun = self.ended = False
        self._headings: list[str] = []
        self._heading: list[str] | None = None
        self._cell: list[_Cell | None] = []
        self._silent = 0
        self._in_head = False
        self._options: list[list[str]] | None = None
        self._chosen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "html":
            self.begun = True
        elif tag in SILENT:
            self._silent += 1
        elif tag == "select":
            self._options, self._chosen = [], 0
        elif tag == "option" and self._options is not None:
            self._chosen = len(self._options) if "selected" in said else self._chosen
            self._options.append([])
        elif tag in HEADINGS:
            self._heading = []
        elif tag == "table":
            self.open.append(_Open(list(reversed(self._headings)), " ".join(self.words)))
            self._cell.append(None)
        elif tag in ("thead", "tbody"):
            self._in_head = tag == "thead"
        elif tag == "tr" and self.open:
            self.open[-1].rows.append([])
            self._cell[-1] = None
        elif tag in ("td", "th") and self.open:
            cell = _Cell(tag == "th" or self._in_head, _span(said, "colspan"), _span(said, "rowspan"))
            if not self.open[-1].rows:
                self.open[-1].rows.append([])
            self.open[-1].rows[-1].append(cell)
            self._cell[-1] = cell

    def handle_endtag(self, tag: str) -> None:
        if tag == "html":
            self.ended = True
        elif tag in SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == "select" and self._options is not None:
            told, self._options = self._options, None
            if told:  # of a list to choose from, what is chosen, else the first
                self._say(told[self._chosen])
        elif tag in HEADINGS and self._heading is not None:
            text = " ".join(" ".join(self._heading).split())
            self._heading = None
            if tag == "caption" and self.open:
                self.open[-1].headings.insert(0, text)
            elif text:
                self._headings.append(text)
        elif tag == "thead":
            self._in_head = False
        elif tag == "table" and self.open:
            self.done.append(self.open.pop())
            self._cell.pop()
        elif tag in ("td", "th") and self._cell:
            self._cell[-1] = None

    def handle_data(self, data: str) -> None:
        words = data.split()
        if self._silent or not words:
            return
        if self._options is None:
            self._say(words)
        elif self._options:
            self._options[-1] += words

    def _say(self, words: list[str]) -> None:
        self.words += words
        if self._heading is not None:
            self._heading += words
        if self._cell and (cell := self._cell[-1]) is not None:
            cell.words += words


def _span(said: Mapping[str, str | None], name: str) -> int:
    raw = said.get(name) or ""
    return min(max(int(raw), 1), WIDEST) if raw.isdecimal() and raw.isascii() and len(raw) < 5 else 1


def _table(one: _Open) -> Table:
    rows = [row for row in one.rows if row]
    headings = list(one.headings)
    while len(rows) > 1 and len(rows[0]) == 1:  # a title across the whole table
        headings.insert(0, " ".join(rows.pop(0)[0].words))
    heads = _heads(rows)
    grid = _grid(rows)
    columns = []
    for place in range(max(map(len, grid), default=0)):
        over = [row[place] for row in grid[:heads] if place < len(row)]
        columns.append(" ".join(dict.fromkeys(over)).lower())
    return Table(headings, one.before, columns, grid[heads:])


def _heads(rows: Sequence[Sequence[_Cell]]) -> int:
    """How many rows are headings: those marked so; where none is (old pages), those without a digit."""
    marked = _leading(rows, lambda row: all(cell.heading for cell in row))
    return marked or _leading(rows, lambda row: not any(_DIGIT.search(" ".join(cell.words)) for cell in row))


def _leading(rows: Sequence[Sequence[_Cell]], meant: Callable[[Sequence[_Cell]], bool]) -> int:
    return next((place for place, row in enumerate(rows) if not meant(row)), len(rows))


def _grid(rows: Sequence[Sequence[_Cell]]) -> list[list[str]]:
    """The words at each place, those of a cell that spans several at all of them."""
    grid: list[list[str]] = []
    above: dict[int, tuple[str, int]] = {}
    for row in rows:
        line: list[str] = []
        left = list(row)
        while left or len(line) in above:
            if len(line) in above:
                text, more = above.pop(len(line))
                if more > 1:
                    above[len(line)] = (text, more - 1)
                line.append(text)
                continue
            cell = left.pop(0)
            text = " ".join(cell.words)
            for _ in range(cell.across):
                if cell.down > 1:
                    above[len(line)] = (text, cell.down - 1)
                line.append(text)
        grid.append(line)
    return grid
