"""OKX: perpetual swaps and dated futures, each type in one answer, counted in contracts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
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
from bot.domain.units import Amount, ContractSize, Unit, price_of
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import decode_listed, read_book
from bot.exchanges.okx_socket import FINE, SOCKET, TYPES, refused
from bot.exchanges.reading import (
    ACCOUNTS_EVERY,
    DOLLARS,
    NOT_COINS,
    account_ratio,
    asked_for,
    between,
    coin,
    decode,
    pages,
    peek,
    read_past,
    read_rows,
    refusal,
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

VENUE = Venue("okx")
FACTS = facts(
    """
    /api/v5/public/open-interest | oi | contracts | documentation, recorded answers | [2]
    /api/v5/public/open-interest | oiCcy | base coin, where no size of a contract is known | recorded | [2]
    /api/v5/public/open-interest | oiUsd | USD, while no mark price is told | recorded answers | [2]
    /api/v5/public/instruments | ctVal × ctMult | ctValCcy per contract | recorded answers | [2]
    /api/v5/public/instruments | instCategory | 1 is crypto; absent in old rows | documentation | [2]
    /api/v5/public/instruments | state | live, post_only | documentation | [1]
    /api/v5/public/mark-price | markPx | quote per base coin | client library | [1]
    /api/v5/public/funding-rate | fundingRate | fraction to nextFundingTime | client library | [1]
    /api/v5/market/tickers | vol24h | contracts | documentation | [1]
    …/long-short-account-ratio-contract | column 1 | long per short account | documentation | [1]
    …/open-interest-history | column 1 | contracts | documentation, recorded answer | [2]
    …/open-interest-history | column 3 | USD | recorded answer | [2]
    …/open-interest-history | reach | 1,440 rows | documentation | [?]
    liquidation-orders | posSide | position lost | 100 of 100 recorded events | [2]
    liquidation-orders | side | where posSide is not told: a sell closed a long | client programs | [1]
    liquidation-orders | sz | contracts | documentation, recorded events | [2]
    liquidation-orders | completeness | one per contract and second: a floor | documentation | [0]
    code | 50011 | throttled | documentation | [2]
    code | 50001, 50013 | unreachable: maintenance, busy | documentation | [1]
    code | 51155 | blocked: local compliance restrictions | client library | [1]
    """
)

STEP = 5 * MINUTE
TRADING = ("live", "post_only")
KINDS = ("linear", "inverse")
CRYPTO = "1"  # instCategory; 3 is shares


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str = field(name="instId")
    state: str
    contract_type: str = field(name="ctType", default="")
    value: Figure | None = field(name="ctVal", default=None)
    counted_in: str = field(name="ctValCcy", default="")
    multiple: Figure | None = field(name="ctMult", default=None)
    underlying: str | None = field(name="uly", default=None)
    family: str | None = field(name="instFamily", default=None)
    expires: int | str | None = field(name="expTime", default=None)
    category: int | str | None = field(name="instCategory", default=None)


class _OpenInterest(msgspec.Struct):
    symbol: str = field(name="instId")
    contracts: Figure | None = field(name="oi", default=None)
    coins: Figure | None = field(name="oiCcy", default=None)
    usd: Figure | None = field(name="oiUsd", default=None)
    at: int | str | None = field(name="ts", default=None)


class _Mark(msgspec.Struct):
    symbol: str = field(name="instId")
    price: Figure | None = field(name="markPx", default=None)
    at: int | str | None = field(name="ts", default=None)


class _Funding(msgspec.Struct):
    symbol: str = field(name="instId")
    rate: Figure | None = field(name="fundingRate", default=None)
    due: str = field(name="fundingTime", default="")
    due_after: str = field(name="nextFundingTime", default="")
    at: int | str | None = field(name="ts", default=None)


class _Day(msgspec.Struct):
    symbol: str = field(name="instId")
    contracts: Figure | None = field(name="vol24h", default=None)
    last: Figure | None = None
    at: int | str | None = field(name="ts", default=None)


class _Page(msgspec.Struct, Generic[T]):
    data: list[T]
    code: Literal["0"] = "0"
    """The same in a frame of its socket has none."""


class _Refused(msgspec.Struct):
    code: int | str
    message: str = field(name="msg", default="")


_BOOKS = msgspec.json.Decoder(_Page[_Listed])
_OPEN = msgspec.json.Decoder(_Page[_OpenInterest])
_MARKS = msgspec.json.Decoder(_Page[_Mark])
_REFUSED = msgspec.json.Decoder(_Refused)
_FUNDINGS = msgspec.json.Decoder(_Page[_Funding])
_DAYS = msgspec.json.Decoder(_Page[_Day])
_PASTS = msgspec.json.Decoder(_Page[tuple[int | str, Figure, Figure | None, Figure | None]])
_BY_COIN = msgspec.json.Decoder(_Page[tuple[int | str, Figure, Figure]])
_ACCOUNTS = msgspec.json.Decoder(_Page[tuple[int | str, Figure]])


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    return None if said is None or str(said.code) == FINE else refused(said.code, said.message, body)


def parse_book(body: bytes) -> Listing:
    """``{"data": [{"instId": "BTC-USDT-SWAP", "ctType": "linear", "ctVal": "0.01", "ctValCcy": "BTC", …}]}``

    A contract stands for ctVal × ctMult of ctValCcy: coins if linear, dollars if inverse.
    """

    def read(row: _Listed) -> Instrument | None:
        base, _, quote = (row.underlying or row.family or row.symbol).partition("-")
        quote = re.split("[-_]", quote)[0]  # BTC-USD_UM is priced in dollars too
        if row.state not in TRADING or not row.contract_type or quote not in DOLLARS or base in NOT_COINS:
            return None
        if str(row.category or CRYPTO) != CRYPTO:
            return None
        if row.contract_type not in KINDS:
            raise SourceChanged(f"{row.contract_type} is no kind of contract that is known")
        inverse = row.contract_type == "inverse"
        if row.counted_in != (quote if inverse else base):
            raise SourceChanged(f"a {row.contract_type} contract counted in {row.counted_in}")
        asset, multiple = coin(base)
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=inverse,
            contract=_size(row, Unit.QUOTE if inverse else Unit.BASE),
            expiry=from_ms(row.expires) if row.expires else None,
            coins_per_base=multiple,
            quote=quote,
        )

    page, lost = decode_listed(_BOOKS, body, _told)
    return read_book(page.data, read, lost)


def _size(row: _Listed, unit: Unit) -> ContractSize | None:
    """Unknown where the row leaves out one of its two factors."""
    value, multiple = optional(row.value, "ctVal"), optional(row.multiple, "ctMult")
    return ContractSize(value * multiple, unit) if value and multiple else None


def parse_open_interest(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"instId": "BTC-USDT-SWAP", "oi": "2125419", "oiCcy": "21254.19", "oiUsd", "ts"}]}``

    Contracts, told in coins and in dollars too, of which a price follows.
    """

    def read(row: _OpenInterest, instrument: Instrument) -> list[Observation]:
        amount, worth = _told_thrice(instrument, row.contracts, row.coins, row.usd)
        return [OpenInterest(instrument, amount, stamped(row.at, now), now, None, worth)]

    return read_rows(decode(_OPEN, body, _told).data, book, read)


