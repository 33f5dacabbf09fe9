"""Bybit: linear (USDT, USDC) and inverse contracts, each category in one answer.

The same field has another unit in each category: ``openInterest`` is base coins on linear contracts and
dollars on inverse ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, Literal, TypeVar

import msgspec
from msgspec import field

from bot.domain.market import (
    Funding,
    Group,
    Instrument,
    Observation,
    OpenInterest,
    Price,
    Venue,
    Volume,
)
from bot.domain.units import Amount
from bot.errors import SourceBlocked, SourceChanged, SourceError, SourceThrottled
from bot.exchanges.bybit_socket import category, counted, socket
from bot.exchanges.listed import decode_listed, read_book
from bot.exchanges.reading import (
    ACCOUNTS_EVERY,
    DOLLARS,
    NOT_COINS,
    account_ratio,
    code_refusal,
    coin,
    decode,
    evidence,
    hours,
    pages,
    peek,
    read_past,
    read_rows,
    refusal,
    stamped,
    the_same,
    usual_funding,
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
    History,
    Listing,
    Poll,
    Request,
    facts,
    from_ms,
    optional,
    quoted,
    required,
)

T = TypeVar("T")

VENUE = Venue("bybit")
FACTS = facts(
    """
    /v5/market/tickers linear | openInterest | base coin | documentation, recorded answers | [2]
    /v5/market/tickers inverse | openInterest | USD | documentation, recorded answers | [2]
    /v5/market/tickers | markPrice | quote per base coin | documentation | [2]
    /v5/market/tickers | fundingRate | fraction per fundingIntervalHour | documentation | [2]
    /v5/market/tickers | volume24h | as openInterest | agrees with turnover24h | [1]
    /v5/market/tickers | time | ms, one for all rows | documentation | [2]
    /v5/market/instruments-info | fundingInterval | minutes, for rows that tell none | client library | [1]
    /v5/market/instruments-info | contractType, symbolType | — | first 1,000 of a category | [1]
    /v5/market/open-interest | openInterest | as tickers | its page says one side, its table both | [?]
    /v5/market/account-ratio | buyRatio ÷ sellRatio | long per short account | documentation | [1]
    allLiquidation | S | position lost: Buy is a long | documentation, measurement | [2]
    allLiquidation linear | v | base coin | documentation, recorded answers | [2]
    allLiquidation inverse | v | USD | by analogy with openInterest | [0]
    allLiquidation | args | 21,000 characters on one line | documentation | [2]
    allLiquidation | p | bankruptcy price | an observer says fill price | [?]
    HTTP 403 | access too frequent | throttled, 10 minutes | documentation | [2]
    HTTP 403 | a CloudFront page | blocked | documentation, reports | [2]
    retCode | 10006 | throttled | documentation | [2]
    """
)

CATEGORIES = ("linear", "inverse")
STEP = 5 * MINUTE
PERPETUAL = ("LinearPerpetual", "InversePerpetual")
DATED = ("LinearFutures", "InverseFutures")
CRYPTO = frozenset(
    {None, "", "innovation", "adventure"}
)  # other symbol types are shares, metals and currencies
RENAMED = {"SHIB1000": "1000SHIB"}  # the one multiple written behind the name
A_DAY = 24 * 60
THROTTLED = {"10006": 5 * SECOND, "10018": 10 * MINUTE}
BUSY = frozenset({"10000", "10016"})
BLOCKED = frozenset({"10009", "10024"})  # a banned address, a country that may not ask


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    contract_type: str
    status: str
    base_coin: str
    quote_coin: str
    delivery_time: int | str | None = None
    symbol_type: str | None = None
    funding_interval: Figure | None = None


class _Ticker(msgspec.Struct, rename="camel"):
    symbol: str
    open_interest: Figure | None = None
    mark_price: Figure | None = None
    volume24h: Figure | None = None
    funding_rate: Figure | None = None
    funding_interval_hour: Figure | None = None
    next_funding_time: int | str | None = None


class _Past(msgspec.Struct, rename="camel"):
    timestamp: int | str
    open_interest: Figure | None = None


class _Accounts(msgspec.Struct, rename="camel"):
    symbol: str
    timestamp: int | str
    buy_ratio: Figure | None = None
    sell_ratio: Figure | None = None


class _Rows(msgspec.Struct, Generic[T]):
    rows: list[T] = field(name="list")
    category: str = ""
    symbol: str = ""
    """Of a history, whose it is."""


class _Page(msgspec.Struct, Generic[T]):
    code: Literal[0] = field(name="retCode")
    result: _Rows[T]
    time: int | str | None = None


class _Refused(msgspec.Struct):
    code: int = field(name="retCode")
    message: str = field(name="retMsg", default="")


class _Pushed(msgspec.Struct):
    """A ticker over a socket: the same fields, but a ``delta`` tells only those that changed."""

    data: _Ticker
    time: int | str | None = field(name="ts", default=None)


_BOOKS = msgspec.json.Decoder(_Page[_Listed])
_TICKERS = msgspec.json.Decoder(_Page[_Ticker])
_PASTS = msgspec.json.Decoder(_Page[_Past])
_ACCOUNTS = msgspec.json.Decoder(_Page[_Accounts])
_REFUSED = msgspec.json.Decoder(_Refused)
_PUSHED = msgspec.json.Decoder(_Pushed)


def _told(body: bytes) -> SourceError | None:
    if body.startswith(b"<") and b"block access from your country" in body:
        return SourceBlocked("this country may not ask", evidence=evidence(body))
    said = peek(_REFUSED, body)
    if said is None or said.code == 0:
        return None
    return code_refusal(said.code, said.message, body, throttled=THROTTLED, busy=BUSY, blocked=BLOCKED)


def read_refusal(status: int, body: bytes) -> SourceError:
    """403 is both the rate limit (in words) and the geo-block (a CloudFront page)."""
    if status == 403 and b"access too frequent" in body.lower():
        return SourceThrottled("HTTP 403: asked too often", retry_after=10 * MINUTE, evidence=evidence(body))
    return refusal(status, body)


def parse_book(body: bytes) -> Listing:
    """``{"result": {"list": [{"symbol": "BTCUSDT", "contractType": "LinearPerpetual", …}]}}``"""

    def read(row: _Listed) -> Instrument | None:
        perpetual = row.contract_type in PERPETUAL
        if row.status != "Trading" or not (perpetual or row.contract_type in DATED):
            return None
        if row.quote_coin not in DOLLARS or row.symbol_type not in CRYPTO or row.base_coin in NOT_COINS:
            return None
        asset, multiple = coin(RENAMED.get(row.base_coin, row.base_coin))
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=row.contract_type.startswith("Inverse"),
            expiry=None if perpetual else from_ms(row.delivery_time),
            coins_per_base=multiple,
            quote=row.quote_coin,
            funding_interval=_interval(row.funding_interval) if perpetual else None,
        )

    page, lost = decode_listed(_BOOKS, body, _told)
    return read_book(page.result.rows, read, lost)


def _interval(told: Figure | None) -> timedelta | None:
    """Minutes. A contract is not lost for an odd one."""
    minutes = optional(told, "fundingInterval")
    return int(minutes) * MINUTE if minutes and minutes == int(minutes) and 0 < minutes <= A_DAY else None


def _among(told: str, instrument: Instrument) -> None:
    """Raises ``SourceChanged`` where the answer's category is not the contract's: its units are others."""
    if told and told != category(instrument):
        raise SourceChanged(f"told among {told} contracts, known as {category(instrument)}")


def parse_tickers(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"result": {"list": [{"symbol", "openInterest", "markPrice", "fundingRate", …}]}, "time"}``

    One clock for all rows. Where a row tells no interval of funding, it is the one that the list of contracts
    told; where neither is known, the usual one, said to be assumed.
    """
    page, pushed = peek(_TICKERS, body), None
    if page is None and (pushed := peek(_PUSHED, body)) is not None:
        among, rows, at = "", [pushed.data], stamped(pushed.time, now)
    else:
        page = page or decode(_TICKERS, body, _told)
        among, rows, at = page.result.category, page.result.rows, stamped(page.time, now)

    def read(row: _Ticker, instrument: Instrument) -> list[Observation]:
        _among(among, instrument)
        unit = counted(instrument)
        price = quoted(row.mark_price, "markPrice")
        said: list[Observation] = []
        if pushed is None or row.open_interest is not None:
            amount = Amount(required(row.open_interest, "openInterest"), unit)
            said.append(OpenInterest(instrument, amount, at, now, price))
        elif price is not None:
            said.append(Price(instrument, price, at, now))
        if (rate := optional(row.funding_rate, "fundingRate")) is not None and instrument.expiry is None:
            said += _funding(row, instrument, rate, at, now)
        if (volume := optional(row.volume24h, "volume24h")) is not None:
            said.append(Volume(instrument, Amount(volume, unit), at, now))
        return said

    return read_rows(rows, book, read, may_be_silent=pushed is not None)


