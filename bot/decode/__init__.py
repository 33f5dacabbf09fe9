"""``washout decode``: what a venue's file makes of a raw payload, one JSON object a line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import msgspec

from bot.decode.lines import Line, Told, refused
from bot.decode.payload import instrument_from, listed, read_books, unwrapped
from bot.decode.sources import Source, reads, sources_of, table, the_source, the_venue
from bot.domain.market import Instrument, Observation
from bot.errors import SourceError, UsageError
from bot.exchanges.spec import Exchange, Poll, Socket, lost_of
from bot.feeds.contact import understand

UNREADABLE = 6
"""The exit code for a payload that could not be read, or in which the venue refuses."""
NOTHING = "read, and nothing in it counts: an acknowledgement, a snapshot of the past, or markets left out"


def main(
    venue: str,
    source: str,
    file: Path,
    books: Sequence[Path],
    instruments: Sequence[str],
    now: str | None,
    out: TextIO,
) -> int:
    """Prints what the payload says; 0, or ``UNREADABLE``.

    Raises ``UsageError`` for a venue or source that does not exist, a file that is not there, a time or an
    instrument that cannot be understood.
    """
    exchange = the_venue(venue)
    known = [instrument_from(text, exchange.venue) for text in instruments]
    asked, body, lists = the_source(exchange, source), _bytes(file), [_bytes(book) for book in books]
    at = _time(now) if now else None
    lines, readable = decoded(exchange, asked, body, books=lists, instruments=known, now=at)
    if not readable and lines[-1]["kind"] == "unreadable":
        others = read_otherwise(exchange, asked, body, books=lists, instruments=known)
        lines[-1].update({"read_as": others} if others else {})
    out.writelines(msgspec.json.encode(line).decode() + "\n" for line in lines)
    if not lines:
        sys.stderr.write(f"washout: {file}: {NOTHING}\n")
    return 0 if readable else UNREADABLE


def show_list(out: TextIO) -> int:
    out.writelines(f"{row}\n" for row in table())
    return 0


def decoded(
    exchange: Exchange,
    source: Source,
    body: bytes,
    *,
    books: Sequence[bytes] = (),
    instruments: Sequence[Instrument] = (),
    now: datetime | None = None,
) -> tuple[Sequence[Line], bool]:
    """The lines to print, and whether the payload could be read."""
    told = Told(exchange, source, now)
    try:
        payload = unwrapped(exchange, body, frames=isinstance(source.of, Socket))
        book = read_books(exchange, books) | payload.book | {one.symbol: one for one in instruments}
        told.book.update(book or listed(exchange, payload.frames))
        for frame in payload.frames:
            _take(told, frame, [one.symbol for one in instruments[:1]], payload.named)
    except SourceError as fault:
        return [*told.lines(), refused(exchange, source, fault)], False
    return told.lines(), True


def read_otherwise(
    exchange: Exchange,
    source: Source,
    body: bytes,
    *,
    books: Sequence[bytes] = (),
    instruments: Sequence[Instrument] = (),
) -> Sequence[str]:
    """The venue's other sources as which a payload tells something: it may be one of theirs."""
    found, tried = [], {reads(source)}
    for name, other in sources_of(exchange).items():
        if reads(other) not in tried:
            tried.add(reads(other))
            lines, readable = decoded(exchange, other, body, books=books, instruments=instruments)
            if readable and any(line["asset"] for line in lines):
                found.append(name)
    return found


def _take(told: Told, frame: bytes, given: Sequence[str], asked: Sequence[str]) -> None:
    """``asked`` are words of the question that was kept with the frame.

    Raises ``SourceError`` where the frame cannot be read or is a refusal.
    """
    of, now = told.source.of, told.clock
    if told.source.kind == "book":
        told.contracts(understand(told.exchange.book.parse, frame))
    elif isinstance(of, Poll):
        answer = understand(of.parse, frame, told.asked(asked) if of.rotates else told.book, now)
        told.observed(answer.observations, answer.unknown, answer.unreadable)
    elif isinstance(of, Socket):
        reply = understand(of.reply, frame) if of.reply is not None else None
        if reply is not None:
            told.replied(reply)
            return
        said: Sequence[Observation] = understand(of.parse, frame, told.book, now)
        numbers = understand(of.numbered, frame) if of.numbered is not None else ()
        unknown, told.book.missed = sorted(told.book.missed), set()
        told.observed(said, unknown, lost_of(said), numbers)
    elif of is not None:
        named = [of.whose(frame)] if of.whose is not None else []
        contract = told.book.one_of([*named, *given, *asked], frame)
        points = understand(of.parse, frame, contract, now)
        told.observed(points, unreadable=lost_of(points))
        if of.liquidated is not None:
            told.liquidated(understand(of.liquidated, frame, contract))


def _bytes(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as fault:
        raise UsageError(f"{file}: cannot be read ({fault.strerror})") from fault


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--now {text} is not a time; write it as 2026-11-01T12:00:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
