"""CoinEx: linear perpetuals in coins, inverse ones in dollars, all in one answer that carries no clock.

Off until asked for: client libraries dropped the venue in autumn 2026.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import field

from bot.domain.market import (
    Funding,
    Group,
    Instrument,
    Liquidation,
    Observation,
    OpenInterest,
    Position,
    Price,
    Venue,
    Volume,
)
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged
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
    only_read,
    optional,
    quoted,
    required,
)

VENUE = Venue("coinex")
FACTS = facts(
    """
    the venue | — | dropped by a client library in autumn 2026, why is not known: off by default | — | [?]
    /v2/futures/ticker linear | open_interest_volume | base coin | recorded: 1,820.709 of BTCUSDT | [1]
    /v2/futures/ticker inverse | open_interest_volume | USD | recorded: whole, and orders begin at 10 | [1]
    /v2/futures/ticker | open_interest_volume | missing in rows of 2024: then nothing is said | recorded | [?]
    /v2/futures/ticker | mark_price | quote per base coin | documentation | [2]
    /v2/futures/ticker | volume | as open_interest_volume | documentation | [1]
    /v2/futures/ticker | time | none: receive time | documentation | [2]
    /v2/futures/funding-rate | latest_funding_rate | fraction, from latest to next time | documentation | [1]
    /v2/futures/market | is_market_available, delisted_at | what trades | documentation | [1]
    /v2/futures/liquidation-history | side | position lost; a market a call: not asked | client library | [1]
    /v2/futures/liquidation-history | liq_amount × liq_price | as open_interest_volume | client library | [1]
    code | 4213, 4001 | throttled; busy | documentation | [0]
    """
)

THROTTLED = {"4213": 10 * SECOND}
BUSY = frozenset({"3008", "4001"})


class _Listed(msgspec.Struct):
    symbol: str = field(name="market")
    contract_type: str = ""
    base_ccy: str = ""
    quote_ccy: str = ""
    is_market_available: bool = True
    status: str = "online"


class _Ticker(msgspec.Struct):
    symbol: str = field(name="market")
    mark_price: Figure | None = None
    volume: Figure | None = None
    open_interest_volume: Figure | None = None


class _Rate(msgspec.Struct):
    symbol: str = field(name="market")
    latest_funding_rate: Figure | None = None
    latest_funding_time: int = 0
    next_funding_time: int = 0


class _Lost(msgspec.Struct):
    symbol: str = field(name="market")
    side: Literal["long", "short"]
    liq_price: Figure | None = None
    liq_amount: Figure | None = None
    created_at: int = 0


class _Books(msgspec.Struct):
    data: list[_Listed]


class _Tickers(msgspec.Struct):
    data: list[_Ticker]


class _Rates(msgspec.Struct):
    data: list[_Rate]


class _Losses(msgspec.Struct):
    data: list[_Lost]


_BOOKS = msgspec.json.Decoder(_Books)
_TICKERS = msgspec.json.Decoder(_Tickers)
_RATES = msgspec.json.Decoder(_Rates)
_LOSSES = msgspec.json.Decoder(_Losses)
_told = coded(fine="0", throttled=THROTTLED, busy=BUSY)


def parse_book(body: bytes) -> Listing:
    """``{"data": [{"market": "BTCUSDT", "contract_type": "linear", "base_ccy", "quote_ccy", …}]}``"""

    def read(row: _Listed) -> Instrument | None:
        if stated(row.contract_type, "contract_type") not in ("linear", "inverse"):
            return None
        if not row.is_market_available or row.status != "online" or row.quote_ccy not in DOLLARS:
            return None
        asset, multiple = coin(row.base_ccy)
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=row.contract_type == "inverse",
            coins_per_base=multiple,
            quote=row.quote_ccy,
        )

    return read_book(decode(_BOOKS, body, _told).data, read)


def _counted(instrument: Instrument) -> Unit:
    return Unit.QUOTE if instrument.inverse else Unit.BASE


def parse_tickers(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"market", "open_interest_volume", "mark_price", "volume"}]}``

    Rows without ``open_interest_volume`` were recorded: unknown, never zero.
    """

    def read(row: _Ticker, instrument: Instrument) -> list[Observation]:
        unit = _counted(instrument)
        price = quoted(row.mark_price, "mark_price")
        said: list[Observation] = []
        if (amount := optional(row.open_interest_volume, "open_interest_volume")) is not None:
            said.append(OpenInterest(instrument, Amount(amount, unit), now, now, price))
        elif price is not None:
            said.append(Price(instrument, price, now, now))
        else:
            raise SourceChanged("neither open interest nor a mark price")
        if (volume := optional(row.volume, "volume")) is not None:
            said.append(Volume(instrument, Amount(volume, unit), now, now))
        return said

    return read_rows(decode(_TICKERS, body, _told).data, book, read)


def parse_funding(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"market", "latest_funding_rate", "latest_funding_time", "next_funding_time"}]}``

    The interval is what lies between the two times; without them it is unknown, and so is the funding.
    """

    def read(row: _Rate, instrument: Instrument) -> list[Observation]:
        rate = optional(row.latest_funding_rate, "latest_funding_rate")
        if rate is None or not row.latest_funding_time or not row.next_funding_time:
            return []
        interval = from_ms(row.next_funding_time) - from_ms(row.latest_funding_time)
        return [Funding(instrument, rate, interval, now, now)] if interval > 0 * HOUR else []

    return read_rows(decode(_RATES, body, _told).data, book, read, may_be_silent=True)


def parse_lost(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"market", "side": "long", "liq_price", "liq_amount", "created_at"}]}``"""

    def read(row: _Lost, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.liq_amount, "liq_amount"), _counted(instrument))
        price = required(row.liq_price, "liq_price")
        return [Liquidation(instrument, Position(row.side), amount, price, from_ms(row.created_at), now)]

    return read_rows(decode(_LOSSES, body, _told).data, book, read)


EXCHANGE = Exchange(
    venue=VENUE,
    title="CoinEx",
    group=Group.OFFSHORE,
    base_url="https://api.coinex.com",
    book=BookPoll(HOUR, lambda: [Request("/v2/futures/market")], parse_book),
    polls=(
        Poll("tickers", MINUTE, lambda _: [Request("/v2/futures/ticker")], parse_tickers),
        Poll("funding", 5 * MINUTE, lambda _: [Request("/v2/futures/funding-rate")], parse_funding),
    ),
    unasked=(only_read("liquidation-history", "/v2/futures/liquidation-history", parse_lost),),
    budget=Budget(20, SECOND),
    facts=FACTS,
    read_refusal=refusal,
    doubts=("a client library has dropped it, and why is not known",),
    by_default=False,
    unheard="liquidations are told one market a call, afterwards: they are not asked for",
)
