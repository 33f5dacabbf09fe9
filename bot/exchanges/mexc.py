"""MEXC futures: perpetual contracts, all in one answer, counted in contracts.

Liquidations have no public feed, and open interest has no past.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Generic, Literal, TypeVar

import msgspec
from msgspec import field

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Venue, Volume
from bot.domain.units import Amount, ContractSize, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import read_book
from bot.exchanges.reading import (
    DOLLARS,
    NOT_COINS,
    OneOrMore,
    by_code,
    code_refusal,
    coin,
    decode,
    hours,
    peek,
    read_rows,
    rows_of,
    stamped,
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

VENUE = Venue("mexc")
FACTS = facts(
    """
    /api/v1/contract/ticker | holdVol | contracts | documentation, client libraries | [2]
    /api/v1/contract/ticker | fairPrice | quote per base coin | documentation, client libraries | [2]
    /api/v1/contract/ticker | volume24 | contracts | recorded answers, client library | [2]
    /api/v1/contract/ticker inverse | amount24 | must not contradict contractSize | client library | [1]
    /api/v1/contract/ticker | fundingRate | not read: its interval is not told here | client library | [1]
    /api/v1/contract/detail linear | contractSize | base coin per contract | client libraries | [2]
    /api/v1/contract/detail inverse | contractSize | USD per contract | by analogy | [0]
    /api/v1/contract/detail | settleCoin is not quoteCoin | inverse | client library | [1]
    /api/v1/contract/detail | type 2, conceptPlate tradfi, preMarket | left out | observers | [2]
    /api/v1/contract/detail | baseCoinName | the coin's usual name, beside the venue's own | observer | [1]
    /api/v1/contract/funding_rate | fundingRate | fraction per collectCycle hours | observers | [2]
    liquidations | — | no public feed | client libraries | [1]
    code | 510 | throttled | documentation | [1]
    code | 500, 501 | unreachable: internal error, busy | documentation | [1]
    limit | 20 in 2 s | requests | general knowledge | [0]
    """
)

THROTTLED = {"510": 5 * SECOND}
BUSY = frozenset({"500", "501"})
TRADED, TRADFI, PERPETUAL = 0, 2, 1  # state, type, futureType
OTHER_MARKETS = ("tradfi", "stock", "metals", "oil", "commodit", "forex", "etf", "preipo")
"""How the zones of what is no coin begin (metalsfutures, stockindex)."""
ZONE = "mc-trade-zone-"


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    base_coin: str
    quote_coin: str
    settle_coin: str
    state: int
    contract_size: Decimal | None = None
    base_coin_name: str = ""
    concept_plate: list[str] | None = None
    kind: int | None = field(name="type", default=None)
    future_type: int | None = None
    pre_market: bool = False


class _Ticker(msgspec.Struct, rename="camel"):
    symbol: str
    hold_vol: Decimal | None = None
    timestamp: int | str | None = None
    fair_price: Decimal | None = None
    volume24: Decimal | None = None
    amount24: Figure | None = None
    high: Figure | None = field(name="high24Price", default=None)
    low: Figure | None = field(name="lower24Price", default=None)


class _Funding(msgspec.Struct, rename="camel"):
    symbol: str
    timestamp: int | str | None = None
    funding_rate: Decimal | None = None
    collect_cycle: int | None = None


class _Page(msgspec.Struct, Generic[T]):
    data: OneOrMore[T]
    success: Literal[True] = True
    """The same in a frame of its socket does not say so."""


class _Refused(msgspec.Struct):
    success: Literal[False]
    code: int = 0
    message: str = ""


_BOOKS = msgspec.json.Decoder(_Page[_Listed])
_TICKERS = msgspec.json.Decoder(_Page[_Ticker])
_FUNDINGS = msgspec.json.Decoder(_Page[_Funding])
_REFUSED = msgspec.json.Decoder(_Refused)


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    if said is None:
        return None
    return code_refusal(said.code, said.message, body, throttled=THROTTLED, busy=BUSY)


def _is_crypto(row: _Listed) -> bool:
    zones = (plate.lower().removeprefix(ZONE) for plate in row.concept_plate or ())
    elsewhere = any(zone.startswith(OTHER_MARKETS) for zone in zones)
    return not (row.pre_market or row.kind == TRADFI or elsewhere or row.base_coin in NOT_COINS)


def parse_book(body: bytes) -> Listing:
    """``{"data": [{"symbol": "BTC_USDT", "baseCoin": "BTC", "settleCoin": "USDT", "contractSize": 0.0001}]}``

    Some coins are listed under names of the venue's own (FILECOIN), their usual one beside it.
    """

    def read(row: _Listed) -> Instrument | None:
        if row.state != TRADED or row.future_type not in (PERPETUAL, None) or not _is_crypto(row):
            return None
        if row.quote_coin not in DOLLARS:
            return None
        asset, multiple = coin(row.base_coin_name or row.base_coin)
        if multiple != coin(row.base_coin)[1]:
            raise SourceChanged(f"{row.base_coin} is shown as {row.base_coin_name:.40}")
        inverse = row.settle_coin != row.quote_coin
        size = optional(row.contract_size, "contractSize")
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=inverse,
            contract=ContractSize(size, Unit.QUOTE if inverse else Unit.BASE) if size else None,
            coins_per_base=multiple,
            quote=row.quote_coin,
        )

    return read_book(rows_of(decode(_BOOKS, body, _told).data), read)


def parse_tickers(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"symbol": "ETH_USDT", "holdVol": 5832946, "fairPrice", "volume24", "timestamp"}]}``

    Open interest and volume are contracts. That an inverse one is so many dollars is checked by what was
    traded of it in a day: where that says otherwise, the row is lost.
    """

    def read(row: _Ticker, instrument: Instrument) -> list[Observation]:
        _check_size(row, instrument)
        at = stamped(row.timestamp, now)
        amount = Amount(required(row.hold_vol, "holdVol"), Unit.CONTRACTS)
        price = quoted(row.fair_price, "fairPrice")
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
        if (volume := optional(row.volume24, "volume24")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.CONTRACTS), at, now))
        return said

    return read_rows(rows_of(decode(_TICKERS, body, _told).data), book, read)


