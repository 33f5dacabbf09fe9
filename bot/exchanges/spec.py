"""What a venue's file declares: what to ask, where, how often, and pure functions that read the answers.

A file holds no network and no clock. Parsers take the raw bytes (typed decoding happens in the file, at
the edge) and return domain types or raise a ``SourceError`` that says what the caller should do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TypeVar

from bot.domain.market import (
    Completeness,
    Group,
    Instrument,
    Observation,
    OpenInterest,
    PastLiquidations,
    PriceKind,
    Venue,
)
from bot.errors import SourceChanged, SourceError

Book = Mapping[str, Instrument]
"""The instruments of one venue by symbol, already limited to the assets that are watched."""

T = TypeVar("T")

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Listing(dict[str, Instrument]):
    """The contracts of one answer, by symbol. ``unreadable`` is what was wrong with each row left out."""

    unreadable: Sequence[str] = ()


class Rows(list[T]):
    """What was read of one answer or frame. ``unreadable`` is what was wrong with each row left out."""

    unreadable: Sequence[str] = ()


def lost_of(told: Sequence[object]) -> Sequence[str]:
    """What was wrong with rows that are not among these, where that is known."""
    return told.unreadable if isinstance(told, Rows) else ()


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP call below the venue's base address. ``body`` (JSON) makes it a POST.

    ``host`` is another of the venue's addresses, asked instead of the base address; where an operator (or a
    test) gives a base address of their own, that one stands for all.
    """

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    weight: int = 1
    host: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one payload said.

    ``unknown`` are symbols not in the book: skipped, counted, never guessed. ``unreadable`` says, symbol
    first, what was wrong with each row that was lost while the others were read.
    """

    observations: Sequence[Observation]
    unknown: Sequence[str] = ()
    unreadable: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """Asks what a venue's list of contracts leaves out; ``parse`` gives the contracts with it.

    Where it is not answered the contracts stand as they were listed, with what was known of them before.
    """

    name: str
    requests: Callable[[], Sequence[Request]]
    parse: Callable[[bytes, Book], Book]


@dataclass(frozen=True, slots=True)
class BookPoll:
    """Asks which contracts exist. Each request's payload gives a part of the book (all listed coins)."""

    every: timedelta
    requests: Callable[[], Sequence[Request]]
    parse: Callable[[bytes], Listing]
    terms: Terms | None = None
    also: tuple[str, ...] = ()
    """What else the venue calls what is read alike: channels, kinds of question, other addresses. A part in
    braces stands for any."""


@dataclass(frozen=True, slots=True)
class Poll:
    """Asks for figures. ``requests`` is one call for all symbols, or one per symbol of the book it is given.

    ``rotates``: one call per symbol, where the budget may not reach every symbol in one round: the largest
    are asked every time, the others in turn, and each answer is read with the one contract that was asked
    for. ``stands_in_for`` names another poll of the venue: this one runs only while that one is not
    answered. ``at``: asked at these times of day (UTC) instead of ``every``. ``told_at`` is the path of what
    is only read, never asked for.
    """

    name: str
    every: timedelta
    requests: Callable[[Book], Sequence[Request]]
    parse: Callable[[bytes, Book, datetime], Answer]
    rotates: bool = False
    stands_in_for: str = ""
    at: tuple[time, ...] = ()
    told_at: str = ""
    also: tuple[str, ...] = ()
    """As of the book."""


def only_read(
    name: str,
    told_at: str,
    parse: Callable[[bytes, Book, datetime], Answer],
    *,
    of_one: bool = False,
    also: tuple[str, ...] = (),
) -> Poll:
    """``of_one``: each answer is of one contract, which it does not name."""
    return Poll(name, MINUTE, lambda _: (), parse, rotates=of_one, told_at=told_at, also=also)


@dataclass(frozen=True, slots=True)
class History:
    """Past open interest of one instrument. ``reach`` is how far back the venue remembers.

    ``liquidated`` reads, from the same answers, what was liquidated in each step, where the venue tells it.
    ``whose`` is the contract that an answer is of, where it names it by parts of its symbol. Where ``parse``
    lost rows alone, it gives ``Rows``.
    """

    step: timedelta
    reach: timedelta
    requests: Callable[[Instrument, datetime, datetime], Sequence[Request]]
    parse: Callable[[bytes, Instrument, datetime], Sequence[OpenInterest]]
    liquidated: Callable[[bytes, Instrument], Sequence[PastLiquidations]] | None = None
    whose: Callable[[bytes], str] | None = None


@dataclass(frozen=True, slots=True)
class RetoldPast:
    """Past figures of other venues, as reports: of one coin, whose contracts are the book that is given."""

    reach: timedelta
    requests: Callable[[Book, datetime, datetime], Sequence[Request]]
    parse: Callable[[bytes, Book, datetime], Answer]