def _told_thrice(
    instrument: Instrument, contracts: Figure | None, coins: Figure | None, usd: Figure | None
) -> tuple[Amount, Decimal | None]:
    """The amount, and what it is worth in the other unit. The coins are taken where the size is not known."""
    if instrument.contract is None and coins:
        return Amount(required(coins, "oiCcy"), Unit.BASE), _worth(usd)
    amount = Amount(required(contracts, "oi"), Unit.CONTRACTS)
    return amount, _worth(coins if instrument.inverse else usd)


def _worth(told: Figure | None) -> Decimal | None:
    """Only for where no price is told, so it is not looked at more closely than a number must be."""
    try:
        return Decimal(str(told)) if told else None
    except InvalidOperation:
        raise SourceChanged(f"worth {told!r:.40}, which is not a number") from None


def parse_marks(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"instId": "BTC-USDT-SWAP", "markPx": "64000.5", "ts"}]}``"""

    def read(row: _Mark, instrument: Instrument) -> list[Observation]:
        price = quoted(row.price, "markPx")
        return [] if price is None else [Price(instrument, price, stamped(row.at, now), now)]

    return read_rows(decode(_MARKS, body, _told).data, book, read)


def parse_funding(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"instId", "fundingRate", "fundingTime", "nextFundingTime", "ts"}]}``

    The interval is the time between the next two settlements.
    """

    def read(row: _Funding, instrument: Instrument) -> list[Observation]:
        rate = optional(row.rate, "fundingRate")
        if rate is None or not row.due or not row.due_after:
            return []
        interval = between(row.due, row.due_after)
        return [Funding(instrument, rate, interval, stamped(row.at, now), now)]

    return read_rows(decode(_FUNDINGS, body, _told).data, book, read, may_be_silent=True)


