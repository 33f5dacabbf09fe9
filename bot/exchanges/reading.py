"""What the venues' files share: decoding, rows that fail alone, refusals, and pages of the past."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from bot.domain.assets import Asset, parse_asset
from bot.domain.market import AccountRatio, Funding, Instrument, Observation, OpenInterest
from bot.errors import SourceBlocked, SourceChanged, SourceError, SourceThrottled, SourceUnreachable
from bot.exchanges.spec import HOUR, MINUTE, Answer, Book, Figure, Rows, from_ms, required

DOLLARS = frozenset({"USD", "USDT", "USDC", "USD1", "BUSD"})
"""Quote currencies counted as dollars (BUSD in payloads of until 2023). A contract priced in anything else is
left out of the book."""

NOT_COINS = frozenset(
    ("AUD", "CAD", "CHF", "CNH", "EUR", "GBP", "JPY", "NZD", "SGD", "TRY", "USD", "XAG", "XAU", "XPD", "XPT")
)
"""Currencies and metals (ISO 4217) that some venues list under plain names, like coins."""

USUAL_INTERVAL = 8 * HOUR
"""Between two settlements of funding."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ACCOUNTS_EVERY = 15 * MINUTE
"""Accounts change their minds slowly, and each contract costs a request."""

T = TypeVar("T")
R = TypeVar("R")

NOTHING = (None, "", "NaN", "nan", "Infinity", "-Infinity", "inf", "-inf")
"""What stands where a field has nothing to say."""

_WRITTEN = msgspec.json.Decoder(float_hook=str)
"""Fractions as they are written, since a float is only near to them."""

OneOrMore: TypeAlias = list[T] | T
"""All rows, or the one that was asked for."""


class SymbolRow(Protocol):
    @property
    def symbol(self) -> str: ...


SR = TypeVar("SR", bound=SymbolRow)


def evidence(body: bytes) -> str:
    """The start of a payload, fit for one line of a log."""
    return " ".join(body[:200].decode("utf-8", "replace").split())


def stray(body: bytes) -> SourceChanged:
    """A frame of a socket that is neither what was subscribed to nor one of the venue's own answers."""
    return SourceChanged("neither what was subscribed to nor an answer to it", evidence=evidence(body))


def decode(
    decoder: msgspec.json.Decoder[T], body: bytes, told: Callable[[bytes], SourceError | None] | None = None
) -> T:
    """``body`` as the type that was mapped.

    Where it is something else, ``told`` may know it as the venue's own way to refuse. Otherwise it is read
    once more as a venue may write it on another day: numbers in quotes, or whole ones with a point, and
    ``NOTHING`` where a field has nothing to say. What is still something else is ``SourceChanged``.
    """
    try:
        return decoder.decode(body)
    except (ValueError, ArithmeticError, RecursionError) as unread:
        # msgspec's own errors are ValueErrors, as is broken UTF-8; decimals and deep nesting have their own.
        if told is not None and (refused := told(body)) is not None:
            raise refused from None
        with suppress(ValueError, ArithmeticError, RecursionError):
            return msgspec.convert(_spoken(_WRITTEN.decode(body)), decoder.type, strict=False)
        raise SourceChanged(str(unread), evidence=evidence(body)) from unread


def _spoken(value: object) -> object:
    """Without the fields that say nothing."""
    if isinstance(value, dict):
        return {name: _spoken(inner) for name, inner in value.items() if inner not in NOTHING}
    if isinstance(value, list):
        return [_spoken(inner) for inner in value]
    return value


def peek(decoder: msgspec.json.Decoder[T], body: bytes) -> T | None:
    """``body`` if it happens to be of that type: for looking at a refusal."""
    try:
        return decoder.decode(body)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def rows_of(told: OneOrMore[T]) -> Sequence[T]:
    return told if isinstance(told, list) else [told]


def stamped(milliseconds: int | str | None, now: datetime) -> datetime:
    """The venue's own time, or ours where it tells none. Raises ``SourceChanged``."""
    return from_ms(milliseconds) if milliseconds else now