@dataclass(frozen=True, slots=True)
class Socket:
    """Hears liquidations, or figures as they change (then ``completeness`` is ``None``).

    ``hears`` says which of the venue's contracts it tells of (the others may be told on another one);
    ``hello`` gives the subscription frames for those of them it is given; ``hello_pause`` passes between
    two of them. ``ping`` is sent every ``ping_every``; ``reply`` is what a frame wants in return (a venue's
    own ping), ``None`` where it wants nothing. A line carries at most ``per_line`` contracts (0: all), so
    a longer book is spread over several. Every frame is gzip where ``gzipped``. ``numbered`` gives, where
    the venue numbers what it sends, (stream, number) of each message in a frame: a number left out is a
    message lost. ``price`` is what the price of a liquidation is. A line is given up for a new one after
    ``lifetime``, before the venue does so. Where ``parse`` lost rows alone, it gives ``Rows``.
    """

    name: str
    url: str
    hello: Callable[[Book], Sequence[str]]
    parse: Callable[[bytes, Book, datetime], Sequence[Observation]]
    completeness: Completeness | None
    hears: Callable[[Instrument], bool] = lambda _: True
    price: PriceKind = PriceKind.FILL
    ping: str | None = None
    ping_every: timedelta = timedelta(seconds=20)
    reply: Callable[[bytes], str | None] | None = None
    gzipped: bool = False
    per_line: int = 0
    hello_pause: timedelta = timedelta()
    numbered: Callable[[bytes], Sequence[tuple[str, int]]] | None = None
    lifetime: timedelta = timedelta(hours=23)
    also: tuple[str, ...] = ()
    """As of the book."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The weight this address may spend with a venue."""

    weight: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of docs/venues.md: an endpoint, the field read, its unit, its source and our confidence."""

    endpoint: str
    field: str
    unit: str
    source: str
    confidence: str


def facts(table: str) -> tuple[Fact, ...]:
    """Facts from lines of ``endpoint | field | unit | source | confidence``."""
    return tuple(
        Fact(*(cell.strip() for cell in line.split(" | "))) for line in table.splitlines() if line.strip()
    )


ONE_SIDED = "one-sided"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A venue. ``read_refusal`` turns an HTTP status ≥ 400 with its body into the error it means here."""

    venue: Venue
    title: str
    group: Group
    base_url: str
    book: BookPoll
    polls: tuple[Poll, ...]
    budget: Budget
    facts: tuple[Fact, ...]
    read_refusal: Callable[[int, bytes], SourceError]
    sockets: tuple[Socket, ...] = ()
    history: History | None = None
    retold: RetoldPast | None = None
    """What a source that tells of other venues remembers of them."""
    counted: str = ONE_SIDED
    """How the venue counts open interest; two-sided counts are twice as large."""
    by_default: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request."""
    unasked: tuple[Poll, ...] = ()
    """Answers that are read where somebody has one (``decode``), but never asked for: the venue says the
    same elsewhere in another count, and the two must not be mixed."""
    doubts: tuple[str, ...] = ()
    """What may be wrong with its figures, a sentence without a stop each: shown wherever the venue is."""
    unheard: str = ""
    """Why no liquidations can be heard here: shown, so that a missing feed is never taken for calm."""
    closed: str = ""
    """When the venue closed, in words; then there is nothing to ask, and its files are only read."""

    @property
    def liquidations(self) -> Completeness | None:
        """What its feeds of liquidations tell together; ``None`` where it has none."""
        told = {socket.completeness for socket in self.sockets if socket.completeness is not None}
        if Completeness.THROTTLED in told:
            return Completeness.THROTTLED
        return Completeness.COMPLETE if told else None

    key_header: str = ""
    """The header in which the operator's key goes; without a key such a venue is off."""

    @property
    def has_key(self) -> bool:
        """Is there a key, or is none needed?"""
        return not self.key_header or self.key_header in self.headers


@lru_cache(maxsize=4096)
def from_ms(milliseconds: int | str | None) -> datetime:
    """A venue's millisecond stamp as aware UTC. Raises ``SourceChanged`` for none and outside 2009–2100."""
    if milliseconds is None:
        raise SourceChanged("its time is missing")
    try:
        stamp = int(milliseconds)
    except ValueError:
        raise SourceChanged(f"{milliseconds!r:.40} is not a time in milliseconds") from None
    if not 1_230_768_000_000 <= stamp < 4_102_444_800_000:
        raise SourceChanged(f"{stamp} is not a time in milliseconds")
    return datetime.fromtimestamp(stamp / 1000, UTC)


LARGEST_EXPONENT = 30
"""No amount or price is beyond 10^±30; below it neither decimals nor floats can overflow."""


Figure = str | int | float
"""A number where a venue writes it now in quotes and now without; read with ``required`` and its kin."""


def required(raw: Figure | Decimal | None, name: str) -> Decimal:
    """A finite number that must be there; negative numbers and zero are left to the gate.

    A float is taken for what was written, not for its binary neighbour. Raises ``SourceChanged``.
    """
    if raw is None:
        raise SourceChanged(f"{name} is missing")
    try:
        value = Decimal(str(raw) if isinstance(raw, float) else raw)
    except InvalidOperation:
        raise SourceChanged(f"{name} is {raw!r:.40}, not a number") from None
    if value.is_finite() and -LARGEST_EXPONENT <= value.adjusted() <= LARGEST_EXPONENT:
        return value
    raise SourceChanged(f"{name} is {raw!s:.40}, not a possible number")


def optional(raw: Figure | Decimal | None, name: str) -> Decimal | None:
    """A number that may be absent (or empty); zero is a value."""
    return None if raw is None or raw == "" else required(raw, name)


def quoted(raw: Figure | Decimal | None, name: str) -> Decimal | None:
    """A price, where a venue writes zero for "none"."""
    return required(raw, name) or None if raw else None
