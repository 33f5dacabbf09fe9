"""Binance COIN-M futures: inverse contracts of a fixed dollar size. One question per symbol.

Prices and liquidations have the shapes of USD-M, so its parsers read them; only the units differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.market import Group, Instrument, OpenInterest, Venue
from bot.domain.units import Amount, ContractSize, Unit
from bot.exchanges.binance_socket import forced
from bot.exchanges.binance_terms import COINM_BUDGET, terms, told
from bot.exchanges.binance_usdm import DATA_WEIGHT, DATED, STEP, open_interest, polls
from bot.exchanges.listed import decode_listed, read_book
from bot.exchanges.reading import (
    DOLLARS,
    NOT_COINS,
    coin,
    decode,
    implied_price,
    pages,
    peek,
    read_past,
    refusal,
    the_same,
)
from bot.exchanges.spec import (
    HOUR,
    Answer,
    Book,
    BookPoll,
    Exchange,
    Figure,
    History,
    Listing,
    Request,
    facts,
    from_ms,
    optional,
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
    /futures/data | limit | 1,000 requests in 5 minutes: booked as 12 each | as USD-M | [0]
    /futures/data/openInterestHist | contractType | PERPETUAL only | a dated symbol changes quarter | [2]
    !forceOrder@arr | S | side of the order | as USD-M | [2]
    !forceOrder@arr | z | contracts | client library | [1]
    !forceOrder@arr | completeness | one per symbol and second: a floor | its SDK | [1]
    !forceOrder@arr | s, st | USD-M orders come too since 2026-06-30: left to its feed | its SDK; seen | [2]
    wss://dstream.binance.com | path | /ws, where USD-M moved to /market | its SDK; seen in October 2026 | [2]
    IP limit | 2,400 a minute | with USD-M since 2026-06-30: 600 here, 1,800 there | integration notice | [2]
    """
)


PERP = "PERP"


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    contract_status: str
    contract_type: str
    base_asset: str
    quote_asset: str
    contract_size: Figure | None = None
    delivery_date: int | str | None = None


class _Listing(msgspec.Struct):
    symbols: list[_Listed]


class _Past(msgspec.Struct, rename="camel"):
    timestamp: int | str
    sum_open_interest: Figure | None = None
    sum_open_interest_value: Figure | None = None
    pair: str = ""
    contract_type: str = ""


_LISTING = msgspec.json.Decoder(_Listing)
_PASTS = msgspec.json.Decoder(list[_Past])


def parse_book(body: bytes) -> Listing:
    """``{"symbols": [{"symbol": "BTCUSD_PERP", "contractSize": 100, "contractStatus": "TRADING", …}]}``"""

    def read(row: _Listed) -> Instrument | None:
        perpetual = row.contract_type == "PERPETUAL"
        if row.contract_status != "TRADING" or not (perpetual or row.contract_type in DATED):
            return None
        if row.quote_asset not in DOLLARS or row.base_asset in NOT_COINS:
            return None
        asset, multiple = coin(row.base_asset)
        size = optional(row.contract_size, "contractSize")
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=True,
            contract=ContractSize(size, Unit.QUOTE) if size else None,
            expiry=None if perpetual else from_ms(row.delivery_date),
            coins_per_base=multiple,
            quote=row.quote_asset,
        )

    page, lost = decode_listed(_LISTING, body, told)
    return read_book(page.symbols, read, lost)


def parse_open_interest(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"symbol": "ETHUSD_PERP", "openInterest": "26542436", "time"}``, or several: contracts."""

    return open_interest(body, book, now, Unit.CONTRACTS)


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
            weight=DATA_WEIGHT,
        )
        for first, last in pages(since, until, STEP, 500)
    ]


def _symbol(row: _Past) -> str:
    """The symbol that a row's pair and kind of contract make; that of a dated one they do not tell."""
    return f"{row.pair}_{PERP if row.contract_type in ('', 'PERPETUAL') else row.contract_type}"


def _whose(body: bytes) -> str:
    rows = peek(_PASTS, body)
    return _symbol(rows[0]) if rows else ""


def _told_of(row: _Past, instrument: Instrument) -> str:
    """Of dated contracts the pair is all that can be compared."""
    pair, _, kind = instrument.symbol.partition("_")
    return instrument.symbol if not row.pair or (row.pair == pair and kind != PERP) else _symbol(row)


def parse_history(body: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """``[{"sumOpenInterest": contracts, "sumOpenInterestValue": base coins, "timestamp"}]``, oldest first.

    The value is in coins, where USD-M has dollars under the same name. Rows of another pair are not of the
    contract that is asked for, nor are those of dated contracts, or of all together, of a perpetual.
    """
    rows = decode(_PASTS, body, told)
    the_same(instrument, (_told_of(row, instrument) for row in rows))

    def read(row: _Past) -> OpenInterest:
        contracts = required(row.sum_open_interest, "sumOpenInterest")
        base, size = optional(row.sum_open_interest_value, "sumOpenInterestValue"), instrument.contract
        price = None if base is None or size is None else implied_price(contracts * size.value, base)
        amount = Amount(contracts, Unit.CONTRACTS)
        return OpenInterest(instrument, amount, from_ms(row.timestamp), now, price)

    return read_past(rows, read)


EXCHANGE = Exchange(
    venue=VENUE,
    title="Binance COIN-M",
    group=Group.OFFSHORE,
    base_url="https://dapi.binance.com",
    book=BookPoll(HOUR, lambda: [Request("/dapi/v1/exchangeInfo")], parse_book, terms("/dapi/v1")),
    polls=polls("/dapi/v1", parse_open_interest),
    budget=COINM_BUDGET,
    facts=FACTS,
    read_refusal=refusal,
    sockets=(forced("wss://dstream.binance.com/ws/!forceOrder@arr"),),
    history=History(STEP, timedelta(days=30) - HOUR, _past, parse_history, whose=_whose),
)