def _check_size(row: _Ticker, instrument: Instrument) -> None:
    """``volume24`` inverse contracts are worth ``amount24``: in coins, at a price of that day, or in dollars.

    Raises ``SourceChanged`` where they are neither, by more than a half.
    """
    size = instrument.contract
    told = (row.volume24, row.amount24, row.high, row.low)
    if not instrument.inverse or size is None or None in told:
        return
    traded, worth, high, low = (optional(one, "what was traded in a day") for one in told)
    if not (traded and worth and high and low):
        return
    dollars = traded * size.value
    if not (_within(dollars / high, worth, dollars / low) or _within(dollars, worth, dollars)):
        raise SourceChanged(f"{traded} contracts of {size.value} dollars are told to be worth {worth}")


def _within(least: Decimal, told: Decimal, most: Decimal) -> bool:
    return least * 2 / 3 <= told <= most * 3 / 2


def parse_funding(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"symbol", "fundingRate": 0.000014, "collectCycle": 8, "timestamp"}]}``: 8 is hours."""

    def read(row: _Funding, instrument: Instrument) -> list[Observation]:
        rate = optional(row.funding_rate, "fundingRate")
        if rate is None or row.collect_cycle is None:
            return []
        return [
            Funding(
                instrument, rate, hours(row.collect_cycle, "collectCycle"), stamped(row.timestamp, now), now
            )
        ]

    return read_rows(rows_of(decode(_FUNDINGS, body, _told).data), book, read, may_be_silent=True)


EXCHANGE = Exchange(
    venue=VENUE,
    title="MEXC",
    group=Group.OFFSHORE,
    base_url="https://api.mexc.com",
    book=BookPoll(HOUR, lambda: [Request("/api/v1/contract/detail")], parse_book),
    polls=(
        Poll("tickers", MINUTE, lambda _: [Request("/api/v1/contract/ticker")], parse_tickers),
        Poll("funding", 5 * MINUTE, lambda _: [Request("/api/v1/contract/funding_rate")], parse_funding),
    ),
    budget=Budget(20, 2 * SECOND),
    facts=FACTS,
    read_refusal=by_code(_told),
    unheard="there is no public feed of liquidations",
)
