"""dYdX v4: linear perpetuals in coins, all in one answer of the indexer that carries no clock.

Liquidations are trades with a mark, so every trade of every market is listened to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
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
    Price,
    Venue,
    Volume,
)
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import read_book, stated
from bot.exchanges.reading import (
    NOT_COINS,
    asked_for,
    coin,
    decode,
    evidence,
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
    Figure,
    Listing,
    Poll,
    Request,
    Rows,
    Socket,
    facts,
    only_read,
    optional,
    quoted,
    required,
)

VENUE = Venue("dydx")
FACTS = facts(
    """
    /v4/perpetualMarkets | openInterest | base coin | recorded answers, client libraries | [2]
    /v4/perpetualMarkets | baseOpenInterest | not read: another number, hardly moving | recorded | [2]
    /v4/perpetualMarkets | oraclePrice | USD per base coin | no mark price | [2]
    /v4/perpetualMarkets | nextFundingRate | fraction per hour | documentation | [2]
    /v4/perpetualMarkets | volume24H | USD | client library | [1]
    /v4/perpetualMarkets | time | none: receive time; the indexer lags the chain by seconds | — | [0]
    /v4/perpetualMarkets | ticker with commas | left out: listed by anyone | documentation | [1]
    /v4/perpetualMarkets | shares and metals | not told apart; none was seen | — | [?]
    v4_markets | trading, oraclePrices | the same where it changed: never asked for | recorded message | [1]
    v4_trades | type LIQUIDATED | forced; every trade is told | documentation, client library | [2]
    v4_trades | type DELEVERAGED | auto-deleveraging, told apart | documentation | [2]
    v4_trades | side | side of the taker: SELL closed a long | documentation, client library | [2]
    v4_trades | size × price | base coin × USD | documentation | [2]
    v4_trades | message_id | one more with each message of a line | recorded messages | [1]
    v4_trades | subscriptions | 32 of a channel on one line | documentation | [1]
    v4_trades | subscribed | the first frame holds old trades: left out | recorded messages | [2]
    /v4/trades/perpetualMarket/{ticker} | side, size, type | as v4_trades: never asked for | recorded | [2]
    HTTP | limit | 100 requests in 10 s | — | [0]
    HTTP status | 403 | blocked by country | — | [0]
    """
)

ASK = Request("/v4/perpetualMarkets")
TRADES = "/v4/trades/perpetualMarket"
MARKETS_PER_LINE = 32
FORCED = ("LIQUIDATED", "DELEVERAGED", "")  # or may have been: a trade without a type is told


class _Market(msgspec.Struct, rename="camel"):
    symbol: str = field(name="ticker")
    status: str = ""
    open_interest: Figure | None = None
    oracle_price: Figure | None = None
    next_funding_rate: Figure | None = None
    volume: Figure | None = field(name="volume24H", default=None)


class _Markets(msgspec.Struct):
    markets: dict[str, _Market]


class _Subscribed(msgspec.Struct):
    """The first frame of the socket's channel of markets holds the same."""

    contents: _Markets


class _Change(msgspec.Struct, rename="camel"):
    """What has changed of one market."""

    symbol: str = field(name="not on the wire: the name is the key", default="")
    open_interest: Figure | None = None
    oracle_price: Figure | None = None
    next_funding_rate: Figure | None = None
    volume: Figure | None = field(name="volume24H", default=None)
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = field(name="effectiveAt", default=None)


class _Changes(msgspec.Struct, rename="camel"):
    trading: dict[str, _Change] = {}
    oracle_prices: dict[str, _Change] = {}


class _Changed(msgspec.Struct):
    channel: Literal["v4_markets"]
    contents: _Changes | list[_Changes]


class _Reason(msgspec.Struct):
    msg: str


class _Refused(msgspec.Struct):
    errors: list[_Reason]


class _Trade(msgspec.Struct, rename="camel"):
    number: str = field(name="id")
    side: Literal["BUY", "SELL"]
    size: Figure
    price: Figure
    kind: str = field(name="type", default="")
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = field(name="createdAt", default=None)


