"""Deribit: inverse futures in dollars, linear ones (``_USDC``, ``_USDT`` in the name) in coins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

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
from bot.errors import SourceError
from bot.exchanges.listed import decode_listed, read_book, stated
from bot.exchanges.reading import (
    DOLLARS,
    NOT_COINS,
    OneOrMore,
    code_refusal,
    coin,
    decode,
    peek,
    read_rows,
    refusal,
    rows_of,
    stray,
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

VENUE = Venue("deribit")
FACTS = facts(
    """
    …/get_book_summary_by_currency inverse | open_interest | USD | recorded answers | [2]
    …/get_book_summary_by_currency linear | open_interest | base coin | recorded answers | [2]
    …/get_book_summary_by_currency | mark_price | quote per base coin | recorded answers | [2]
    …/get_book_summary_by_currency | funding_8h | fraction per 8 h | recorded answers | [2]
    …/get_book_summary_by_currency | volume | base coin | agrees with volume_usd | [2]
    …/get_book_summary_by_currency | creation_timestamp | ms | recorded answers | [2]
    …/get_instruments | instrument_type | linear or reversed; else by its name | recorded answers | [2]
    …/get_instruments | underlying_type | crypto; other underlyings are left out | client library | [1]
    …/get_instruments | state | settlement, locked, halted: held on | release notes, January 2026 | [2]
    …/get_instruments | settlement_period | perpetual or dated | 1 call in 10 s, bursts of 5 | [1]
    trades.{instrument}.100ms | liquidation, direction | T: the taker lost; M: the maker | documentation | [2]
    trades.{instrument}.100ms | amount | as open_interest | documentation | [2]
    trades.{instrument}.100ms | completeness | every trade is told | client library | [1]
    trades.{instrument}.100ms | trade_seq | one more with each trade of an instrument | documentation | [2]
    public/subscribe | channels | 500 on one line | client library | [0]
    error.code | 10028 | throttled | documentation | [1]
    error.code | 10041, 11051 | unreachable: settlement, maintenance | documentation | [1]
    drb.coinbase.com | — | the same book: never added | announcements | [2]
    """
)

HELD_ON = frozenset({"open", "settlement", "locked", "halted"})  # its positions are, whether or not it trades
CRYPTO = "crypto"  # the type of an underlying; older rows tell none
PERPETUAL = "perpetual"
LINEAR = "linear"  # the type of an instrument; others are reversed
CURRENCIES = ("BTC", "ETH", "USDC", "USDT")
TOPICS_PER_FRAME = 200
TOPICS_PER_LINE = 500
THROTTLED = {"10028": 10 * SECOND}
LAST_TRADES = ("currency", "instrument", "currency_and_time", "instrument_and_time")
UNFORCED = (None, "", "none")
BUSY = frozenset({"10041", "11051"})  # settlement in progress, maintenance


class _Listed(msgspec.Struct):
    symbol: str = field(name="instrument_name")
    kind: str = ""
    base_currency: str = ""
    quote_currency: str = ""
    settlement_period: str = ""
    expiration_timestamp: int | None = None
    is_active: bool = False
    state: str | None = None
    instrument_type: str = ""
    underlying_type: str = CRYPTO


class _Day(msgspec.Struct):
    volume: Decimal | None = None


class _Summary(msgspec.Struct):
    """One of many, or the ``ticker`` of one, which has a stamp of another name and the day's volume apart."""

    symbol: str = field(name="instrument_name")
    open_interest: Decimal | None = None
    at: int = field(name="creation_timestamp", default=0)
    mark_price: Decimal | None = None
    funding_8h: Decimal | None = None
    volume: Decimal | None = None
    ticked_at: int = field(name="timestamp", default=0)
    stats: _Day | None = None


class _Trade(msgspec.Struct):
    symbol: str = field(name="instrument_name")
    number: str = field(name="trade_id")
    at: int = field(name="timestamp")
    price: Decimal
    amount: Decimal
    direction: Literal["buy", "sell"]
    liquidation: Literal["T", "M", "MT", "TM", "none", ""] | None = None


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _BookPage(msgspec.Struct):
    result: list[_Listed]


