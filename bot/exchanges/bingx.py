"""BingX: perpetual contracts, open interest one symbol a question.

Linear contracts (``BTC-USDT``) count it in dollars, inverse ones (``BTC-USD``) in coins: both move with the
price of the other. Liquidations have no public feed, and open interest has no past.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, Literal, TypeVar

import msgspec

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Price, Venue, Volume
from bot.domain.units import Amount, ContractSize, Unit
from bot.errors import SourceError, SourceThrottled
from bot.exchanges.listed import read_book
from bot.exchanges.reading import (
    DOLLARS,
    OneOrMore,
    by_code,
    code_refusal,
    coin,
    decode,
    evidence,
    hours,
    peek,
    read_rows,
    rows_of,
    stamped,
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
    Listing,
    Poll,
    Request,
    facts,
    optional,
    quoted,
    required,
)

T = TypeVar("T")

VENUE = Venue("bingx")
FACTS = facts(
    """
    /openApi/swap/v2/quote/openInterest | openInterest | USDT, of one symbol | two client libraries | [2]
    /openApi/swap/v2/quote/openInterest | its size | the one recorded value looks large | recorded | [?]
    /openApi/cswap/v1/market/openInterest | data[].openInterest | base coin; data is a list | libraries | [2]
    …/market/openInterest | data[].timestamp | once hours old: then it is called stale | recorded answer | [?]
    …/premiumIndex | markPrice | quote per base coin | client library | [2]
    …/premiumIndex | updateTime | of the last funding, not of the price: receive time | recorded answer | [1]
    …/premiumIndex linear | lastFundingRate | fraction per fundingIntervalHours | client library | [1]
    …/premiumIndex inverse | lastFundingRate | fraction; no interval told: 8 h assumed | client library | [?]
    …/ticker linear | volume | base coin | agrees with quoteVolume | [1]
    …/ticker inverse | volume | contracts | agrees with quoteVolume | [1]
    /openApi/cswap/v1/market/contracts | minTickSize | USD per contract | client library | [1]
    /openApi/cswap/… | timestamp | must be there, any will do | client program, documentation | [1]
    …/contracts | names that begin with NC | shares, metals, currencies, indexes: left out | observers | [2]
    liquidations | — | no public feed | client libraries | [1]
    code | 100410 | busy; throttled where the message speaks of requests | client library, documentation | [1]
    limit | 100 in 10 s | requests, a guess on the safe side | — | [0]
    """
)

STAMPED = {"timestamp": "1700000000000"}
"""Inverse contracts are told only to a question with a time; it is not looked at."""
FREQUENCY = (b"frequency limit", b"requests within", b"too many", b"rate limit")
BUSY = frozenset({"100410", "100500", "100503", "109500"})
TRADFI = ("NCCO", "NCFX", "NCSI", "NCSK")
"""How names of commodities, currencies, indexes and shares begin."""


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    status: int | str
    min_tick_size: Figure | None = None
    """Told of inverse contracts alone: the dollars of one."""


class _OpenInterest(msgspec.Struct, rename="camel"):
    symbol: str
    open_interest: Figure | None = None
    time: int | str | None = None
    timestamp: int | str | None = None


class _Premium(msgspec.Struct, rename="camel"):
    symbol: str
    mark_price: Figure | None = None
    last_funding_rate: Figure = ""
    funding_interval_hours: int | None = None
    next_funding_time: int | str | None = None


class _Day(msgspec.Struct, rename="camel"):
    symbol: str
    volume: Figure | None = None
    last_price: Figure | None = None
    close_time: int | str | None = None


class _Page(msgspec.Struct, Generic[T]):
    code: Literal[0, "0"]
    data: OneOrMore[T]


class _Refused(msgspec.Struct):
    code: int | str
    message: str = msgspec.field(name="msg", default="")


_BOOKS = msgspec.json.Decoder(_Page[_Listed])
_OPEN = msgspec.json.Decoder(_Page[_OpenInterest])
_PREMIUMS = msgspec.json.Decoder(_Page[_Premium])
_DAYS = msgspec.json.Decoder(_Page[_Day])
_REFUSED = msgspec.json.Decoder(_Refused)


def _told(body: bytes) -> SourceError | None:
    """One code says both that the venue is busy and that it was asked too often."""
    said = peek(_REFUSED, body)
    if said is None or str(said.code) == "0":
        return None
    if any(words in body.lower() for words in FREQUENCY):
        why = f"code {said.code}: {said.message}"
        return SourceThrottled(why, retry_after=MINUTE, evidence=evidence(body))
    return code_refusal(said.code, said.message, body, throttled={}, busy=BUSY)


def parse_book(body: bytes) -> Listing:
    """``{"data": [{"symbol": "BTC-USDT", "status": 1}]}``; inverse ones have ``minTickSize`` as well."""

    def read(row: _Listed) -> Instrument | None:
        base, _, quote = row.symbol.rpartition("-")
        if str(row.status) != "1" or quote not in DOLLARS or base.startswith(TRADFI):
            return None
        asset, multiple = coin(base)
        inverse = quote == "USD"
        size = optional(row.min_tick_size, "minTickSize") if inverse else None
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=inverse,
            contract=ContractSize(size, Unit.QUOTE) if size else None,
            coins_per_base=multiple,
            quote=quote,
        )

    return read_book(rows_of(decode(_BOOKS, body, _told).data), read)


def parse_open_interest(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": {"symbol": "BTC-USDT", "openInterest": "3289641547.10", "time"}}``: dollars.

    Inverse, ``{"data": [{"symbol": "BTC-USD", "openInterest": "749.1160", "timestamp"}]}``: coins.
    """

    def read(row: _OpenInterest, instrument: Instrument) -> list[Observation]:
        unit = Unit.BASE if instrument.inverse else Unit.QUOTE
        amount = Amount(required(row.open_interest, "openInterest"), unit)
        return [OpenInterest(instrument, amount, stamped(row.time or row.timestamp, now), now)]

    return read_rows(rows_of(decode(_OPEN, body, _told).data), book, read)