class _Trades(msgspec.Struct):
    trades: list[_Trade] = []


class _Done(msgspec.Struct):
    trades: list[_Trade]


class _Kind(msgspec.Struct):
    kind: str = field(name="type")
    message: str = ""
    line: str = field(name="connection_id", default="")


class _Frame(_Kind):
    channel: str = ""
    market: str = field(name="id", default="")
    contents: _Trades | list[_Trades] | None = None
    """A list where messages are told in batches, which is not asked for here."""


class _Numbered(msgspec.Struct):
    line: str = field(name="connection_id")
    number: int = field(name="message_id")


_MARKETS = msgspec.json.Decoder(_Markets)
_KINDS = msgspec.json.Decoder(_Kind)
_FRAMES = msgspec.json.Decoder(_Frame)
_NUMBERED = msgspec.json.Decoder(_Numbered)
_SUBSCRIBED = msgspec.json.Decoder(_Subscribed)
_REFUSED = msgspec.json.Decoder(_Refused)
_DONE = msgspec.json.Decoder(_Done)
_CHANGED = msgspec.json.Decoder(_Changed)


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    why = "; ".join(reason.msg for reason in said.errors) if said else ""
    return SourceChanged(f"refused: {why}", evidence=evidence(body)) if said else None


def _markets(body: bytes) -> Iterable[_Market]:
    if (first := peek(_SUBSCRIBED, body)) is not None:
        return first.contents.markets.values()
    return decode(_MARKETS, body, _told).markets.values()


def parse_book(body: bytes) -> Listing:
    """``{"markets": {"BTC-USD": {"ticker": "BTC-USD", "status": "ACTIVE", …}}}``

    Markets that anyone listed are named after their pool (``COIN,RAYDIUM,ADDRESS-USD``): whose coin that is
    cannot be told, so they are left out.
    """

    def read(row: _Market) -> Instrument | None:
        base, _, quote = row.symbol.rpartition("-")
        if stated(row.status, "status") != "ACTIVE" or quote != "USD" or "," in base or base in NOT_COINS:
            return None
        asset, multiple = coin(base)
        return Instrument(VENUE, row.symbol, asset, coins_per_base=multiple)

    return read_book(_markets(body), read)


