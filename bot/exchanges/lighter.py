"""Lighter: linear perpetuals in coins, all in one answer that carries no clock.

Its sockets know a market by its number alone. They tell open interest too, but in dollars: it is read where
somebody has such a message, and never asked for, so the two counts are never mixed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

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
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged
from bot.exchanges.listed import read_book
from bot.exchanges.reading import coded, coin, decode, evidence, peek, read_all, read_rows, refusal, stray
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    Figure,
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

T = TypeVar("T")

VENUE = Venue("lighter")
FACTS = facts(
    """
    /api/v1/orderBookDetails | open_interest | base coin | recorded answers | [2]
    /api/v1/orderBookDetails | mark_price, else last_trade_price | USDC per base coin | client library | [1]
    /api/v1/orderBookDetails | daily_base_token_volume | base coin | recorded answers | [2]
    /api/v1/orderBookDetails | time | none: receive time | recorded answers | [2]
    /api/v1/orderBookDetails | market_type, status | perp, active | recorded answers | [2]
    /api/v1/orderBookDetails | symbol | shares, metals, currencies: known by name alone | documentation | [1]
    /api/v1/funding-rates | rate where exchange is lighter | fraction per 8 h, paid hourly | one adapter | [1]
    market_stats/all | open_interest | USD: never asked for, never mixed | recorded messages | [2]
    market_stats/all | open_interest | base coin where only that fits the day's volume | documentation | [?]
    market_stats/all | current_funding_rate | percent per hour | client library | [1]
    trade/{market_id} | liquidation_trades | forced; type deleverage is told apart | documentation | [2]
    trade/{market_id} | type is market-settlement | the end of a market: not counted | one adapter | [1]
    trade/{market_id} | is_maker_ask | true: the taker bought, a short was lost | recorded, both sides | [2]
    trade/{market_id} | size × price | base coin × USDC | recorded messages | [2]
    trade/{market_id} | subscribed/trade | the first frame holds old trades: left out | recorded | [2]
    wss://…/stream | limits | 100 subscriptions a line, 200 messages a minute | documentation | [1]
    wss://…/stream | silence | closed after 2 minutes without a word of ours | client library | [1]
    HTTP | limit | 60 a minute without a key | documentation | [1]
    """
)

DETAILS = Request("/api/v1/orderBookDetails")
MARKETS_PER_LINE = 100
HELLO_PAUSE = timedelta(milliseconds=700)  # two lines at once stay below 200 messages a minute
TOLD = ("update/", "subscribed/", "unsubscribed/")
FORCED, DELEVERAGED = "liquidation", "deleverage"
OTHERS = ("trade", "market-settlement")
ANSWERS = ("connected", "ping", "pong", "unsubscribed")
THROTTLED = {"23000": MINUTE}
MILLISECONDS = 100_000_000_000
"""What is below is a time in seconds."""
DAYS_VOLUME = 200
"""A day's volume is no more than so many times the open interest of a market that is traded at all."""
_TRADFI = """
    AAOI AAPL AMD AMZN ANTHROPIC ARM ASML AUDUSD AVGO AXTI BABA BB BE BMNR BOT BOTZ BRENTOIL BYD CBRS
    COIN CRCL CRWV CXMT DELL DIA DRAM EURUSD EWY GBPUSD GEV GME GOOGL H100 HANMI HOOD HYUNDAI HYUNDAIUSD
    IBM INTC IWM KIOXIA KORU KRCOMP LITE MAGS META MINIMAX MRNA MRVL MSFT MSTR MU NATGAS NBIS NOK NOW
    NVDA NZDUSD OPENAI ORCL PLTR POPMART QCOM QNT QQQ RKLB SAMSUNG SAMSUNGUSD SHEIN SKHY SKHYNIX
    SKHYNIXUSD SMIC SNDK SOXL SOXS SOXX SPACEX SPCX SPY STABLECOINX STRC TENCENT TSLA TSM TTWO UNITREE
    URA US100 US10Y US500 USDCAD USDCHF USDHKD USDJPY USDKRW WDC WEN WHEAT WTI XAG XAU XCU XIAOMI XPD
    XPT ZHIPU
"""
TRADFI = frozenset(_TRADFI.split())
"""What is no coin: the answers give no class, the documentation lists the names (September 2026)."""