class _SummaryPage(msgspec.Struct):
    result: OneOrMore[_Summary]


class _Ticked(msgspec.Struct):
    data: _Summary


class _Pushed(msgspec.Struct):
    """A ticker over a socket."""

    params: _Ticked


class _Refused(msgspec.Struct):
    error: _Error


class _Trades(msgspec.Struct):
    data: list[_Trade] = []


class _TradePage(msgspec.Struct):
    trades: list[_Trade]


class _Asked(msgspec.Struct):
    """Trades in answer to a question, where nobody subscribed."""

    result: _TradePage


class _Numbered(msgspec.Struct):
    symbol: str = field(name="instrument_name")
    number: int = field(name="trade_seq")


class _NumberedTrades(msgspec.Struct):
    data: list[_Numbered]


class _NumberedFrame(msgspec.Struct):
    params: _NumberedTrades


class _Frame(msgspec.Struct):
    version: str = field(name="jsonrpc", default="")
    method: str = ""
    params: _Trades | None = None
    error: _Error | None = None
    result: list[str] | dict[str, msgspec.Raw] | str | None = None
    """Of an answer: the channels, or trades that were asked for."""


_BOOKS = msgspec.json.Decoder(_BookPage)
_SUMMARIES = msgspec.json.Decoder(_SummaryPage)
_PUSHED = msgspec.json.Decoder(_Pushed)
_BARE: msgspec.json.Decoder[OneOrMore[_Summary]] = msgspec.json.Decoder(list[_Summary] | _Summary)
_REFUSED = msgspec.json.Decoder(_Refused)
_FRAMES = msgspec.json.Decoder(_Frame)
_ASKED = msgspec.json.Decoder(_Asked)
_NUMBERED = msgspec.json.Decoder(_NumberedFrame)


def _refused(error: _Error, body: bytes) -> SourceError:
    return code_refusal(error.code, error.message, body, throttled=THROTTLED, busy=BUSY)


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    return None if said is None else _refused(said.error, body)


def read_refusal(status: int, body: bytes) -> SourceError:
    """JSON-RPC errors come with statuses of 400 and more; their own code says more than the status."""
    return _told(body) or refusal(status, body)


def parse_book(body: bytes) -> Listing:
    """``{"result": [{"instrument_name": "BTC-PERPETUAL", "settlement_period": "perpetual", …}]}``"""

    def read(row: _Listed) -> Instrument | None:
        held = row.is_active or row.state in HELD_ON
        if stated(row.kind, "kind") != "future" or not held or row.quote_currency not in DOLLARS:
            return None
        if row.underlying_type != CRYPTO or row.base_currency in NOT_COINS:
            return None
        name = row.symbol
        named_linear = "_USDC" in name or "_USDT" in name
        asset, multiple = coin(row.base_currency)
        return Instrument(
            VENUE,
            name,
            asset,
            inverse=row.instrument_type != LINEAR if row.instrument_type else not named_linear,
            # A perpetual is stamped with the year 3000.
            expiry=None if row.settlement_period == PERPETUAL else from_ms(row.expiration_timestamp),
            coins_per_base=multiple,
            quote=row.quote_currency,
        )

    page, lost = decode_listed(_BOOKS, body, _told)
    return read_book(page.result, read, lost)


def _counted(instrument: Instrument) -> Unit:
    return Unit.QUOTE if instrument.inverse else Unit.BASE


