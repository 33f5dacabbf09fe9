"""Binance COIN-M futures: inverse contracts of a fixed dollar size. One question per symbol.

Prices and liquidations have the shapes of USD-M, so its parsers read them; only the units differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from bot.domain.market import Completeness, Group, Instrument, Observation, OpenInterest, Venue
from bot.domain.units import Amount, ContractSize, Unit
from bot.exchanges.binance_terms import terms, told
from bot.exchanges.binance_usdm import DATED, STEP, parse_forced, polls
from bot.exchanges.reading import (
    DOLLARS,
    coin,
    decode,
    implied_price,
    pages,
    read_book,
    read_rows,
    refusal,
    rows_of,
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
    Request,
    Socket,
    facts,
    from_ms,
    required,
)

VENUE = Venue("binance_coinm")
FACTS = facts(
    """
    /dapi/v1/openInterest | openInterest | contracts | documentation, recorded answers | [2]
    /dapi/v1/exchangeInfo | contractSize | USD per contract | 100 for BTC [2], 10 for others [0] | [2]
    /dapi/v1/premiumIndex | markPrice | USD per base coin | documentation | [2]
    /dapi/v1/premiumIndex | lastFundingRate | fraction per interval | documentation | [2]
    /dapi/v1/fundingInfo | fundingIntervalHours | hours of those ever adjusted; else 8 | documentation | [1]
    /dapi/v1/ticker/24hr | volume | contracts | documentation (baseVolume is coins) | [1]
    /futures/data/openInterestHist | sumOpenInterest | contracts | recorded answer | [2]
    /futures/data/openInterestHist | sumOpenInterestValue | base coin | recorded answer | [2]
    /futures/data/openInterestHist | contractType | PERPETUAL only | a dated symbol changes quarter | [2]
    !forceOrder@arr | S | side of the order | as USD-M | [2]
    !forceOrder@arr | z | contracts | client library | [1]
    !forceOrder@arr | completeness | largest per symbol and second: a floor | as USD-M | [0]
    """
)


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    contract_status: str
    contract_type: str
    contract_size: Decimal
    delivery_date: int
    base_asset: str
    quote_asset: str


class _Listing(msgspec.Struct):
    symbols: list[_Listed]


class _OpenInterest(msgspec.Struct, rename="camel"):
    symbol: str
    time: int
    open_interest: Figure | None = None


class _Past(msgspec.Struct, rename="camel"):
    sum_open_interest: Figure
    sum_open_interest_value: Figure
    timestamp: int | str


_LISTING = msgspec.json.Decoder(_Listing)
_OPEN = msgspec.json.Decoder(list[_OpenInterest] | _OpenInterest)
_PASTS = msgspec.json.Decoder(list[_Past])


def parse_book(body: bytes) -> Mapping[str, Instrument]:
    """``{"symbols": [{"symbol": "BTCUSD_PERP", "contractSize": 100, "contractStatus": "TRADING", …}]}``"""

    def read(row: _Listed) -> Instrument | None:
        perpetual = row.contract_type == "PERPETUAL"
        if row.contract_status != "TRADING" or not (perpetual or row.contract_type in DATED):
            return None
        if row.quote_asset not in DOLLARS:
            return None
        asset, multiple = coin(row.base_asset)
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=True,
            contract=ContractSize(required(row.contract_size, "contractSize"), Unit.QUOTE),
            expiry=None if perpetual else from_ms(row.delivery_date),
            coins_per_base=multiple,
            quote=row.quote_asset,
        )

    return read_book(decode(_LISTING, body, told).symbols, read)


def parse_open_interest(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"symbol": "ETHUSD_PERP", "openInterest": "26542436", "time"}``, or several: contracts."""

    def read(row: _OpenInterest, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.open_interest, "openInterest"), Unit.CONTRACTS)
        return [OpenInterest(instrument, amount, from_ms(row.time), now)]

    return read_rows(rows_of(decode(_OPEN, body, told)), book, read)


def _past(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
    """History is asked by pair; which quarter a dated symbol is in changes with time, so it has none."""
    if instrument.expiry is not None:
        return ()
    return [
        Request(
            "/futures/data/openInterestHist",
            {
                "pair": instrument.symbol.partition("_")[0],
                "contractType": "PERPETUAL",
                "period": "5m",
                "limit": "500",
                "startTime": str(first),
                "endTime": str(last),
            },
        )
        for first, last in pages(since, until, STEP, 500)
    ]


def parse_history(body: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """``[{"sumOpenInterest": contracts, "sumOpenInterestValue": base coins, "timestamp"}]``, oldest first.

    The value is in coins, where USD-M has dollars under the same name.
    """
    points = []
    for row in decode(_PASTS, body, told):
        contracts = required(row.sum_open_interest, "sumOpenInterest")
        base = required(row.sum_open_interest_value, "sumOpenInterestValue")
        price = implied_price(contracts * instrument.contract.value, base) if instrument.contract else None
        amount = Amount(contracts, Unit.CONTRACTS)
        points.append(OpenInterest(instrument, amount, from_ms(row.timestamp), now, price))
    return sorted(points, key=lambda point: point.at)


EXCHANGE = Exchange(
    venue=VENUE,
    title="Binance COIN-M",
    group=Group.OFFSHORE,
    base_url="https://dapi.binance.com",
    book=BookPoll(HOUR, lambda: [Request("/dapi/v1/exchangeInfo")], parse_book, terms("/dapi/v1")),
    polls=polls("/dapi/v1", parse_open_interest),
    budget=Budget(2400, MINUTE),
    facts=FACTS,
    read_refusal=refusal,
    sockets=(
        Socket(
            "liquidations",
            "wss://dstream.binance.com/ws/!forceOrder@arr",
            lambda _: (),
            parse_forced,
            Completeness.THROTTLED,
        ),
    ),
    history=History(STEP, timedelta(days=30) - HOUR, _past, parse_history),
)
