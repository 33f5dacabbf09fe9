"""Binance USD-M futures: linear contracts margined in stablecoins. One question per symbol."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import field

from bot.domain.market import (
    Funding,
    Group,
    Instrument,
    Observation,
    OpenInterest,
    Price,
    Supply,
    Venue,
    Volume,
)
from bot.domain.units import Amount, Unit
from bot.exchanges.binance_socket import forced
from bot.exchanges.binance_terms import FUNDING_INTERVAL, USDM_BUDGET, terms, told
from bot.exchanges.listed import decode_listed, read_book
from bot.exchanges.reading import (
    ACCOUNTS_EVERY,
    DOLLARS,
    NOT_COINS,
    account_ratio,
    coin,
    decode,
    implied_price,
    pages,
    peek,
    read_past,
    read_rows,
    refusal,
    rows_of,
    the_same,
)
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    Answer,
    Book,
    BookPoll,
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

VENUE = Venue("binance_usdm")
FACTS = facts(
    """
    /fapi/v1/openInterest | openInterest | base coin | documentation, recorded answers | [2]
    /fapi/v1/premiumIndex | markPrice | USDT per base coin | documentation, client libraries | [2]
    /fapi/v1/premiumIndex | lastFundingRate | fraction per interval | documentation | [2]
    /fapi/v1/fundingInfo | fundingIntervalHours | hours of those ever adjusted; else 8 | documentation | [1]
    /fapi/v1/ticker/24hr | volume | base coin | documentation | [1]
    /fapi/v1/exchangeInfo | contractType, status | — | TRADIFI_PERPETUAL is left out | [2]
    /fapi/v1/exchangeInfo | quoteAsset | USDT, USDC, USD1 count as dollars | recorded rows | [2]
    /futures/data/openInterestHist | sumOpenInterest | base coin | recorded answers | [2]
    /futures/data | limit | 1,000 requests in 5 minutes, weight 0: booked as 12 each | documentation | [2]
    …/openInterestHist | CMCCirculatingSupply | coins, as CoinMarketCap counts | documentation | [1]
    …/globalLongShortAccountRatio | longShortRatio | long per short account | documentation | [1]
    /futures/data/openInterestHist | sumOpenInterestValue | USDT | recorded answers | [2]
    !forceOrder@arr | S | side of the order | SELL closed a long | [2]
    !forceOrder@arr | z × ap | base coin × USDT | one per symbol and second: a floor | [2]
    !forceOrder@arr | which one of a second | largest, or latest: the pages disagree | documentation | [?]
    !forceOrder@arr | s, st | COIN-M orders come too since 2026-06-30: left to its feed | its SDK | [2]
    IP limit | 2,400 a minute | with COIN-M since 2026-06-30: 1,800 here, 600 there | integration notice | [2]
    HTTP status | 451, 403 | blocked | legal restriction; web firewall | [2]
    HTTP status | 429, 418 | throttled | Retry-After is obeyed | [2]
    """
)

STEP = 5 * MINUTE
DATED = ("CURRENT_QUARTER", "NEXT_QUARTER", "CURRENT_MONTH", "NEXT_MONTH")
COIN = "COIN"  # the type of an underlying; old rows tell none
TRADFI_TAGS = frozenset({"STOCK", "ETF", "Commodities", "TradFi"})
_TRIAL = re.compile(r"TEST\d*$")
"""Contracts at Aster to try things out with."""
TRADFI_TYPE = 1  # Aster calls every underlying a COIN; its tags and its symbolType tell the rest
FUNDING_MS = 8 * 3_600_000
DATA_WEIGHT = 12
"""Of a request below /futures/data: 200 of them a minute are allowed, where all weights may be 2,400."""


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    contract_type: str
    base_asset: str
    quote_asset: str
    delivery_date: int | str | None = None
    underlying_type: str | None = COIN
    underlying_sub_type: list[str] | str | None = None
    symbol_type: int | None = None


class _Listing(msgspec.Struct):
    symbols: list[_Listed]


class _OpenInterest(msgspec.Struct, rename="camel"):
    symbol: str
    time: int | str | None = None
    open_interest: Figure | None = None


class _Premium(msgspec.Struct, rename="camel"):
    symbol: str
    mark_price: Figure | None = None
    time: int | str | None = None
    last_funding_rate: Figure | None = None
    next_funding_time: int | None = 0


class _Day(msgspec.Struct, rename="camel"):
    symbol: str
    volume: Figure | None = None
    last_price: Figure | None = None
    close_time: int | str | None = None


class _Past(msgspec.Struct, rename="camel"):
    timestamp: int | str
    sum_open_interest: Figure | None = None
    sum_open_interest_value: Figure | None = None
    symbol: str = ""


class _Accounts(msgspec.Struct, rename="camel"):
    symbol: str
    timestamp: int | str
    long_short_ratio: Figure | None = None


class _Supplied(msgspec.Struct):
    symbol: str
    timestamp: int | str
    coins: Figure | None = field(name="CMCCirculatingSupply", default=None)


_LISTING = msgspec.json.Decoder(_Listing)
_OPEN = msgspec.json.Decoder(list[_OpenInterest] | _OpenInterest)
_PREMIUMS = msgspec.json.Decoder(list[_Premium] | _Premium)
_DAYS = msgspec.json.Decoder(list[_Day] | _Day)
_PASTS = msgspec.json.Decoder(list[_Past])
_ACCOUNTS = msgspec.json.Decoder(list[_Accounts])
_SUPPLIED = msgspec.json.Decoder(list[_Supplied])


def listing(venue: Venue) -> Callable[[bytes], Listing]:
    """Reads ``{"symbols": [{"symbol": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING", …}]}``.

    Shares and metals (``TRADIFI_PERPETUAL`` on Binance, tags on Aster) and indexes of coins are left out,
    as is what does not trade.
    """

    def read(row: _Listed) -> Instrument | None:
        perpetual = row.contract_type == "PERPETUAL"
        if row.status != "TRADING" or not (perpetual or row.contract_type in DATED):
            return None
        if row.quote_asset not in DOLLARS or row.base_asset in NOT_COINS or _TRIAL.match(row.base_asset):
            return None
        tags = row.underlying_sub_type or ()
        tradfi = not TRADFI_TAGS.isdisjoint([tags] if isinstance(tags, str) else tags)
        if row.underlying_type not in (None, COIN) or row.symbol_type == TRADFI_TYPE or tradfi:
            return None
        asset, multiple = coin(row.base_asset)
        expiry = None if perpetual else from_ms(row.delivery_date)
        return Instrument(
            venue, row.symbol, asset, expiry=expiry, coins_per_base=multiple, quote=row.quote_asset
        )

    def parse(body: bytes) -> Listing:
        page, lost = decode_listed(_LISTING, body, told)
        return read_book(page.symbols, read, lost)

    return parse


def parse_open_interest(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"symbol": "BTCUSDT", "openInterest": "23581.677", "time"}``, or several: base coins."""
    return open_interest(body, book, now, Unit.BASE)


def open_interest(body: bytes, book: Book, now: datetime, unit: Unit) -> Answer:
    """One shape, in another unit on COIN-M."""

    def read(row: _OpenInterest, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.open_interest, "openInterest"), unit)
        return [OpenInterest(instrument, amount, from_ms(row.time), now)]

    return read_rows(rows_of(decode(_OPEN, body, told)), book, read)


def parse_premiums(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"symbol", "markPrice", "lastFundingRate", "nextFundingTime", "time"}]``, or one alone.

    The same on COIN-M. The interval of funding is told with the contracts (``parse_intervals``). Where it is
    not, 8 hours are assumed, unless the next one is due at an hour that only a shorter interval has: then the
    interval is unknown, and so is the funding.
    """

    def read(row: _Premium, instrument: Instrument) -> list[Observation]:
        at = from_ms(row.time)
        said: list[Observation] = []
        if (price := quoted(row.mark_price, "markPrice")) is not None:
            said.append(Price(instrument, price, at, now))
        rate = optional(row.last_funding_rate, "lastFundingRate")
        interval = instrument.funding_interval
        if rate is not None and row.next_funding_time and interval is not None:
            said.append(Funding(instrument, rate, interval, at, now))
        elif rate is not None and row.next_funding_time and row.next_funding_time % FUNDING_MS == 0:
            said.append(Funding(instrument, rate, FUNDING_INTERVAL, at, now, assumed=True))
        return said

    return read_rows(rows_of(decode(_PREMIUMS, body, told)), book, read)


def parse_volume(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"symbol", "volume", "lastPrice", "closeTime"}]``, or one alone: coins here, contracts on COIN-M."""

    def read(row: _Day, instrument: Instrument) -> list[Observation]:
        unit = Unit.CONTRACTS if instrument.inverse else Unit.BASE
        amount = Amount(required(row.volume, "volume"), unit)
        last = quoted(row.last_price, "lastPrice")
        return [Volume(instrument, amount, from_ms(row.close_time), now, last)]

    return read_rows(rows_of(decode(_DAYS, body, told)), book, read)


def parse_accounts(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"symbol", "longShortRatio": "1.8105", "timestamp"}]``: all accounts."""
    rows = decode(_ACCOUNTS, body, told)

    def read(row: _Accounts, instrument: Instrument) -> list[Observation]:
        return [account_ratio(instrument, row.long_short_ratio, from_ms(row.timestamp), now)]

    return read_rows(rows, book, read)


def parse_supply(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"symbol", "CMCCirculatingSupply": "19930000", "timestamp"}]``; zero where it is not known.

    Of a contract on a thousand coins nobody says which coins are meant: that is left out.
    """
    rows = decode(_SUPPLIED, body, told)

    def read(row: _Supplied, instrument: Instrument) -> list[Observation]:
        coins = optional(row.coins, "CMCCirculatingSupply")
        if not coins or coins < 0 or instrument.coins_per_base != 1:
            return []
        return [Supply(instrument, coins, from_ms(row.timestamp), now)]

    return read_rows(rows, book, read, may_be_silent=True)