def read_rows(
    rows: Iterable[SR],
    book: Book,
    read: Callable[[SR, Instrument], list[Observation]],
    *,
    may_be_silent: bool = False,
) -> Answer:
    """What the rows of known instruments say. A row that cannot be read is lost alone, and named.

    Raises ``SourceChanged`` when no row of a known instrument could be read, or none of them says anything:
    then it is the answer to another question, unless they ``may_be_silent`` (funding without its interval).
    """
    observations: list[Observation] = []
    unknown: list[str] = []
    unreadable: list[str] = []
    known: list[str] = []
    for row in rows:
        symbol = row.symbol
        instrument = book.get(symbol)
        if instrument is None:
            unknown.append(symbol)
            continue
        known.append(symbol)
        try:
            observations += read(row, instrument)
        except SourceChanged as fault:
            unreadable.append(f"{symbol}: {fault}")
    if unreadable and not observations:
        raise SourceChanged(unreadable[0], evidence="; ".join(unreadable[:3])[:200])
    if known and not observations and not may_be_silent:
        raise SourceChanged(f"nothing of what is asked for is told of {known[0]}")
    return Answer(observations, unknown, unreadable)


def the_same(instrument: Instrument, told: Iterable[str]) -> None:
    """Raises ``SourceChanged`` where a history names another contract than the one it is read for."""
    other = next((name for name in told if name and name != instrument.symbol), None)
    if other is not None:
        raise SourceChanged(f"asked for {instrument.symbol}, told of {other}")


def asked_for(book: Book) -> Instrument:
    """The one contract of ``book``, where an answer does not name its own. Raises ``SourceChanged``."""
    if len(book) != 1:
        raise SourceChanged("whose answer it is cannot be told: it names no contract")
    return next(iter(book.values()))


def account_ratio(
    instrument: Instrument, told: Figure | Decimal | None, at: datetime, now: datetime
) -> AccountRatio:
    """Long accounts per short one. Raises ``SourceChanged`` for what is no ratio."""
    ratio = required(told, "long accounts per short one")
    if ratio <= 0:
        raise SourceChanged(f"{ratio} long accounts per short one")
    return AccountRatio(instrument, ratio, at, now)


def read_all(rows: Iterable[R], read: Callable[[R], T | None]) -> Rows[T]:
    """What ``read`` makes of each row (``None``: left out); rows that could not be read are lost alone.

    Raises ``SourceChanged`` when rows were there and none could be read.
    """
    made: Rows[T] = Rows()
    unreadable: list[str] = []
    for row in rows:
        try:
            one = read(row)
        except SourceChanged as fault:
            unreadable.append(str(fault))
        else:
            if one is not None:
                made.append(one)
    if unreadable and not made:
        raise SourceChanged(unreadable[0])
    made.unreadable = unreadable
    return made


def read_past(rows: Iterable[R], read: Callable[[R], OpenInterest | None]) -> Rows[OpenInterest]:
    """The points of a past as by ``read_all``, oldest first."""
    points = read_all(rows, read)
    points.sort(key=lambda point: point.at)
    return points


def coin(listed: str) -> tuple[Asset, int]:
    """``parse_asset`` for a name from outside: an empty one is ``SourceChanged``."""
    try:
        return parse_asset(listed)
    except ValueError as nameless:
        raise SourceChanged(str(nameless)) from None


def refusal(status: int, body: bytes) -> SourceError:
    """What an HTTP status of 400 or more means where a venue gives it no meaning of its own.

    Whoever asked honours a ``Retry-After`` before the wait said here.
    """
    said = evidence(body)
    if status in (418, 429):
        # 418 is Binance's ban for asking on after 429: two minutes at least.
        wait = 2 * MINUTE if status == 418 else MINUTE
        return SourceThrottled(f"HTTP {status}: asked too often", retry_after=wait, evidence=said)
    if status in (403, 451):
        return SourceBlocked(f"HTTP {status}: this address or country may not ask", evidence=said)
    if status == 408 or status >= 500:
        return SourceUnreachable(f"HTTP {status}: out of service", evidence=said)
    return SourceChanged(f"HTTP {status}: the question was not understood", evidence=said)


def by_code(told: Callable[[bytes], SourceError | None]) -> Callable[[int, bytes], SourceError]:
    """Where errors come with any status: the venue's own code, where it is known, says more than that."""

    def read(status: int, body: bytes) -> SourceError:
        said, plain = told(body), refusal(status, body)
        if said is None or (isinstance(said, SourceChanged) and not isinstance(plain, SourceChanged)):
            return plain
        return said

    return read