def parse_volume(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"instId", "vol24h", "volCcy24h", "ts"}]}``: vol24h is contracts."""

    def read(row: _Day, instrument: Instrument) -> list[Observation]:
        contracts = optional(row.contracts, "vol24h")
        if contracts is None:
            return []
        last, at = quoted(row.last, "last"), stamped(row.at, now)
        return [Volume(instrument, Amount(contracts, Unit.CONTRACTS), at, now, last)]

    return read_rows(decode(_DAYS, body, _told).data, book, read)


def _accounts(book: Book) -> Sequence[Request]:
    return [
        Request(
            "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract",
            {"instId": one.symbol, "period": "5m", "limit": "1"},
            weight=4,
        )
        for one in book.values()
        if one.expiry is None
    ]


def parse_accounts(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [[ts, "1.25"]]}``, newest first, of the one contract asked for: it is not named."""
    rows = decode(_ACCOUNTS, body, _told).data
    instrument = asked_for(book)
    return Answer([account_ratio(instrument, ratio, from_ms(at), now) for at, ratio in rows[:1]])


def _past(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
    return [
        Request(
            "/api/v5/rubik/stat/contracts/open-interest-history",
            {
                "instId": instrument.symbol,
                "period": "5m",
                "limit": "100",
                "begin": str(first - 1),  # newer than begin, earlier than end: both are left out
                "end": str(last + 1),
            },
            weight=2,
        )
        for first, last in pages(since, until, STEP, 100)
    ]


def parse_history(body: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """``{"data": [[ts, contracts, base coins, USD]]}``, newest first there, oldest first here.

    The sibling by coin has three columns and dollars in the second: it is refused, not read.
    """
    if (by_coin := peek(_BY_COIN, body)) is not None and by_coin.data:
        raise SourceChanged("rows of 3 columns (length 4 is read): dollars of all contracts of a coin")

    def read(row: tuple[int | str, Figure, Figure | None, Figure | None]) -> OpenInterest:
        at, *told = row
        amount, worth = _told_thrice(instrument, *told)
        price = None if worth is None else price_of(amount, instrument.contract, worth)
        return OpenInterest(instrument, amount, from_ms(at), now, price)

    return read_past(decode(_PASTS, body, _told).data, read)


def _by_type(path: str) -> Callable[[Book], Sequence[Request]]:
    return lambda _: [Request(path, {"instType": kind}) for kind in TYPES]


EXCHANGE = Exchange(
    venue=VENUE,
    title="OKX",
    group=Group.OFFSHORE,
    base_url="https://www.okx.com",
    book=BookPoll(
        HOUR,
        lambda: [Request("/api/v5/public/instruments", {"instType": kind}) for kind in TYPES],
        parse_book,
    ),
    polls=(
        Poll("prices", MINUTE, _by_type("/api/v5/public/mark-price"), parse_marks),
        Poll("open-interest", MINUTE, _by_type("/api/v5/public/open-interest"), parse_open_interest),
        Poll(
            "funding",
            5 * MINUTE,
            lambda _: [Request("/api/v5/public/funding-rate", {"instId": "ANY"})],
            parse_funding,
        ),
        Poll("volume", 5 * MINUTE, _by_type("/api/v5/market/tickers"), parse_volume),
        Poll("accounts", ACCOUNTS_EVERY, _accounts, parse_accounts, rotates=True),
    ),
    budget=Budget(20, 2 * SECOND),
    facts=FACTS,
    read_refusal=refusal,
    sockets=(SOCKET,),
    history=History(STEP, 1440 * STEP, _past, parse_history),
)
