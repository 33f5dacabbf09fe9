"""Kraken Futures: linear contracts (``PF_``, ``FF_``) in coins, inverse ones (``PI_``, ``FI_``) in dollars.

All symbols come in one answer. Bitcoin is XBT. Funding is told as an amount of money, not as a fraction.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import field

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
from bot.domain.units import Amount, ContractSize, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import read_book, stated
from bot.exchanges.reading import (
    DOLLARS,
    NOT_COINS,
    asked_for,
    code_refusal,
    coin,
    decode,
    evidence,
    in_frames,
    pages,
    peek,
    read_all,
    read_rows,
    refusal,
    stray,
    utc,
)
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    SECOND,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    History,
    Listing,
    Poll,
    Request,
    Socket,
    facts,
    from_ms,
    only_read,
    optional,
    quoted,
    required,
)

VENUE = Venue("kraken_futures")
FACTS = facts(
    """
    …/api/v3/tickers PF_, FF_ | openInterest | base coin | recorded answer, documentation | [2]
    …/api/v3/tickers PI_, FI_ | openInterest | contracts | recorded answer, documentation | [2]
    …/api/v3/tickers | markPrice | USD per base coin | recorded answer | [2]
    …/api/v3/tickers linear | fundingRate ÷ markPrice | fraction per hour; the field is USD | library | [1]
    …/api/v3/tickers inverse | fundingRate × markPrice | per hour; the field is coins | past rates | [1]
    …/api/v3/tickers | vol24h | as openInterest | client library | [1]
    …/api/v3/tickers | serverTime | one for all rows | recorded answer | [2]
    …/api/v3/instruments | contractSize | USD per contract (inverse) | documentation | [2]
    …/api/v3/instruments | tradfi, base with a small x | shares and the like: left out | documentation | [1]
    ticker | openInterest, markPrice | as over HTTP: never asked for | recorded message | [2]
    ticker | relative_funding_rate | fraction per hour | recorded message | [1]
    …/analytics/{symbol}/open-interest | close | as openInterest, stamped in seconds | one adapter | [1]
    …/analytics/{symbol}/open-interest | reach | about 6 days at 5 minutes | one observer | [1]
    trade | side where type is liquidation | side of the order: sell closed a long | documentation | [1]
    trade | qty | as openInterest | by analogy | [1]
    trade | type is termination | not counted: whose side is told is not known | documentation | [?]
    trade | seq | number of a product's message | documentation | [1]
    trade_snapshot | — | old trades: never counted | documentation | [2]
    …/api/v3/history | size, side, type | as trade, of one contract: never asked for | documentation | [1]
    error | apiLimitExceeded | throttled | client library | [1]
    error | Unavailable, marketUnavailable | unreachable | client library | [1]
    """
)

LINEAR = ("PF_", "FF_")
INVERSE = ("PI_", "FI_")
STEP = 5 * MINUTE
POINTS_A_PAGE = 500
PRODUCTS_PER_FRAME = 100
EVENTS = ("", "info", "alert", "error", "pong", "subscribed", "unsubscribed", "subscribed_failed")
THROTTLED = {"apiLimitExceeded": 10 * SECOND}
BUSY = frozenset({"Unavailable", "unavailable", "marketUnavailable", "Server Error"})


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    tradeable: bool | None = None
    base: str = ""
    quote: str = ""
    contract_size: Decimal | None = None
    last_trading_time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    tradfi: bool = False


class _Listing(msgspec.Struct):
    result: Literal["success"]
    instruments: list[_Listed]


class _Ticker(msgspec.Struct, rename="camel"):
    symbol: str
    open_interest: Decimal | None = None
    mark_price: Decimal | None = None
    funding_rate: Decimal | None = None
    vol24h: Decimal | None = None
    relative: Decimal | None = field(name="relative_funding_rate", default=None)
    """Funding as a fraction, which only the socket tells."""


class _Tickers(msgspec.Struct, rename="camel"):
    result: Literal["success"]
    server_time: Annotated[datetime, msgspec.Meta(tz=True)]
    tickers: list[_Ticker] | None = None
    ticker: _Ticker | None = None
    """Where one was asked for."""


class _Feed(msgspec.Struct, rename="camel"):
    """The same of one contract, over the socket."""

    feed: Literal["ticker"]
    at: int = field(name="time")
    symbol: str = field(name="product_id")
    open_interest: Decimal | None = None
    mark_price: Decimal | None = None
    relative: Decimal | None = field(name="relative_funding_rate", default=None)
    volume: Decimal | None = None


class _Done(msgspec.Struct):
    at: Annotated[datetime, msgspec.Meta(tz=True)] = field(name="time")
    side: Literal["buy", "sell", ""] = ""
    kind: str = field(name="type", default="")
    size: Decimal | None = None
    price: Decimal | None = None
    number: str = field(name="uid", default="")


class _History(msgspec.Struct):
    result: Literal["success"]
    history: list[_Done]


class _Refused(msgspec.Struct):
    result: Literal["error"]
    error: str = ""


class _Series(msgspec.Struct):
    timestamp: list[int]
    data: list[tuple[Decimal, Decimal, Decimal, Decimal] | None]


class _Past(msgspec.Struct):
    result: _Series


class _Frame(msgspec.Struct):
    """An event (an answer to us) or, of the feed ``trade``, one trade."""

    event: str = ""
    message: str = ""
    feed: str = ""
    symbol: str = field(name="product_id", default="")
    kind: str = field(name="type", default="")
    side: Literal["buy", "sell", ""] = ""
    number: str = field(name="uid", default="")
    seq: int | None = None
    at: int = field(name="time", default=0)
    qty: Decimal | None = None
    price: Decimal | None = None


_LISTING = msgspec.json.Decoder(_Listing)
_TICKERS = msgspec.json.Decoder(_Tickers)
_REFUSED = msgspec.json.Decoder(_Refused)
_PASTS = msgspec.json.Decoder(_Past)
_FRAMES = msgspec.json.Decoder(_Frame)
_FEEDS = msgspec.json.Decoder(_Feed)
_HISTORIES = msgspec.json.Decoder(_History)


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    if said is None:
        return None
    return code_refusal(said.error, "refused", body, throttled=THROTTLED, busy=BUSY)


def read_refusal(status: int, body: bytes) -> SourceError:
    """Errors come with any status; their own word says more."""
    return _told(body) or refusal(status, body)


def parse_book(body: bytes) -> Listing:
    """``{"instruments": [{"symbol": "PI_XBTUSD", "base": "XBT", "quote": "USD", "contractSize": 1, …}]}``

    The beginning of the name says how a contract counts; the field ``type`` does not say it reliably.
    """

    def read(row: _Listed) -> Instrument | None:
        name = row.symbol.upper()  # once written small
        inverse = name.startswith(INVERSE)
        if not (inverse or name.startswith(LINEAR)) or not stated(row.tradeable, "tradeable") or row.tradfi:
            return None
        base, quote = row.base, row.quote
        if not (base or quote):  # lists of before 2023 tell them in the name alone
            pair = name.split("_")[1]
            base, quote = pair[:-3], pair[-3:]
        if quote not in DOLLARS or base in NOT_COINS or base.endswith("x"):
            return None
        asset, multiple = coin(base)
        size = optional(row.contract_size, "contractSize") if inverse else None
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=inverse,
            contract=ContractSize(size, Unit.QUOTE) if size else None,
            expiry=utc(row.last_trading_time) if row.last_trading_time else None,
            coins_per_base=multiple,
            quote=quote,
        )

    return read_book(decode(_LISTING, body, _told).instruments, read)


def _counted(instrument: Instrument) -> Unit:
    return Unit.CONTRACTS if instrument.inverse else Unit.BASE


def parse_tickers(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"serverTime": "2026-…Z", "tickers": [{"symbol", "openInterest", "markPrice", "fundingRate", …}]}``

    Rows of indexes stand among the contracts. ``fundingRate`` is what one contract pays in an hour: dollars
    on a coin, coins on a dollar. A frame ``{"feed": "ticker", "product_id", …}`` tells the same of one.
    """
    at, told = _tickers(body)

    def read(row: _Ticker, instrument: Instrument) -> list[Observation]:
        unit, price = _counted(instrument), quoted(row.mark_price, "markPrice")
        amount = Amount(required(row.open_interest, "openInterest"), unit)
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
        rate = optional(row.funding_rate, "fundingRate")
        share = optional(row.relative, "relative_funding_rate")
        if rate is not None and price:
            share = rate * price if instrument.inverse else rate / price
        if share is not None:
            said.append(Funding(instrument, share, HOUR, at, now))
        if (volume := optional(row.vol24h, "vol24h")) is not None:
            said.append(Volume(instrument, Amount(volume, unit), at, now))
        return said

    rows = [row for row in told if row.symbol.upper().startswith(LINEAR + INVERSE)]
    for row in rows:
        if row.symbol not in book:
            row.symbol = row.symbol.upper()
    return read_rows(rows, book, read)