def _past(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
    return [
        Request(
            "/futures/data/openInterestHist",
            {
                "symbol": instrument.symbol,
                "period": "5m",
                "limit": "500",
                "startTime": str(first),
                "endTime": str(last),
            },
            weight=DATA_WEIGHT,
        )
        for first, last in pages(since, until, STEP, 500)
    ]


def parse_history(body: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """``[{"sumOpenInterest": base coins, "sumOpenInterestValue": USDT, "timestamp"}]``, oldest first."""
    rows = decode(_PASTS, body, told)
    the_same(instrument, (row.symbol for row in rows))

    def read(row: _Past) -> OpenInterest:
        base = required(row.sum_open_interest, "sumOpenInterest")
        usd = optional(row.sum_open_interest_value, "sumOpenInterestValue")
        price = None if usd is None else implied_price(usd, base)
        return OpenInterest(instrument, Amount(base, Unit.BASE), from_ms(row.timestamp), now, price)

    return read_past(rows, read)


def _whose(body: bytes) -> str:
    rows = peek(_PASTS, body)
    return rows[0].symbol if rows else ""


def _newest(path: str) -> Callable[[Book], Sequence[Request]]:
    """The newest row of each perpetual."""
    return lambda book: [
        Request(path, {"symbol": one.symbol, "period": "5m", "limit": "1"}, weight=DATA_WEIGHT)
        for one in book.values()
        if one.expiry is None
    ]


def polls(root: str, parse_interest: Callable[[bytes, Book, datetime], Answer]) -> tuple[Poll, ...]:
    """What every venue of this wire format is asked below ``root``."""
    return (
        Poll(
            "prices",
            MINUTE,
            lambda _: [Request(f"{root}/premiumIndex", weight=10)],
            parse_premiums,
            also=("markPrice", "premiumIndex"),
        ),
        Poll(
            "open-interest",
            MINUTE,
            lambda book: [Request(f"{root}/openInterest", {"symbol": symbol}) for symbol in book],
            parse_interest,
            rotates=True,
            also=("openInterest",),
        ),
        Poll(
            "volume",
            5 * MINUTE,
            lambda _: [Request(f"{root}/ticker/24hr", weight=40)],
            parse_volume,
            also=("ticker24hr", "ticker/24hr"),
        ),
    )


EXCHANGE = Exchange(
    venue=VENUE,
    title="Binance USD-M",
    group=Group.OFFSHORE,
    base_url="https://fapi.binance.com",
    book=BookPoll(HOUR, lambda: [Request("/fapi/v1/exchangeInfo")], listing(VENUE), terms("/fapi/v1")),
    polls=(
        *polls("/fapi/v1", parse_open_interest),
        Poll(
            "accounts",
            ACCOUNTS_EVERY,
            _newest("/futures/data/globalLongShortAccountRatio"),
            parse_accounts,
            rotates=True,
        ),
        Poll("supply", 6 * HOUR, _newest("/futures/data/openInterestHist"), parse_supply, rotates=True),
    ),
    budget=USDM_BUDGET,
    facts=FACTS,
    read_refusal=refusal,
    sockets=(forced("wss://fstream.binance.com/market/ws/!forceOrder@arr"),),
    # A request for exactly 30 days back would be out of reach by the time it arrives.
    history=History(STEP, timedelta(days=30) - HOUR, _past, parse_history, whose=_whose),
)