def parse_premiums(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"symbol", "markPrice", "lastFundingRate", "fundingIntervalHours", "updateTime"}]}``

    Inverse contracts tell no interval, and older answers none at all.
    """

    def read(row: _Premium, instrument: Instrument) -> list[Observation]:
        said: list[Observation] = []
        if (price := quoted(row.mark_price, "markPrice")) is not None:
            said.append(Price(instrument, price, now, now))
        rate = optional(row.last_funding_rate, "lastFundingRate")
        if rate is not None and row.funding_interval_hours is not None:
            interval = hours(row.funding_interval_hours, "fundingIntervalHours")
            said.append(Funding(instrument, rate, interval, now, now))
        elif rate is not None:
            said += usual_funding(instrument, rate, row.next_funding_time, now, now)
        return said

    return read_rows(rows_of(decode(_PREMIUMS, body, _told).data), book, read)


def parse_volume(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"symbol", "volume", "quoteVolume", "closeTime"}]}``: coins, of inverse ones contracts."""

    def read(row: _Day, instrument: Instrument) -> list[Observation]:
        unit = Unit.CONTRACTS if instrument.inverse else Unit.BASE
        amount = Amount(required(row.volume, "volume"), unit)
        last = quoted(row.last_price, "lastPrice")
        return [Volume(instrument, amount, stamped(row.close_time, now), now, last)]

    return read_rows(rows_of(decode(_DAYS, body, _told).data), book, read)


def _each(path: str, *, inverse: bool) -> Callable[[Book], Sequence[Request]]:
    more = STAMPED if inverse else {}
    return lambda book: [
        Request(path, {"symbol": one.symbol, **more}) for one in book.values() if one.inverse is inverse
    ]


def _both(linear: str, inverse: str) -> Callable[..., Sequence[Request]]:
    return lambda *_: [Request(linear), Request(inverse, STAMPED)]


EXCHANGE = Exchange(
    venue=VENUE,
    title="BingX",
    group=Group.OFFSHORE,
    base_url="https://open-api.bingx.com",
    book=BookPoll(
        HOUR,
        _both("/openApi/swap/v2/quote/contracts", "/openApi/cswap/v1/market/contracts"),
        parse_book,
    ),
    polls=(
        Poll(
            "prices",
            MINUTE,
            _both("/openApi/swap/v2/quote/premiumIndex", "/openApi/cswap/v1/market/premiumIndex"),
            parse_premiums,
        ),
        Poll(
            "open-interest",
            MINUTE,
            _each("/openApi/swap/v2/quote/openInterest", inverse=False),
            parse_open_interest,
            rotates=True,
        ),
        Poll(
            "open-interest-inverse",
            MINUTE,
            _each("/openApi/cswap/v1/market/openInterest", inverse=True),
            parse_open_interest,
            rotates=True,
        ),
        Poll(
            "volume",
            5 * MINUTE,
            _both("/openApi/swap/v2/quote/ticker", "/openApi/cswap/v1/market/ticker"),
            parse_volume,
        ),
    ),
    budget=Budget(100, 10 * SECOND),
    facts=FACTS,
    read_refusal=by_code(_told),
    doubts=(
        "its open interest in dollars looked large where it was recorded",
        "funding of coin-margined contracts, whose interval it does not tell, is taken for one of 8 hours",
    ),
    unheard="there is no public feed of liquidations",
)