class _Market(msgspec.Struct):
    symbol: str
    market_id: int
    status: str = "active"
    market_type: str = "perp"
    """Older answers have none, from before there were others."""
    open_interest: Decimal | None = None
    last_trade_price: Decimal | None = None
    mark_price: Decimal | None = None
    volume: Decimal | None = field(name="daily_base_token_volume", default=None)


class _Markets(msgspec.Struct):
    markets: list[_Market] = field(name="order_book_details")


class _Rate(msgspec.Struct):
    symbol: str
    exchange: str = ""
    rate: Decimal | None = None


class _Rates(msgspec.Struct):
    funding_rates: list[_Rate]


class _Stats(msgspec.Struct):
    market_id: int
    open_interest: Figure | None = None
    mark_price: Figure | None = None
    current_funding_rate: Figure | None = None
    volume: Decimal | None = field(name="daily_base_token_volume", default=None)
    symbol: str = ""


class _Told(msgspec.Struct, Generic[T]):
    stats: T = field(name="market_stats")
    timestamp: int | None = None


class _Refused(msgspec.Struct):
    code: int
    message: str = ""


class _Trade(msgspec.Struct):
    number: int = field(name="trade_id")
    size: Figure
    price: Figure
    is_maker_ask: bool
    at: int = field(name="timestamp")
    kind: str = field(name="type", default=FORCED)
    market_id: int | None = None


class _Frame(msgspec.Struct):
    kind: str = field(name="type", default="")
    channel: str = ""
    forced: list[_Trade] | None = field(name="liquidation_trades", default=None)
    error: _Refused | None = None
    message: str = ""


_MARKETS = msgspec.json.Decoder(_Markets)
_RATES = msgspec.json.Decoder(_Rates)
_FRAMES = msgspec.json.Decoder(_Frame)
_ONE = msgspec.json.Decoder(_Told[_Stats])
_ALL = msgspec.json.Decoder(_Told[dict[str, _Stats]])
_told = coded(fine="200", throttled=THROTTLED)


def parse_book(body: bytes) -> Listing:
    """``{"order_book_details": [{"symbol": "ETH", "market_id": 0, "market_type": "perp", …}]}``"""

    def read(row: _Market) -> Instrument | None:
        if row.market_type != "perp" or row.status != "active" or row.symbol in TRADFI:
            return None
        asset, multiple = coin(row.symbol)
        return Instrument(
            VENUE, row.symbol, asset, coins_per_base=multiple, quote="USDC", alias=str(row.market_id)
        )

    return read_book(decode(_MARKETS, body, _told).markets, read)


def parse_details(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"order_book_details": [{"symbol", "open_interest", "last_trade_price", …}]}``: base coins here,
    where the socket's ``market_stats`` has dollars under the same name.
    """

    def read(row: _Market, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.open_interest, "open_interest"), Unit.BASE)
        price = quoted(row.mark_price, "mark_price") or quoted(row.last_trade_price, "last_trade_price")
        said: list[Observation] = [OpenInterest(instrument, amount, now, now, price)]
        if (volume := optional(row.volume, "daily_base_token_volume")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.BASE), now, now))
        return said

    return read_rows(decode(_MARKETS, body, _told).markets, book, read)


def parse_funding(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"funding_rates": [{"exchange": "lighter", "symbol": "ETH", "rate": 0.00012}]}``

    The rate is of eight hours though an eighth of it is paid every hour. Other exchanges' rates stand
    beside Lighter's own.
    """

    def read(row: _Rate, instrument: Instrument) -> list[Observation]:
        return [Funding(instrument, required(row.rate, "rate"), 8 * HOUR, now, now)]

    own = [row for row in decode(_RATES, body, _told).funding_rates if row.exchange == "lighter"]
    return read_rows(own, book, read, may_be_silent=True)