def _tickers(body: bytes) -> tuple[datetime, Sequence[_Ticker]]:
    if (one := peek(_FEEDS, body)) is not None:
        row = _Ticker(one.symbol, one.open_interest, one.mark_price, None, one.volume, one.relative)
        return from_ms(one.at), [row]
    page = decode(_TICKERS, body, _told)
    told = page.tickers if page.ticker is None else [page.ticker]
    if told is None:
        raise SourceChanged("there are no tickers", evidence=evidence(body))
    return utc(page.server_time), told


def _past(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
    return [
        Request(
            f"/api/charts/v1/analytics/{instrument.symbol}/open-interest",
            {"since": str(-(-first // 1000)), "to": str(last // 1000), "interval": "300"},
        )
        for first, last in pages(since, until, STEP, POINTS_A_PAGE)
    ]


def parse_history(body: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """``{"result": {"timestamp": [seconds], "data": [[open, high, low, close]]}}``: the close is read."""
    series = decode(_PASTS, body, _told).result
    if len(series.timestamp) != len(series.data):
        why = f"{len(series.timestamp)} times for {len(series.data)} points"
        raise SourceChanged(why, evidence=evidence(body))
    unit = _counted(instrument)
    points = [
        OpenInterest(instrument, Amount(required(row[3], "close"), unit), from_ms(seconds * 1000), now)
        for seconds, row in zip(series.timestamp, series.data, strict=True)
        if row is not None
    ]
    return sorted(points, key=lambda point: point.at)


def _hello(book: Book) -> Sequence[str]:
    return [
        json.dumps({"event": "subscribe", "feed": "trade", "product_ids": products})
        for products in in_frames(book, PRODUCTS_PER_FRAME)
    ]


def parse_trades(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``{"feed": "trade", "product_id", "type": "liquidation", "side": "sell", "qty", "price", "uid", …}``

    ``side`` is the taker's order, here the one that closes the loser: a sell closed a long. The first frame
    of a product (``trade_snapshot``) repeats old trades and says nothing.
    """
    frame = decode(_FRAMES, body)
    if frame.event not in EVENTS or not (frame.event or frame.feed):
        if peek(_HISTORIES, body) is not None:
            raise SourceChanged("trades over HTTP, which name no contract: read them as the source trades")
        raise stray(body)
    if frame.event in ("error", "subscribed_failed", "alert"):
        raise SourceChanged(f"subscription refused: {frame.message}", evidence=evidence(body))
    if frame.feed != "trade" or frame.kind != "liquidation" or (instrument := book.get(frame.symbol)) is None:
        return ()
    if not frame.side or frame.qty is None or frame.price is None:
        raise SourceChanged("a liquidation without side, qty or price", evidence=evidence(body))
    amount = Amount(required(frame.qty, "qty"), _counted(instrument))
    position = Position.LONG if frame.side == "sell" else Position.SHORT
    price = required(frame.price, "price")
    return (Liquidation(instrument, position, amount, price, from_ms(frame.at), now, frame.number),)


def parse_done(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"history": [{"time": "2026-…Z", "type": "liquidation", "side": "sell", "size", "price", "uid"}]}``:
    the trades of one contract, which is not named.
    """
    done = decode(_HISTORIES, body, _told).history
    contract = asked_for(book)

    def read(row: _Done) -> Liquidation:
        if not row.side:
            raise SourceChanged("a liquidation without a side")
        position = Position.LONG if row.side == "sell" else Position.SHORT
        amount = Amount(required(row.size, "size"), _counted(contract))
        price = required(row.price, "price")
        return Liquidation(contract, position, amount, price, utc(row.at), now, row.number)

    lost = read_all([row for row in done if row.kind == "liquidation"], read)
    return Answer(lost, unreadable=lost.unreadable)


def numbered(body: bytes) -> Sequence[tuple[str, int]]:
    """Each trade of a product carries the next number."""
    frame = peek(_FRAMES, body)
    return () if frame is None or frame.feed != "trade" or frame.seq is None else ((frame.symbol, frame.seq),)


EXCHANGE = Exchange(
    venue=VENUE,
    title="Kraken Futures",
    group=Group.OFFSHORE,
    base_url="https://futures.kraken.com",
    book=BookPoll(HOUR, lambda: [Request("/derivatives/api/v3/instruments")], parse_book),
    polls=(Poll("tickers", MINUTE, lambda _: [Request("/derivatives/api/v3/tickers")], parse_tickers),),
    unasked=(only_read("trades", "/derivatives/api/v3/history", parse_done, of_one=True),),
    budget=Budget(100, 10 * SECOND),
    facts=FACTS,
    read_refusal=read_refusal,
    sockets=(
        Socket(
            "liquidations",
            "wss://futures.kraken.com/ws/v1",
            _hello,
            parse_trades,
            Completeness.COMPLETE,
            numbered=numbered,
            also=("trade", "trade_snapshot"),
        ),
    ),
    history=History(STEP, timedelta(days=6), _past, parse_history),
)
