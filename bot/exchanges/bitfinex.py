"""Bitfinex: perpetual contracts of one coin each, all in one answer whose rows are arrays.

Every field is known by its place alone. In the past of one contract the name is missing from the row, so each
place is one lower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

from bot.domain.market import (
    Completeness,
    Funding,
    Group,
    Instrument,
    Liquidation,
    Observation,
    OpenInterest,
    Position,
    Venue,
    Volume,
)
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import read_book
from bot.exchanges.reading import (
    NOT_COINS,
    code_refusal,
    coin,
    decode,
    evidence,
    pages,
    peek,
    read_all,
    read_past,
    read_rows,
    refusal,
    stray,
)
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    Figure,
    History,
    Listing,
    Poll,
    Request,
    Socket,
    facts,
    from_ms,
    optional,
    quoted,
    required,
)

VENUE = Venue("bitfinex")
FACTS = facts(
    """
    /v2/status/deriv | [18] | base coin | documentation, client library | [2]
    /v2/status/deriv | [15] | quote per base coin | documentation, client library | [2]
    /v2/status/deriv | [12] | fraction of the current 8 h | documentation | [1]
    /v2/status/deriv | [1] | ms | documentation, client library | [2]
    /v2/status/deriv/{symbol}/hist | [17], [14], [0] | the same, without a name before them | library | [2]
    /v2/status/deriv/{symbol}/hist | limit | 5,000 rows, as close as they were written | client library | [1]
    /v2/tickers | [8] | base coin, of 24 h; no time: receive time | documentation | [1]
    names | indexes, oil, volatility, currencies, metals | left out by name | announcements of the venue | [1]
    liq:global | [5] | its sign is the position: above zero a long was lost | documentation, adapters | [2]
    liq:global | [11] | price; [6] is the entry | documentation, client library | [2]
    liq:global | [8] | 0 the trigger, which has no price; 1 an execution: only these are read | recorded | [2]
    liq:global | [1], [5] | a position and its size, again at each execution: counted once | recorded | [1]
    liq:global | [2] | ms, also with a fraction | documentation | [1]
    liq:global | completeness | every one is told | — | [0]
    liq:global | spot pairs | positions on margin: not counted | general knowledge | [0]
    error | 11010 | throttled | client library | [1]
    limit | 30 a minute | requests, a guess on the safe side | — | [0]
    """
)

STEP = 5 * MINUTE
POINTS_A_PAGE = 288
TICKER = 11
"""A name and ten figures; rows of ``/v2/status/deriv`` begin with a name too."""
ROWS_A_PAGE = 5000  # rows are written more often than we need one, so a page is a day
FUNDING_INTERVAL = 8 * HOUR
EXECUTED = 1
EVENTS = ("info", "conf", "pong", "subscribed", "unsubscribed")
THROTTLED = {"11010": MINUTE}
BUSY = frozenset({"20051", "20060"})  # restarting, in maintenance
QUOTES = {"UST": "USDT"}
RENAMED = {
    "ALG": "ALGO",
    "AMP": "AMPL",
    "ATO": "ATOM",
    "BCHN": "BCH",
    "DSH": "DASH",
    "IOT": "IOTA",
    "LUNA": "LUNC",
    "LUNA2": "LUNA",
    "MNA": "MANA",
    "QTM": "QTUM",
}
"""Its own three-letter names (pub:map:currency:sym), where a contract exists."""
OTHER_MARKETS = NOT_COINS | {"BTCDOM", "BVIV", "EUT", "EVIV", "UKOIL"}
_INDEX = re.compile(r"\d+IX$")
_CONTRACT = re.compile(r"^t([A-Z0-9]+)F0:([A-Z0-9]+)F0$")


Row = list[Any]


class _Refused(msgspec.Struct, array_like=True):
    kind: Literal["error"]
    code: int
    message: str = ""


class _Event(msgspec.Struct):
    event: str
    code: int = 0
    message: str = msgspec.field(name="msg", default="")


_ROWS = msgspec.json.Decoder(list[Row])
_REFUSED = msgspec.json.Decoder(_Refused)
_FRAMES = msgspec.json.Decoder(_Event | list[Any])


class _Named(NamedTuple):
    """A row that begins with the name of a contract."""

    symbol: str
    row: Row


def _named(body: bytes) -> list[_Named]:
    rows = decode(_ROWS, body, _told)
    if not all(row and isinstance(row[0], str) for row in rows):
        raise SourceChanged("a row does not begin with a name", evidence=evidence(body))
    return [_Named(row[0], row) for row in rows]


def _place(row: Row, place: int) -> Figure | None:
    """What stands at a place, ``None`` where it is empty or beyond the end."""
    found = row[place] if place < len(row) else None
    if found is None or (isinstance(found, str | int | float) and not isinstance(found, bool)):
        return found
    raise SourceChanged(f"[{place}] is {found!r:.40}, not a figure")


def _needed(row: Row, place: int) -> Decimal:
    if (found := _place(row, place)) is None:
        raise SourceChanged(f"[{place}] is missing")
    return required(found, f"[{place}]")


def _moment(row: Row, place: int) -> datetime:
    found = _place(row, place)
    return from_ms(found if isinstance(found, int) else int(_needed(row, place)))


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    if said is None:
        return None
    return code_refusal(said.code, said.message, body, throttled=THROTTLED, busy=BUSY)


def read_refusal(status: int, body: bytes) -> SourceError:
    """Errors come with any status, often 500; their own code says more."""
    return _told(body) or refusal(status, body)


def parse_book(body: bytes) -> Listing:
    """``[["tBTCF0:USTF0", 1706256986000, …]]``: what has a status is listed. One contract is one coin.

    Nothing in a row says that it is an index or a metal: those are known by name.
    """

    def read(row: _Named) -> Instrument | None:
        named = _CONTRACT.match(row.symbol)
        if named is None or named[2] not in QUOTES:
            return None
        base = named[1]
        if base in OTHER_MARKETS or _INDEX.search(base):
            return None
        asset, multiple = coin(RENAMED.get(base, base))
        return Instrument(VENUE, row.symbol, asset, coins_per_base=multiple, quote=QUOTES[named[2]])

    return read_book(_named(body), read)


def parse_statuses(body: bytes, book: Book, now: datetime) -> Answer:
    """``[["tXRPF0:USTF0", ms, …, [12] funding, …, [15] mark price, …, [18] open interest, …]]``: coins."""

    def read(told: _Named, instrument: Instrument) -> list[Observation]:
        row, at = told.row, _moment(told.row, 1)
        amount = Amount(_needed(row, 18), Unit.BASE)
        price = quoted(_place(row, 15), "[15]")
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
        if (rate := optional(_place(row, 12), "[12]")) is not None:
            said.append(Funding(instrument, rate, FUNDING_INTERVAL, at, now))
        return said

    return read_rows(_named(body), book, read)


def parse_volume(body: bytes, book: Book, now: datetime) -> Answer:
    """``[["tBTCF0:USTF0", bid, …, [7] last price, [8] volume, high, low]]``: base coins."""

    def read(told: _Named, instrument: Instrument) -> list[Observation]:
        if len(told.row) > TICKER:
            raise SourceChanged(f"{len(told.row)} figures in a row: not a ticker")
        amount, last = Amount(_needed(told.row, 8), Unit.BASE), quoted(_place(told.row, 7), "[7]")
        return [Volume(instrument, amount, now, now, last)]

    return read_rows(_named(body), book, read)


def _past(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
    return [
        Request(
            f"/v2/status/deriv/{instrument.symbol}/hist",
            {"start": str(first), "end": str(last), "limit": str(ROWS_A_PAGE)},
        )
        for first, last in pages(since, until, STEP, POINTS_A_PAGE)
    ]


def parse_history(body: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """``[[ms, …, [14] mark price, …, [17] open interest, …]]``, newest first there, oldest first here."""

    def read(row: Row) -> OpenInterest:
        amount, price = Amount(_needed(row, 17), Unit.BASE), quoted(_place(row, 14), "[14]")
        return OpenInterest(instrument, amount, _moment(row, 0), now, price)

    rows = decode(_ROWS, body, _told)
    return read_past(rows, read)


def parse_liquidations(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``[channel, [["pos", id, ms, _, "tETHF0:USTF0", amount, entry, _, is_match, _, _, price]]]``

    The sign of the amount is the position's. A liquidation is told when it is triggered (``is_match`` 0),
    without a price, and at each execution (1), with what was left of the position until then: the first of
    them tells all of it.
    """
    frame = decode(_FRAMES, body)
    if isinstance(frame, _Event):
        if frame.event == "error":
            raise SourceChanged(f"subscription refused: {frame.message}", evidence=evidence(body))
        if frame.event not in EVENTS:
            raise stray(body)
        return ()
    rows = list(_lost(frame))
    if not rows and any(isinstance(part, list) and part for part in frame):
        raise stray(body)

    def read(row: Row) -> Liquidation | None:
        instrument = book.get(str(_place(row, 4)))
        if instrument is None or _place(row, 8) != EXECUTED:
            return None
        amount, price, number = _needed(row, 5), _needed(row, 11), str(_place(row, 1))
        position = Position.LONG if amount > 0 else Position.SHORT
        size = Amount(abs(amount), Unit.BASE)
        return Liquidation(instrument, position, size, price, _moment(row, 2), now, number, whole=True)

    lost = read_all(rows, read)
    lost.sort(key=lambda one: one.at)
    return lost