def parse_stats(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"market_stats": {"0": {"symbol": "ETH", "open_interest": dollars, …}}}``, or one market alone.

    The same name as in the answers, but another unit: dollars, as recorded. The documentation's samples have
    coins there, which the day's volume shows. Funding is in percent.
    """
    frame = peek(_ONE, body) or decode(_ALL, body)
    at = now if frame.timestamp is None else from_ms(frame.timestamp)
    rows = [frame.stats] if isinstance(frame.stats, _Stats) else list(frame.stats.values())
    named = {known.alias: known.symbol for known in book.values()}
    for row in rows:
        row.symbol = row.symbol or named.get(str(row.market_id), str(row.market_id))

    def read(row: _Stats, instrument: Instrument) -> list[Observation]:
        price = quoted(row.mark_price, "mark_price")
        volume = optional(row.volume, "daily_base_token_volume")
        amount = _dollars_or_coins(required(row.open_interest, "open_interest"), price, volume)
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
        if (percent := optional(row.current_funding_rate, "current_funding_rate")) is not None:
            said.append(Funding(instrument, percent / 100, HOUR, at, now))
        if volume is not None:
            said.append(Volume(instrument, Amount(volume, Unit.BASE), at, now))
        return said

    return read_rows(rows, book, read)


def _dollars_or_coins(told: Decimal, price: Decimal | None, volume: Decimal | None) -> Amount:
    """Coins where dollars would be far too little beside the day's volume, and coins would not."""
    if price is None or volume is None:
        return Amount(told, Unit.QUOTE)
    least = volume * price / DAYS_VOLUME
    return Amount(told, Unit.BASE if told < least <= told * price else Unit.QUOTE)


def _moment(stamp: int) -> datetime:
    """Milliseconds as recorded; the documentation's samples are in seconds."""
    return from_ms(stamp if stamp >= MILLISECONDS else stamp * 1000)


def _hello(book: Book) -> Sequence[str]:
    return [
        json.dumps({"type": "subscribe", "channel": f"trade/{one.alias}"})
        for one in book.values()
        if one.alias
    ]


def parse_trades(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``{"type": "update/trade", "liquidation_trades": [{"market_id", "size", "is_maker_ask", …}]}``

    Who is liquidated takes: where the maker's order was an ask, the taker bought and lost a short. The
    ``subscribed/trade`` frame tells trades of the past. A trade of a kind that is not known is lost alone.
    """
    frame = decode(_FRAMES, body)
    if not frame.kind and frame.channel.startswith("trade:"):
        frame.kind = "update/trade"  # as some recordings are cut
    if frame.kind == "error" or frame.error is not None:
        why = frame.error.message if frame.error is not None else frame.message
        raise SourceChanged(f"subscription refused: {why}", evidence=evidence(body))
    if frame.kind not in ANSWERS and not frame.kind.startswith(TOLD):
        raise stray(body)
    if frame.kind != "update/trade" or not frame.forced:
        return ()
    known = {one.alias: one for one in book.values() if one.alias}
    here = frame.channel.partition(":")[2]

    def read(row: _Trade) -> Liquidation | None:
        name = here if row.market_id is None else str(row.market_id)
        instrument = known.get(name) or book.get(name)
        if instrument is None or row.kind in OTHERS:
            return None
        if row.kind not in (FORCED, DELEVERAGED):
            raise SourceChanged(f"{instrument.symbol}: a forced trade of kind {row.kind!r:.40}")
        return Liquidation(
            instrument,
            Position.SHORT if row.is_maker_ask else Position.LONG,
            Amount(required(row.size, "size"), Unit.BASE),
            required(row.price, "price"),
            _moment(row.at),
            now,
            str(row.number),
            deleveraged=row.kind == DELEVERAGED,
        )

    return read_all(frame.forced, read)


def _reply(raw: bytes) -> str | None:
    said = peek(_FRAMES, raw)
    return '{"type":"pong"}' if said is not None and said.kind == "ping" else None


EXCHANGE = Exchange(
    venue=VENUE,
    title="Lighter",
    group=Group.DEX,
    base_url="https://mainnet.zklighter.elliot.ai",
    book=BookPoll(HOUR, lambda: [DETAILS], parse_book),
    polls=(
        Poll("details", MINUTE, lambda _: [DETAILS], parse_details),
        Poll("funding", 5 * MINUTE, lambda _: [Request("/api/v1/funding-rates")], parse_funding),
    ),
    unasked=(only_read("market-stats", "/stream", parse_stats, also=("market_stats/{market_id}",)),),
    budget=Budget(60, MINUTE),
    facts=FACTS,
    read_refusal=refusal,
    doubts=("shares, metals and the like are left out by name: a new one counts until its name is known",),
    sockets=(
        Socket(
            "liquidations",
            "wss://mainnet.zklighter.elliot.ai/stream?readonly=true",
            _hello,
            parse_trades,
            Completeness.COMPLETE,
            ping='{"type":"ping"}',
            reply=_reply,
            per_line=MARKETS_PER_LINE,
            hello_pause=HELLO_PAUSE,
            also=("trade", "trade/{market_id}", "liquidation_trades"),
        ),
    ),
)
