"""KuCoin Futures: contracts in lots, all in the answer that also lists them. Bitcoin is XBT.

Liquidations have no public feed. The past, and a second way to the same count, are found at another address.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, Literal, TypeVar

import msgspec

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Venue, Volume
from bot.domain.units import Amount, ContractSize, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import read_book
from bot.exchanges.reading import (
    DOLLARS,
    OneOrMore,
    by_code,
    code_refusal,
    coin,
    decode,
    pages,
    peek,
    read_past,
    read_rows,
    rows_of,
    stamped,
    the_same,
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
    facts,
    from_ms,
    optional,
    quoted,
    required,
)

T = TypeVar("T")

VENUE = Venue("kucoin")
FACTS = facts(
    """
    /api/v1/contracts/active | openInterest | contracts (lots) | documentation, recorded answers | [2]
    …/contracts/active linear | multiplier | base coin per contract | recorded answers | [2]
    …/contracts/active inverse | multiplier | negative; its size is USD per contract | recorded answer | [2]
    …/contracts/active | markPrice | quote per base coin | recorded answers | [2]
    …/contracts/active | fundingFeeRate | fraction, of the settlement to come | one observer | [1]
    …/contracts/active | currentFundingRateGranularity, else fundingRateGranularity | ms | observers | [1]
    …/contracts/active linear | volumeOf24h | base coin | agrees with turnoverOf24h | [1]
    …/contracts/active inverse | volumeOf24h | contracts | agrees with turnoverOf24h in coins | [1]
    …/contracts/active | time | none: receive time | recorded answers | [2]
    …/contracts/active | assetClass, marketStage | shares, metals, pre-market are left out | observer | [1]
    /api/ua/v1/market/open-interest | openInterest | contracts (lots) | client library, documentation | [2]
    …/open-interest?interval=5min | openInterest, ts | contracts; 7 days, 200 rows | client library | [1]
    liquidations | — | no public feed | every topic that was tried | [1]
    code | 429000 | throttled | client library | [1]
    """
)

UNIFIED = "https://api.kucoin.com"
"""Where the newer interface is found; contracts are listed at the base address alone."""
STEP = 5 * MINUTE
POINTS_A_PAGE = 200
DATED = "FFICSX"
PERPETUAL = "FFWCSX"
TOKENS_OF_METALS = frozenset({"PAXG", "XAUT"})  # coins, though their asset class is said to be metal
THROTTLED = {"429000": 30 * SECOND}
BUSY = frozenset({"500000"})


class _Contract(msgspec.Struct, rename="camel"):
    symbol: str
    type: str = ""
    status: str = ""
    base_currency: str = ""
    quote_currency: str = ""
    is_inverse: bool | None = None
    multiplier: Decimal | None = None
    expire_date: int | None = None
    asset_class: str | None = None
    market_type: str | None = None
    market_stage: str | None = None
    open_interest: Decimal | None = None
    mark_price: Decimal | None = None
    funding_fee_rate: Decimal | None = None
    current_funding_rate_granularity: int | None = None
    funding_rate_granularity: int | None = None
    volume: Decimal | None = msgspec.field(name="volumeOf24h", default=None)


class _OpenInterest(msgspec.Struct, rename="camel"):
    symbol: str
    open_interest: Decimal | None = None
    ts: int | str | None = None


class _Page(msgspec.Struct, Generic[T]):
    code: Literal["200000"]
    data: OneOrMore[T]


class _Refused(msgspec.Struct):
    code: str
    message: str = msgspec.field(name="msg", default="")


_CONTRACTS = msgspec.json.Decoder(_Page[_Contract])
_OPEN = msgspec.json.Decoder(_Page[_OpenInterest])
_REFUSED = msgspec.json.Decoder(_Refused)


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    if said is None or said.code == "200000":
        return None
    return code_refusal(said.code, said.message, body, throttled=THROTTLED, busy=BUSY)


def _is_crypto(row: _Contract) -> bool:
    """Older contracts have no class, only a type of market."""
    if row.market_stage == "PRE_MARKET":
        return False
    said = row.asset_class or row.market_type or "CRYPTO"
    return said.upper() == "CRYPTO" or row.base_currency in TOKENS_OF_METALS


def parse_book(body: bytes) -> Listing:
    """``{"data": [{"symbol": "XBTUSDTM", "type": "FFWCSX", "baseCurrency": "XBT", "multiplier": 0.001, …}]}``

    An inverse contract's multiplier is negative: its size is what it says without the sign, in dollars.
    """

    def read(row: _Contract) -> Instrument | None:
        if row.status != "Open" or row.type not in (PERPETUAL, DATED) or not _is_crypto(row):
            return None
        if row.quote_currency not in DOLLARS:
            return None
        if row.is_inverse is None:
            raise SourceChanged("isInverse is missing")
        asset, multiple = coin(row.base_currency)
        size = optional(row.multiplier, "multiplier")
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=row.is_inverse,
            contract=ContractSize(abs(size), Unit.QUOTE if row.is_inverse else Unit.BASE) if size else None,
            expiry=from_ms(row.expire_date or 0) if row.type == DATED else None,
            coins_per_base=multiple,
            quote=row.quote_currency,
        )

    return read_book(rows_of(decode(_CONTRACTS, body, _told).data), read)


def parse_contracts(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"symbol", "openInterest": "8724443", "markPrice", "fundingFeeRate", "volumeOf24h", …}]}``

    Open interest is contracts, volume coins (inverse: contracts). There is no time stamp: ours is used.
    """

    def read(row: _Contract, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.open_interest, "openInterest"), Unit.CONTRACTS)
        price = quoted(row.mark_price, "markPrice")
        said: list[Observation] = [OpenInterest(instrument, amount, now, now, price)]
        interval_ms = row.current_funding_rate_granularity or row.funding_rate_granularity
        rate = optional(row.funding_fee_rate, "fundingFeeRate")
        if rate is not None and interval_ms:
            said.append(Funding(instrument, rate, _interval(interval_ms), now, now))
        if (volume := optional(row.volume, "volumeOf24h")) is not None:
            unit = Unit.CONTRACTS if instrument.inverse else Unit.BASE
            said.append(Volume(instrument, Amount(volume, unit), now, now))
        return said

    return read_rows(rows_of(decode(_CONTRACTS, body, _told).data), book, read)


