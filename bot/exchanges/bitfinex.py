"""Bitfinex: perpetual contracts of one coin each, all in one answer whose rows are arrays.

Every field is known by its place alone. In the past of one contract the name is missing from the row, so each
place is one lower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

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
from bot.exchanges.reading import (
    NOT_COINS,
    code_refusal,
    coin,
    decode,
    evidence,
    pages,
    peek,
    read_all,
    read_book,
    read_rows,
    refusal,
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
    liq:global | [8] | 0 the trigger, 1 the execution: only 1 is counted, by its number | documentation | [?]
    liq:global | completeness | every one is told | — | [0]
    liq:global | spot pairs | positions on margin: not counted | general knowledge | [0]
    error | 11010 | throttled | client library | [1]
    limit | 30 a minute | requests, a guess on the safe side | — | [0]
    """
)

STEP = 5 * MINUTE
POINTS_A_PAGE = 288
ROWS_A_PAGE = 5000  # rows are written more often than we need one, so a page is a day
FUNDING_INTERVAL = 8 * HOUR
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
OTHER_MARKETS = NOT_COINS | {"BTCDOM", "BVIV", "EVIV", "UKOIL"}
_INDEX = re.compile(r"\d+IX$")
_CONTRACT = re.compile(r"^t([A-Z0-9]+)F0:([A-Z0-9]+)F0$")


class _Status(msgspec.Struct, array_like=True):
    symbol: str
    at: int
    _2: Any = None
    deriv_price: Any = None
    spot_price: Any = None
    _5: Any = None
    insurance_fund: Any = None
    _7: Any = None
    next_funding_at: Any = None
    next_funding_accrued: Any = None
    next_funding_step: Any = None
    _11: Any = None
    current_funding: Figure | None = None
    _13: Any = None
    _14: Any = None
    mark_price: Figure | None = None
    _16: Any = None
    _17: Any = None
    open_interest: Figure | None = None


class _Past(msgspec.Struct, array_like=True):
    at: int
    _1: Any = None
    deriv_price: Any = None
    spot_price: Any = None
    _4: Any = None
    insurance_fund: Any = None
    _6: Any = None
    next_funding_at: Any = None
    next_funding_accrued: Any = None
    next_funding_step: Any = None
    _10: Any = None
    current_funding: Any = None
    _12: Any = None
    _13: Any = None
    mark_price: Figure | None = None
    _15: Any = None
    _16: Any = None
    open_interest: Figure | None = None


class _Day(msgspec.Struct, array_like=True):
    symbol: str
    bid: Any
    bid_size: Any
    ask: Any
    ask_size: Any
    change: Any
    relative_change: Any
    last: Any
    volume: Figure


class _Lost(msgspec.Struct, array_like=True):
    kind: Literal["pos"]
    number: int
    at: int
    _3: Any
    symbol: str
    amount: Figure
    entry_price: Any
    _7: Any
    is_match: int
    is_market_sold: Any = None
    _10: Any = None
    price: Figure | None = None


class _Refused(msgspec.Struct, array_like=True):
    kind: Literal["error"]
    code: int
    message: str = ""


class _Event(msgspec.Struct):
    event: str
    code: int = 0
    message: str = msgspec.field(name="msg", default="")


_STATUSES = msgspec.json.Decoder(list[_Status])
_PASTS = msgspec.json.Decoder(list[_Past])
_DAYS = msgspec.json.Decoder(list[_Day])
_REFUSED = msgspec.json.Decoder(_Refused)
_FRAMES = msgspec.json.Decoder(_Event | list[Any])


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    if said is None:
        return None
    return code_refusal(said.code, said.message, body, throttled=THROTTLED, busy=BUSY)


def read_refusal(status: int, body: bytes) -> SourceError:
    """Errors come with any status, often 500; their own code says more."""
    return _told(body) or refusal(status, body)


def parse_book(body: bytes) -> Mapping[str, Instrument]:
    """``[["tBTCF0:USTF0", 1706256986000, …]]``: what has a status is listed. One contract is one coin.

    Nothing in a row says that it is an index or a metal: those are known by name.
    """

    def read(row: _Status) -> Instrument | None:
        named = _CONTRACT.match(row.symbol)
        if named is None or named[2] not in QUOTES:
            return None
        base = named[1]
        if base in OTHER_MARKETS or _INDEX.search(base):
            return None
        asset, multiple = coin(RENAMED.get(base, base))
        return Instrument(VENUE, row.symbol, asset, coins_per_base=multiple, quote=QUOTES[named[2]])

    rows = decode(_STATUSES, body, _told)
    return read_book(rows, read)