def parse_markets(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"markets": {"BTC-USD": {"openInterest", "oraclePrice", "nextFundingRate", "volume24H"}}}``

    ``baseOpenInterest`` beside it is another number that hardly moves. Later frames of the socket's channel
    tell what has changed.
    """
    page = peek(_MARKETS, body)
    if page is None and (changed := peek(_CHANGED, body)) is not None and peek(_SUBSCRIBED, body) is None:
        return _changes(changed, book, now)
    markets = _markets(body) if page is None else page.markets.values()

    def read(row: _Market, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.open_interest, "openInterest"), Unit.BASE)
        price = quoted(row.oracle_price, "oraclePrice")
        said: list[Observation] = [OpenInterest(instrument, amount, now, now, price)]
        if (rate := optional(row.next_funding_rate, "nextFundingRate")) is not None:
            said.append(Funding(instrument, rate, HOUR, now, now))
        if (volume := optional(row.volume, "volume24H")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.QUOTE), now, now))
        return said

    return read_rows(markets, book, read)


def _changes(changed: _Changed, book: Book, now: datetime) -> Answer:
    """``{"contents": {"trading": {"BTC-USD": {"openInterest", …}}, "oraclePrices": {"BTC-USD": {…}}}}``"""
    parts = changed.contents if isinstance(changed.contents, list) else [changed.contents]
    rows: list[_Change] = []
    for part in parts:
        for name, row in (*part.oracle_prices.items(), *part.trading.items()):
            row.symbol = name
            rows.append(row)

    def read(row: _Change, instrument: Instrument) -> list[Observation]:
        said: list[Observation] = []
        at = utc(row.at) if row.at else now
        if (price := quoted(row.oracle_price, "oraclePrice")) is not None:
            said.append(Price(instrument, price, at, now))
        if (amount := optional(row.open_interest, "openInterest")) is not None:
            said.append(OpenInterest(instrument, Amount(amount, Unit.BASE), at, now, price))
        if (rate := optional(row.next_funding_rate, "nextFundingRate")) is not None:
            said.append(Funding(instrument, rate, HOUR, at, now))
        if (volume := optional(row.volume, "volume24H")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.QUOTE), at, now))
        return said

    return read_rows(rows, book, read, may_be_silent=True)


def _hello(book: Book) -> Sequence[str]:
    return [
        json.dumps({"type": "subscribe", "channel": "v4_trades", "id": symbol, "batched": False})
        for symbol in book
    ]


def parse_trades(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``{"type": "channel_data", "id": "BTC-USD", "contents": {"trades": [{"type": "LIQUIDATED", …}]}}``

    ``side`` is the taker's, and the taker is who is closed: a SELL closed a long. The ``subscribed`` frame
    tells trades of the past.
    """
    if (frame := peek(_KINDS, body)) is None:
        if peek(_DONE, body) is not None:
            raise SourceChanged("trades over HTTP, which name no contract: read them as the source trades")
        frame = decode(_KINDS, body)
    if frame.kind == "error":
        raise SourceChanged(f"subscription refused: {frame.message}", evidence=evidence(body))
    if frame.kind not in ("channel_data", "channel_batch_data"):
        if not frame.line:
            raise stray(body)
        return ()
    told = decode(_FRAMES, body)
    instrument = book.get(told.market)
    if told.channel != "v4_trades" or told.contents is None or instrument is None:
        return ()
    batch = told.contents if isinstance(told.contents, list) else [told.contents]
    return _forced((row for part in batch for row in part.trades), instrument, now)


def _forced(rows: Iterable[_Trade], instrument: Instrument, now: datetime) -> Rows[Liquidation]:
    forced = [row for row in rows if row.kind in FORCED]
    if not forced:  # as in nearly every frame
        return Rows()

    def read(row: _Trade) -> Liquidation:
        deleveraged = stated(row.kind, f"{instrument.symbol}: the type of a trade") == "DELEVERAGED"
        lost = Position.LONG if row.side == "SELL" else Position.SHORT
        amount, price = Amount(required(row.size, "size"), Unit.BASE), required(row.price, "price")
        at = utc(row.at) if row.at else now
        return Liquidation(instrument, lost, amount, price, at, now, row.number, deleveraged=deleveraged)

    return read_all(forced, read)


def parse_done(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"trades": [{"id", "side", "size", "price", "type", "createdAt"}]}``: of one market, not named."""
    lost = _forced(decode(_DONE, body, _told).trades, asked_for(book), now)
    return Answer(lost, unreadable=lost.unreadable)


def numbered(body: bytes) -> Sequence[tuple[str, int]]:
    """Every message of a line has the number after the one before, whatever it tells."""
    told = peek(_NUMBERED, body)
    return () if told is None else ((told.line, told.number),)


EXCHANGE = Exchange(
    venue=VENUE,
    title="dYdX",
    group=Group.DEX,
    base_url="https://indexer.dydx.trade",
    book=BookPoll(HOUR, lambda: [ASK], parse_book),
    polls=(Poll("markets", MINUTE, lambda _: [ASK], parse_markets, also=("v4_markets",)),),
    unasked=(only_read("trades", TRADES, parse_done, of_one=True, also=(TRADES + "/{ticker}",)),),
    budget=Budget(100, 10 * SECOND),
    facts=FACTS,
    read_refusal=refusal,
    doubts=("shares would not be told apart from coins",),
    sockets=(
        Socket(
            "liquidations",
            "wss://indexer.dydx.trade/v4/ws",
            _hello,
            parse_trades,
            Completeness.COMPLETE,
            per_line=MARKETS_PER_LINE,
            hello_pause=timedelta(milliseconds=100),
            numbered=numbered,
            also=("v4_trades",),
        ),
    ),
)
