"""Crypto.com Exchange: linear perpetuals and dated futures in coins, all in one answer.

Mark prices and funding are told one contract a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec import field

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Price, Venue, Volume
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import read_book, stated
from bot.exchanges.reading import DOLLARS, coded, coin, decode, read_rows, refusal
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
    from_ms,
    optional,
    quoted,
    required,
)

VENUE = Venue("cryptocom")
FACTS = facts(
    """
    …/public/get-tickers | oi | base coin; the unit is not stated | one adapter | [1]
    …/public/get-tickers | a | last price: stands in for the mark | documentation | [2]
    …/public/get-tickers | v | base coin | documentation | [2]
    …/public/get-tickers | t | ms | documentation | [2]
    …/public/get-instruments | inst_type, tradable | PERPETUAL_SWAP and FUTURE | documentation | [2]
    …/public/get-instruments | product_type | other than DIGITAL_CURRENCIES is left out | documentation | [1]
    …/public/get-instruments | contract_size | not 1: left out, as oi would not be coins | recorded | [?]
    …/public/get-valuations mark_price | v | USD per base coin, one contract a call | documentation | [1]
    …/public/get-valuations funding_rate | v | fraction per hour | documentation | [1]
    liquidations | — | no public feed | documentation | [1]
    code | 42901 | throttled: 100 calls a second of each kind | documentation | [1]
    """
)

PATH = "/exchange/v1/public"
SETTLED_IN = {"USD_Stable_Coin": "USD"}  # what dollars were called
KINDS = ("PERPETUAL_SWAP", "FUTURE")
CRYPTO = ("", "DIGITAL_CURRENCIES")
ONE = Decimal(1)
THROTTLED = {"42901": 10 * SECOND}
BUSY = frozenset({"40801", "50001"})


class _Listed(msgspec.Struct):
    symbol: str
    inst_type: str = ""
    base_ccy: str = ""
    quote_ccy: str = ""
    tradable: bool | None = None
    expiry_timestamp_ms: int | None = None
    product_type: str = ""
    contract_size: Figure | None = None


class _Ticker(msgspec.Struct):
    symbol: str = field(name="i")
    at: int = field(name="t", default=0)
    open_interest: Figure | None = field(name="oi", default=None)
    last: Figure | None = field(name="a", default=None)
    volume: Figure | None = field(name="v", default=None)


class _Value(msgspec.Struct):
    value: Figure | None = field(name="v", default=None)
    at: int = field(name="t", default=0)


class _Listing(msgspec.Struct):
    data: list[_Listed]


class _Tickers(msgspec.Struct):
    data: list[_Ticker]


class _Values(msgspec.Struct):
    symbol: str = field(name="instrument_name")
    data: list[_Value]


class _Books(msgspec.Struct):
    result: _Listing


class _TickerPage(msgspec.Struct):
    result: _Tickers


class _ValuePage(msgspec.Struct):
    result: _Values


_BOOKS = msgspec.json.Decoder(_Books)
_TICKERS = msgspec.json.Decoder(_TickerPage)
_VALUES = msgspec.json.Decoder(_ValuePage)
_told = coded(fine="0", throttled=THROTTLED, busy=BUSY)


def read_refusal(status: int, body: bytes) -> SourceError:
    """A code that is known says more than the status, and one that is not says less."""
    told, by_status = _told(body), refusal(status, body)
    return by_status if told is None or type(told) is SourceChanged else told


def parse_book(body: bytes) -> Listing:
    """``{"result": {"data": [{"symbol": "BTCUSD-PERP", "inst_type": "PERPETUAL_SWAP", …}]}}``"""

    def read(row: _Listed) -> Instrument | None:
        quote = SETTLED_IN.get(row.quote_ccy, row.quote_ccy)
        if (
            stated(row.inst_type, "inst_type") not in KINDS
            or not stated(row.tradable, "tradable")
            or quote not in DOLLARS
        ):
            return None
        if row.product_type not in CRYPTO:
            return None
        if optional(row.contract_size, "contract_size") not in (None, ONE):
            raise SourceChanged(
                f"{row.symbol}: contract_size is {row.contract_size!s:.40}, so oi is no coins"
            )
        asset, multiple = coin(row.base_ccy)
        expiry = from_ms(row.expiry_timestamp_ms or 0) if row.inst_type == "FUTURE" else None
        return Instrument(VENUE, row.symbol, asset, expiry=expiry, coins_per_base=multiple, quote=quote)

    return read_book(decode(_BOOKS, body, _told).result.data, read)


def parse_tickers(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"result": {"data": [{"i": "BTCUSD-PERP", "oi", "a": last price, "v", "t"}]}}``"""

    def read(row: _Ticker, instrument: Instrument) -> list[Observation]:
        at = from_ms(row.at)
        amount = Amount(required(row.open_interest, "oi"), Unit.BASE)
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, quoted(row.last, "a"))]
        if (volume := optional(row.volume, "v")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.BASE), at, now))
        return said

    return read_rows(decode(_TICKERS, body, _told).result.data, book, read)


def _valued(body: bytes, book: Book, say: Callable[[Instrument, Decimal, datetime], Observation]) -> Answer:
    """``{"result": {"instrument_name": "BTCUSD-PERP", "data": [{"v": "68247.73", "t": ms}]}}``"""

    def read(row: _Values, instrument: Instrument) -> list[Observation]:
        newest = max(row.data, key=lambda value: value.at, default=None)
        if newest is None:
            return []
        return [say(instrument, required(newest.value, "v"), from_ms(newest.at))]

    return read_rows((decode(_VALUES, body, _told).result,), book, read, may_be_silent=True)


def parse_marks(body: bytes, book: Book, now: datetime) -> Answer:
    return _valued(body, book, lambda contract, value, at: Price(contract, value, at, now))


def parse_funding(body: bytes, book: Book, now: datetime) -> Answer:
    """Funding is paid every hour. A payload of another kind of valuation has the same shape."""

    def say(contract: Instrument, value: Decimal, at: datetime) -> Observation:
        if abs(value) >= 1:
            raise SourceChanged(f"v is {value}, which is no rate of funding")
        return Funding(contract, value, HOUR, at, now)

    return _valued(body, book, say)


def _valuations(kind: str, *, dated: bool) -> Callable[[Book], Sequence[Request]]:
    def requests(book: Book) -> Sequence[Request]:
        return [
            Request(
                f"{PATH}/get-valuations", {"instrument_name": symbol, "valuation_type": kind, "count": "1"}
            )
            for symbol, contract in book.items()
            if dated or contract.expiry is None
        ]

    return requests


EXCHANGE = Exchange(
    venue=VENUE,
    title="Crypto.com",
    group=Group.OFFSHORE,
    base_url="https://api.crypto.com",
    book=BookPoll(HOUR, lambda: [Request(f"{PATH}/get-instruments")], parse_book),
    polls=(
        Poll("tickers", MINUTE, lambda _: [Request(f"{PATH}/get-tickers")], parse_tickers),
        Poll("marks", 5 * MINUTE, _valuations("mark_price", dated=True), parse_marks, rotates=True),
        Poll(
            "funding",
            15 * MINUTE,
            _valuations("funding_rate", dated=False),
            parse_funding,
            rotates=True,
            also=("estimated_funding_rate", "funding_hist"),
        ),
    ),
    budget=Budget(20, SECOND),
    facts=FACTS,
    read_refusal=read_refusal,
    unheard="the venue has no public feed of liquidations",
)