def parse_summaries(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"result": [{"instrument_name", "open_interest", "mark_price", "funding_8h", "volume", …}]}``

    Open interest is dollars on inverse contracts, base coins on linear ones; volume is always base coins. A
    ``ticker`` of one contract has the same fields; either may have been kept without its envelope.
    """

    def read(row: _Summary, instrument: Instrument) -> list[Observation]:
        at = from_ms(row.at or row.ticked_at)
        amount = Amount(required(row.open_interest, "open_interest"), _counted(instrument))
        price = quoted(row.mark_price, "mark_price")
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
        if (rate := optional(row.funding_8h, "funding_8h")) is not None:
            said.append(Funding(instrument, rate, 8 * HOUR, at, now))
        day = row.stats.volume if row.stats else row.volume
        if (volume := optional(day, "volume")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.BASE), at, now))
        return said

    return read_rows(rows_of(_summaries(body)), book, read)


def _summaries(body: bytes) -> OneOrMore[_Summary]:
    if (page := peek(_SUMMARIES, body)) is not None:
        return page.result
    if (pushed := peek(_PUSHED, body)) is not None:
        return pushed.params.data
    bare = peek(_BARE, body)
    return decode(_SUMMARIES, body, _told).result if bare is None else bare


def _hello(book: Book) -> Sequence[str]:
    channels = [f"trades.{symbol}.100ms" for symbol in book]
    return [
        json.dumps(
            {
                "jsonrpc": "2.0",
                "id": n,
                "method": "public/subscribe",
                "params": {"channels": channels[n : n + TOPICS_PER_FRAME]},
            }
        )
        for n in range(0, len(channels), TOPICS_PER_FRAME)
    ]


def parse_trades(body: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``{"method": "subscription", "params": {"data": [{"direction", "liquidation": "T", "amount", …}]}}``

    ``direction`` is the taker's order: a liquidated taker who sold lost a long (``T``), a liquidated maker
    against a seller lost a short (``M``); ``MT`` is both. Trades without the mark are not forced.
    """
    frame = decode(_FRAMES, body)
    if frame.error is not None:
        raise _refused(frame.error, body)
    if frame.method == "subscription" and frame.params is not None:
        trades = frame.params.data
    elif not frame.method and (answer := peek(_ASKED, body)) is not None:
        trades = answer.result.trades
    elif frame.version:
        return ()
    else:
        raise stray(body)
    lost: list[Liquidation] = []
    for row in trades:
        instrument = book.get(row.symbol)
        if instrument is None or row.liquidation in UNFORCED:
            continue
        amount = Amount(required(row.amount, "amount"), _counted(instrument))
        price, at = required(row.price, "price"), from_ms(row.at)
        for who in row.liquidation or "":
            position = Position.LONG if (row.direction == "sell") is (who == "T") else Position.SHORT
            lost.append(Liquidation(instrument, position, amount, price, at, now, row.number + who))
    return lost


def numbered(body: bytes) -> Sequence[tuple[str, int]]:
    """Every trade of an instrument has the number after the one before, forced or not."""
    told = peek(_NUMBERED, body)
    return () if told is None else [(row.symbol, row.number) for row in told.params.data]


EXCHANGE = Exchange(
    venue=VENUE,
    title="Deribit",
    group=Group.OFFSHORE,
    base_url="https://www.deribit.com",
    book=BookPoll(
        HOUR,
        lambda: [
            Request(
                "/api/v2/public/get_instruments",
                {"currency": currency, "kind": "future", "expired": "false"},
                weight=10_000,
            )
            for currency in CURRENCIES
        ],
        parse_book,
    ),
    polls=(
        Poll(
            "summaries",
            MINUTE,
            lambda _: [
                Request(
                    "/api/v2/public/get_book_summary_by_currency",
                    {"currency": currency, "kind": "future"},
                    weight=500,
                )
                for currency in CURRENCIES
            ],
            parse_summaries,
            also=("ticker", "get_book_summary_by_instrument"),
        ),
    ),
    budget=Budget(10_000, SECOND),
    facts=FACTS,
    read_refusal=read_refusal,
    sockets=(
        Socket(
            "liquidations",
            "wss://www.deribit.com/ws/api/v2",
            _hello,
            parse_trades,
            Completeness.COMPLETE,
            ping='{"jsonrpc":"2.0","id":0,"method":"public/test","params":{}}',
            per_line=TOPICS_PER_LINE,
            numbered=numbered,
            also=("trades", "last_trades", *(f"get_last_trades_by_{each}" for each in LAST_TRADES)),
        ),
    ),
)