def _funding(
    row: _Ticker, instrument: Instrument, rate: Decimal, at: datetime, now: datetime
) -> list[Observation]:
    if row.funding_interval_hour:
        told = hours(row.funding_interval_hour, "fundingIntervalHour")
        return [Funding(instrument, rate, told, at, now)]
    if instrument.funding_interval is not None:
        return [Funding(instrument, rate, instrument.funding_interval, at, now)]
    return usual_funding(instrument, rate, row.next_funding_time, at, now)


def _accounts(book: Book) -> Sequence[Request]:
    return [
        Request(
            "/v5/market/account-ratio",
            {
                "category": category(one),
                "symbol": one.symbol,
                "period": "5min",
                "limit": "1",
            },
        )
        for one in book.values()
        if one.expiry is None
    ]


def parse_accounts(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"result": {"list": [{"symbol", "buyRatio": "0.58", "sellRatio": "0.42", "timestamp"}]}}``."""

    def read(row: _Accounts, instrument: Instrument) -> list[Observation]:
        longs, shorts = required(row.buy_ratio, "buyRatio"), required(row.sell_ratio, "sellRatio")
        if not shorts:
            raise SourceChanged("no account is short")
        return [account_ratio(instrument, longs / shorts, from_ms(row.timestamp), now)]

    return read_rows(decode(_ACCOUNTS, body, _told).result.rows, book, read)


def _past(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
    return [
        Request(
            "/v5/market/open-interest",
            {
                "category": category(instrument),
                "symbol": instrument.symbol,
                "intervalTime": "5min",
                "limit": "200",
                "startTime": str(first),
                "endTime": str(last),
            },
        )
        for first, last in pages(since, until, STEP, 200)
    ]


def _whose(body: bytes) -> str:
    page = peek(_PASTS, body)
    return page.result.symbol if page is not None else ""


def parse_history(body: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """``{"result": {"list": [{"openInterest", "timestamp"}]}}``, newest first there, oldest first here."""
    told, unit = decode(_PASTS, body, _told).result, counted(instrument)
    the_same(instrument, (told.symbol,))
    _among(told.category, instrument)

    def read(row: _Past) -> OpenInterest:
        amount = Amount(required(row.open_interest, "openInterest"), unit)
        return OpenInterest(instrument, amount, from_ms(row.timestamp), now)

    return read_past(told.rows, read)


EXCHANGE = Exchange(
    venue=VENUE,
    title="Bybit",
    group=Group.OFFSHORE,
    base_url="https://api.bybit.com",
    book=BookPoll(
        HOUR,
        lambda: [
            Request("/v5/market/instruments-info", {"category": kind, "limit": "1000"}) for kind in CATEGORIES
        ],
        parse_book,
    ),
    polls=(
        Poll(
            "tickers",
            MINUTE,
            lambda _: [Request("/v5/market/tickers", {"category": kind}) for kind in CATEGORIES],
            parse_tickers,
        ),
        Poll("accounts", ACCOUNTS_EVERY, _accounts, parse_accounts, rotates=True),
    ),
    budget=Budget(600, 5 * SECOND),
    facts=FACTS,
    read_refusal=read_refusal,
    doubts=("its past may count both sides",),
    sockets=tuple(map(socket, CATEGORIES)),
    history=History(STEP, timedelta(days=3650), _past, parse_history, whose=_whose),
)