def parse_statuses(body: bytes, book: Book, now: datetime) -> Answer:
    """``[["tXRPF0:USTF0", ms, …, [12] funding, …, [15] mark price, …, [18] open interest, …]]``: coins."""

    def read(row: _Status, instrument: Instrument) -> list[Observation]:
        if row.open_interest is None:
            raise SourceChanged("[18], the open interest, is missing")
        at, price = from_ms(row.at), quoted(row.mark_price, "[15]")
        amount = Amount(required(row.open_interest, "[18]"), Unit.BASE)
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
        if (rate := optional(row.current_funding, "[12]")) is not None:
            said.append(Funding(instrument, rate, FUNDING_INTERVAL, at, now))
        return said

    rows = decode(_STATUSES, body, _told)
    return read_rows(rows, book, read)


def parse_volume(body: bytes, book: Book, now: datetime) -> Answer:
    """``[["tBTCF0:USTF0", bid, …, [7] last price, [8] volume, high, low]]``: base coins."""

    def read(row: _Day, instrument: Instrument) -> list[Observation]:
        return [Volume(instrument, Amount(required(row.volume, "[8]"), Unit.BASE), now, now)]

    rows = decode(_DAYS, body, _told)
    return read_rows(rows, book, read)


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
    points = []
    for row in decode(_PASTS, body, _told):
        if row.open_interest is None:
            raise SourceChanged("[17], the open interest, is missing", evidence=evidence(body))
        amount = Amount(required(row.open_interest, "[17]"), Unit.BASE)
        price = quoted(row.mark_price, "[14]")
        points.append(OpenInterest(instrument, amount, from_ms(row.at), now, price))
    return sorted(points, key=lambda point: point.at)


def parse_liquidations(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``[channel, [["pos", id, ms, _, "tETHF0:USTF0", amount, entry, _, is_match, _, _, price]]]``

    The sign of the amount is the position's. A liquidation is told when it is triggered (``is_match`` 0) and
    when it is executed (1); only the execution has a price for certain, and only it is counted.
    """
    frame = decode(_FRAMES, body)
    if isinstance(frame, _Event):
        if frame.event == "error":
            raise SourceChanged(f"subscription refused: {frame.message}", evidence=evidence(body))
        return ()

    def read(row: list[Any]) -> Liquidation | None:
        try:
            lost = msgspec.convert(row, _Lost)
        except msgspec.ValidationError as unread:
            raise SourceChanged(str(unread), evidence=evidence(body)) from unread
        instrument = book.get(lost.symbol)
        if instrument is None or lost.is_match != 1:
            return None
        if lost.price is None:
            raise SourceChanged("[11], the price, is missing", evidence=evidence(body))
        amount = required(lost.amount, "[5]")
        position = Position.LONG if amount > 0 else Position.SHORT
        size, price = Amount(abs(amount), Unit.BASE), required(lost.price, "[11]")
        return Liquidation(instrument, position, size, price, from_ms(lost.at), now, str(lost.number))

    return read_all(_rows(frame), read)[0]


def _rows(frame: list[Any]) -> Iterator[list[Any]]:
    """The rows of a frame; in answers over HTTP each stands in a list of its own."""
    for part in frame:
        if isinstance(part, list):
            yield from (row for row in part if isinstance(row, list) and row[:1] == ["pos"])


EXCHANGE = Exchange(
    venue=VENUE,
    title="Bitfinex",
    group=Group.OFFSHORE,
    base_url="https://api-pub.bitfinex.com",
    book=BookPoll(HOUR, lambda: [Request("/v2/status/deriv", {"keys": "ALL"})], parse_book),
    polls=(
        Poll(
            "statuses",
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
    sockets=(
        Socket(
            "liquidations",
            "wss://api-pub.bitfinex.com/ws/2",
            lambda _: ('{"event":"subscribe","channel":"status","key":"liq:global"}',),
            parse_liquidations,
            Completeness.COMPLETE,
            ping='{"event":"ping","cid":1}',
        ),
    ),
    history=History(STEP, timedelta(days=14), _past, parse_history),
)