def _interval(milliseconds: int) -> timedelta:
    if not 60_000 <= milliseconds <= 7 * 86_400_000:
        raise SourceChanged(f"a funding interval of {milliseconds} ms")
    return timedelta(milliseconds=milliseconds)


def parse_open_interest(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"symbol": "ETHUSDTM", "openInterest": "8053960", "ts": 1774007467050}]}``: contracts."""

    def read(row: _OpenInterest, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.open_interest, "openInterest"), Unit.CONTRACTS)
        return [OpenInterest(instrument, amount, stamped(row.ts, now), now)]

    return read_rows(rows_of(decode(_OPEN, body, _told).data), book, read)


def _past(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
    return [
        Request(
            "/api/ua/v1/market/open-interest",
            {
                "symbol": instrument.symbol,
                "interval": "5min",
                "startAt": str(first),
                "endAt": str(last),
                "pageSize": str(POINTS_A_PAGE),
            },
            host=UNIFIED,
        )
        for first, last in pages(since, until, STEP, POINTS_A_PAGE)
    ]


def parse_history(body: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """The same rows as for now, one for each step."""
    rows = rows_of(decode(_OPEN, body, _told).data)
    the_same(instrument, (row.symbol for row in rows))

    def read(row: _OpenInterest) -> OpenInterest:
        amount = Amount(required(row.open_interest, "openInterest"), Unit.CONTRACTS)
        return OpenInterest(instrument, amount, from_ms(row.ts), now)

    return read_past(rows, read)


EXCHANGE = Exchange(
    venue=VENUE,
    title="KuCoin Futures",
    group=Group.OFFSHORE,
    base_url="https://api-futures.kucoin.com",
    book=BookPoll(HOUR, lambda: [Request("/api/v1/contracts/active", weight=3)], parse_book),
    polls=(
        Poll("active", MINUTE, lambda _: [Request("/api/v1/contracts/active", weight=3)], parse_contracts),
        Poll(
            "open-interest",
            MINUTE,
            lambda _: [Request("/api/ua/v1/market/open-interest", weight=10, host=UNIFIED)],
            parse_open_interest,
            stands_in_for="active",
        ),
    ),
    budget=Budget(2000, 30 * SECOND),
    facts=FACTS,
    read_refusal=by_code(_told),
    history=History(STEP, timedelta(days=7) - HOUR, _past, parse_history),
    unheard="there is no public feed of liquidations",
)
