"""Raw traffic on disk: what venues sent, when it came, and what it was the answer to.

A tape is a folder of ``tape-….ndjson.gz``. Each block is a gzip member of its own, so that a crash loses the
last block and nothing before it. Keys never reach it: headers are left out, and whatever a header or a
parameter with a secret's name holds is cut out of everything else.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Observation, Venue
from bot.errors import Refusal, SourceChanged, SourceError, UsageError
from bot.exchanges.spec import Book, Exchange, Poll, Request, Socket, lost_of
from bot.feeds.book import SOURCE as BOOK
from bot.feeds.book import limited
from bot.feeds.contact import in_words, understand
from bot.feeds.http import refused
from bot.feeds.lines import unzipped
from bot.feeds.sockets import UNZIPPED_BYTES
from bot.running import finish

MIB = 1024 * 1024
BLOCK_BYTES = MIB // 2
BLOCK_EVERY = timedelta(seconds=5)
FILE_BYTES = 64 * MIB
MOST_BYTES = 4096 * MIB
WAITING_BYTES = 64 * MIB
"""What may wait for a slow disk; beyond it traffic is left out, and counted."""
SECRET = re.compile(r"key|token|secret|sign|auth|pass", re.IGNORECASE)
SHORTEST_SECRET = 6
CUT = "***"
PATTERN = "tape-*.ndjson.gz"


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer or frame. ``base64`` where it is no text; ``request`` where it is an answer.

    ``status`` (and ``retry_after``, the header) where it is a refusal: HTTP 400 or more.
    """

    received: datetime
    venue: str
    source: str
    text: str = ""
    base64: str = ""
    request: str = ""
    status: int = 0
    retry_after: str = ""

    @property
    def raw(self) -> bytes:
        return base64.b64decode(self.base64) if self.base64 else self.text.encode()


_PIECES = msgspec.json.Decoder(Piece)


def piece_of(
    exchange: Exchange,
    source: str,
    request: Request | None,
    received: datetime,
    raw: bytes,
    refusal: Refusal | None = None,
) -> Piece:
    """Fit to be written: without secrets."""
    secrets = _secrets(exchange, request)
    asked = "" if request is None else _asked(request)
    try:
        text, packed = raw.decode(), ""
    except UnicodeDecodeError:
        text, packed = "", base64.b64encode(raw).decode()
    for secret in secrets:
        text, asked = text.replace(secret, CUT), asked.replace(secret, CUT)
    status, wait = (refusal.status, refusal.retry_after) if refusal is not None else (0, "")
    return Piece(received, exchange.venue, source, text, packed, asked, status, wait)


def _secrets(exchange: Exchange, request: Request | None) -> set[str]:
    named = {**exchange.headers, **(request.params if request is not None else {})}
    return {value for name, value in named.items() if SECRET.search(name) and len(value) >= SHORTEST_SECRET}


def _asked(request: Request) -> str:
    """As it was asked, without what goes by a secret's name."""
    params = "&".join(
        f"{name}={CUT if SECRET.search(name) else value}" for name, value in request.params.items()
    )
    body = f" {request.body.decode('utf-8', 'replace')}" if request.body is not None else ""
    return request.path + (f"?{params}" if params else "") + body


class Tape:
    """Writes a tape until it is closed. Implements ``Tap``. Raises ``OSError`` where the disk cannot be used.

    The folder never holds more than ``most_bytes``: the oldest files go first.
    """

    def __init__(
        self, folder: Path, begun: datetime, *, file_bytes: int = FILE_BYTES, most_bytes: int = MOST_BYTES
    ) -> None:
        self._folder, self._name = folder, f"tape-{begun:%Y%m%dT%H%M%S}"
        self._file_bytes, self._most_bytes = file_bytes, most_bytes
        self._number = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._full = asyncio.Event()
        self.pieces: Counter[tuple[str, str]] = Counter()
        self.left_out = 0
        folder.mkdir(parents=True, exist_ok=True)

    def heard(
        self,
        exchange: Exchange,
        source: str,
        request: Request | None,
        received: datetime,
        raw: bytes,
        refusal: Refusal | None = None,
    ) -> None:
        if self._waiting_bytes > WAITING_BYTES:
            self.left_out += 1
            return
        line = msgspec.json.encode(piece_of(exchange, source, request, received, raw, refusal))
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        self.pieces[exchange.venue, source] += 1
        if self._waiting_bytes >= BLOCK_BYTES:
            self._full.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), BLOCK_EVERY.total_seconds())
            await self.write()

    async def write(self) -> None:
        """What waits, as one block."""
        lines, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._full.clear()
        if lines:
            await finish(asyncio.to_thread(self._write, b"\n".join(lines) + b"\n"))

    def _write(self, block: bytes) -> None:
        packed = gzip.compress(block, 6, mtime=0)
        file = self._folder / f"{self._name}-{self._number:05}.ndjson.gz"
        if file.exists() and file.stat().st_size + len(packed) > self._file_bytes:
            self._number += 1
            file = self._folder / f"{self._name}-{self._number:05}.ndjson.gz"
        with file.open("ab") as out:
            out.write(packed)
        self._forget(file)

    def _forget(self, newest: Path) -> None:
        files = [(file, file.stat().st_size) for file in sorted(self._folder.glob(PATTERN))]
        held = sum(size for _, size in files)
        for file, size in files:
            if held <= self._most_bytes or file == newest:
                return
            file.unlink()
            held -= size