def code_refusal(
    code: str | int,
    message: str,
    body: bytes,
    *,
    throttled: Mapping[str, timedelta],
    busy: Collection[str] = (),
    blocked: Collection[str] = (),
) -> SourceError:
    """What a venue's own error code, often sent with HTTP 200, means. Others are ``SourceChanged``."""
    code, why = str(code), f"code {code}: {message or 'no message'}"
    if code in throttled:
        return SourceThrottled(why, retry_after=throttled[code], evidence=evidence(body))
    if code in blocked:
        return SourceBlocked(why, evidence=evidence(body))
    if code in busy:
        return SourceUnreachable(why, evidence=evidence(body))
    return SourceChanged(why, evidence=evidence(body))


@lru_cache(maxsize=256)
def hours(raw: Figure | None, name: str) -> timedelta:
    """The time between two settlements of funding, told in whole hours. Raises ``SourceChanged``."""
    told = required(raw, name)
    if told != int(told) or not 1 <= told <= 168:
        raise SourceChanged(f"{name} is {raw!r:.40}, not whole hours")
    return int(told) * HOUR


def between(due: int | str, due_after: int | str) -> timedelta:
    """The time between two settlements of funding, told in milliseconds. Raises ``SourceChanged``."""
    interval = from_ms(due_after) - from_ms(due)
    if interval < MINUTE:
        raise SourceChanged(f"funding is due twice within {interval}")
    return interval


def usual_funding(
    instrument: Instrument, rate: Decimal, due: int | str | None, at: datetime, now: datetime
) -> list[Observation]:
    """Where a venue never tells the interval: the usual one, said to be assumed.

    Nothing where the next settlement is not told, or is due at an hour that only a shorter interval has.
    """
    if not due or not _usual(due):
        return []
    return [Funding(instrument, rate, USUAL_INTERVAL, at, now, assumed=True)]


@lru_cache(maxsize=256)
def _usual(due: int | str) -> bool:
    return not (from_ms(due) - EPOCH) % USUAL_INTERVAL


class _Coded(msgspec.Struct):
    code: int | str
    message: str | None = None
    msg: str | None = None


_CODED = msgspec.json.Decoder(_Coded)


def coded(
    *,
    fine: str,
    throttled: Mapping[str, timedelta],
    busy: Collection[str] = (),
    blocked: Collection[str] = (),
) -> Callable[[bytes], SourceError | None]:
    """Reads ``{"code", "message"}`` (or ``msg``) as a refusal, unless the code says that all is well."""

    def told(body: bytes) -> SourceError | None:
        said = peek(_CODED, body)
        if said is None or str(said.code) == fine:
            return None
        why = said.message or said.msg or ""
        return code_refusal(said.code, why, body, throttled=throttled, busy=busy, blocked=blocked)

    return told


def pages(since: datetime, until: datetime, step: timedelta, limit: int) -> Iterator[tuple[int, int]]:
    """First and last millisecond (both counted) of pages that hold at most ``limit`` points each."""
    last = to_ms(until)
    span = (limit - 1) * round(step / timedelta(milliseconds=1))
    first = to_ms(since)
    while first <= last:
        yield first, min(first + span, last)
        first += span + 1


def in_frames(topics: Iterable[str], most: int) -> Iterator[Sequence[str]]:
    """``topics`` in parts of at most ``most``: what one frame may subscribe to."""
    every = list(topics)
    return (every[n : n + most] for n in range(0, len(every), most))


def utc(at: datetime) -> datetime:
    """A zoned time as UTC; ``SourceChanged`` at the ends of the calendar, where that is not possible."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise SourceChanged(f"{at} is not a possible time") from None


def moment(written: str, name: str) -> datetime:
    """A zoned ISO time, as UTC, where a venue leaves it empty in some rows. Raises ``SourceChanged``."""
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise SourceChanged(f"{name} is {written!r:.40}, not a time with its zone")
    return utc(at)


def to_ms(at: datetime) -> int:
    return round(at.astimezone(UTC).timestamp() * 1000)


def implied_price(usd: Decimal, base: Decimal) -> Decimal | None:
    """The price of one base unit that a value in dollars and an amount imply; ``None`` where one is zero."""
    return usd / base if usd and base else None