def _lost(part: list[Any], depth: int = 3) -> Iterator[Row]:
    """The rows of a frame; in answers over HTTP each stands in a list of its own."""
    if part[:1] == ["pos"]:
        yield part
    elif depth:
        for inner in part:
            if isinstance(inner, list):
                yield from _lost(inner, depth - 1)


EXCHANGE = Exchange(
    venue=VENUE,
    title="Bitfinex",
    group=Group.OFFSHORE,
    base_url="https://api-pub.bitfinex.com",
    book=BookPoll(HOUR, lambda: [Request("/v2/status/deriv", {"keys": "ALL"})], parse_book),
    polls=(
        Poll(
            "open-interest",
            MINUTE,
            lambda _: [Request("/v2/status/deriv", {"keys": "ALL"})],
            parse_statuses,
        ),
        Poll(
            "volume",
            5 * MINUTE,
            lambda book: [Request("/v2/tickers", {"symbols": ",".join(book)})] if book else [],
            parse_volume,
        ),
    ),
    budget=Budget(30, MINUTE),
    facts=FACTS,
    read_refusal=read_refusal,
    doubts=("shares, metals and the like are left out by name: a new one counts until its name is known",),
    sockets=(
        Socket(
            "liquidations",
            "wss://api-pub.bitfinex.com/ws/2",
            lambda _: ('{"event":"subscribe","channel":"status","key":"liq:global"}',),
            parse_liquidations,
            Completeness.COMPLETE,
            ping='{"event":"ping","cid":1}',
            also=("liq:global", "status/liq:global", "v2/liquidations/hist"),
        ),
    ),
    history=History(STEP, timedelta(days=14), _past, parse_history),
)