def pieces(folder: Path) -> Iterator[Piece]:
    """All of a tape in order. What is cut off at the end of a file is left out.

    Raises ``UsageError`` where there is no tape.
    """
    files = sorted(folder.glob(PATTERN))
    if not files:
        raise UsageError(f"{folder}: holds no recording ({PATTERN}); make one with washout record")
    for file in files:
        for line in _lines(file):
            try:
                yield _PIECES.decode(line)
            except msgspec.DecodeError as odd:
                raise UsageError(f"{file}: holds something that is no recording ({odd})") from odd


def _lines(file: Path) -> Iterator[bytes]:
    """Line by line, block by block; a block that is cut off or damaged ends the file."""
    with gzip.open(file) as packed:
        while True:
            try:
                line = packed.readline()
            except (EOFError, zlib.error, gzip.BadGzipFile):
                return
            if not line.endswith(b"\n"):
                return
            yield line


class Player:
    """Plays pieces through the venues' own files, as the feeds did."""

    def __init__(self, exchanges: Mapping[Venue, Exchange], asset: Asset | None = None) -> None:
        self._exchanges, self._asset = exchanges, asset
        self._parts: defaultdict[Venue, dict[str, Book]] = defaultdict(dict)
        self._books: dict[Venue, Book] = {}
        self._questions: dict[tuple[Venue, str], tuple[Book | None, dict[str, str]]] = {}
        """For each poll whose contracts take turns: the book, and the contract that each question was of."""
        self.unreadable = self.refused = 0
        self.first_unreadable = self.first_refused = ""
        self.lost: list[str] = []
        """What was wrong with rows of answers that were read otherwise."""

    def play(self, piece: Piece) -> Sequence[Observation]:
        """What it says; nothing where it is a refusal or cannot be read, which is counted."""
        exchange = self._exchanges.get(Venue(piece.venue))
        try:
            if exchange is None:
                raise SourceChanged("no such venue")
            return self._read(exchange, piece)
        except SourceChanged as fault:
            self.unreadable += 1
            self.first_unreadable = self.first_unreadable or f"{_where(piece)}: {fault}"
        except SourceError as fault:
            self.refused += 1
            self.first_refused = self.first_refused or f"{_where(piece)}: {in_words(fault)}"
        return ()

    def _read(self, exchange: Exchange, piece: Piece) -> Sequence[Observation]:
        venue, raw = exchange.venue, piece.raw
        if piece.status:
            raise refused(exchange, piece.status, {"Retry-After": piece.retry_after}, raw)
        if piece.source == BOOK:  # another answer to the same question replaces the one before
            part = understand(exchange.book.parse, raw)
            self._parts[venue][piece.request] = part
            self._lose(piece, part.unreadable)
            listed = {symbol: one for part in self._parts[venue].values() for symbol, one in part.items()}
            self._books[venue] = limited(listed, frozenset({self._asset}) if self._asset else None)
            return ()
        book = self._books.get(venue, {})
        if (terms := exchange.book.terms) is not None and piece.source == terms.name:
            self._books[venue] = understand(terms.parse, raw, book)
            return ()
        for poll in (*exchange.polls, *exchange.unasked):
            if poll.name == piece.source:
                asked = self._asked_alone(venue, poll, piece.request) if poll.rotates else book
                answer = understand(poll.parse, raw, asked, piece.received)
                self._lose(piece, answer.unreadable)
                return answer.observations
        for socket in exchange.sockets:
            if socket.name == piece.source:
                heard = _frame(socket, raw, book, piece.received)
                self._lose(piece, lost_of(heard))
                return heard
        raise SourceChanged("no such source")

    def _lose(self, piece: Piece, rows: Sequence[str]) -> None:
        self.lost += [f"{_where(piece)}: {row}" for row in rows]

    def _asked_alone(self, venue: Venue, poll: Poll, request: str) -> Book:
        """The one contract whose question this was; all of them where that cannot be told."""
        book = self._books.get(venue, {})
        of, questions = self._questions.get((venue, poll.name), (None, {}))
        if of is not book:
            each = ((symbol, _asked(one)) for symbol in book for one in poll.requests({symbol: book[symbol]}))
            questions = {asked: symbol for symbol, asked in each}
            self._questions[venue, poll.name] = book, questions
        symbol = questions.get(request)
        return book if symbol is None else {symbol: book[symbol]}


def _where(piece: Piece) -> str:
    return f"{piece.venue} {piece.source} at {piece.received:%Y-%m-%d %H:%M:%S}"


def _frame(socket: Socket, raw: bytes, book: Book, received: datetime) -> Sequence[Observation]:
    if socket.gzipped:
        raw = unzipped(raw, UNZIPPED_BYTES)
    if socket.reply is not None and understand(socket.reply, raw) is not None:
        return ()
    return understand(socket.parse, raw, book, received)
