"""WhiteBIT: linear perpetuals in coins, all in one answer that carries no clock.

Which of them are shares and metals is told by the list of markets alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import field

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Venue, Volume
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged, SourceError
from bot.exchanges.listed import read_book, stated
from bot.exchanges.reading import DOLLARS, coin, decode, evidence, peek, read_rows, refusal
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

VENUE = Venue("whitebit")
FACTS = facts(
    """
    /api/v4/public/futures | open_interest | base coin | documentation, client libraries | [2]
    /api/v4/public/futures | mark_price, else index_price | USDT per base coin; empty if stale | probe | [1]
    /api/v4/public/futures | funding_rate | fraction per funding_interval_minutes | documentation, probe | [2]
    /api/v4/public/futures | stock_volume | base coin | agrees with money_volume | [2]
    /api/v4/public/futures | time | none: receive time; figures step every 5 s | probe | [1]
    /api/v4/public/markets | type | futures; tradfiFutures and spot are left out | probe, client library | [2]
    /api/v4/public/markets | stockPrec | the step of orders, never a contract's size | probe | [1]
    liquidations | — | no public feed | documentation | [1]
    HTTP | limit | 2,000 in 10 s; answers are cached for 1 s | documentation | [1]
    """
)


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str = field(name="name")
    stock: str = ""
    money: str = ""
    type: str = ""
    trades_enabled: bool = True


class _Future(msgspec.Struct):
    symbol: str = field(name="ticker_id")
    open_interest: Figure | None = None
    mark_price: Figure | None = None
    index_price: Figure | None = None
    stock_volume: Figure | None = None
    funding_rate: Figure | None = None
    funding_interval_minutes: int | None = None


class _Futures(msgspec.Struct):
    result: list[_Future]


class _Refused(msgspec.Struct):
    success: Literal[False]
    message: str | None = None


_REFUSED = msgspec.json.Decoder(_Refused)
_LISTING = msgspec.json.Decoder(list[_Listed])
_FUTURES = msgspec.json.Decoder(_Futures)


def _told(body: bytes) -> SourceError | None:
    said = peek(_REFUSED, body)
    return None if said is None else SourceChanged(f"refused: {said.message}", evidence=evidence(body))


def parse_book(body: bytes) -> Listing:
    """``[{"name": "BTC_PERP", "stock": "BTC", "money": "USDT", "type": "futures", …}]``"""

    def read(row: _Listed) -> Instrument | None:
        if stated(row.type, "type") != "futures" or not row.trades_enabled or row.money not in DOLLARS:
            return None
        asset, multiple = coin(row.stock)
        return Instrument(VENUE, row.symbol, asset, coins_per_base=multiple, quote=row.money)

    rows = decode(_LISTING, body, _told)
    return read_book(rows, read)


def _interval(minutes: int | None) -> timedelta | None:
    if minutes is None:
        return None
    if not 0 < minutes <= 7 * 24 * 60:
        raise SourceChanged(f"funding_interval_minutes is {minutes}, not a possible interval")
    return minutes * MINUTE


def parse_futures(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"result": [{"ticker_id": "BTC_PERP", "open_interest", "mark_price", "funding_rate", …}]}``"""

    def read(row: _Future, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.open_interest, "open_interest"), Unit.BASE)
        price = quoted(row.mark_price, "mark_price") or quoted(row.index_price, "index_price")
        said: list[Observation] = [OpenInterest(instrument, amount, now, now, price)]
        rate, interval = optional(row.funding_rate, "funding_rate"), _interval(row.funding_interval_minutes)
        if rate is not None and interval is not None:
            said.append(Funding(instrument, rate, interval, now, now))
        if (volume := optional(row.stock_volume, "stock_volume")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.BASE), now, now))
        return said

    return read_rows(decode(_FUTURES, body, _told).result, book, read)


EXCHANGE = Exchange(
    venue=VENUE,
    title="WhiteBIT",
    group=Group.OFFSHORE,
    base_url="https://whitebit.com",
    book=BookPoll(HOUR, lambda: [Request("/api/v4/public/markets")], parse_book),
    polls=(Poll("futures", MINUTE, lambda _: [Request("/api/v4/public/futures")], parse_futures),),
    budget=Budget(2000, 10 * SECOND),
    facts=FACTS,
    read_refusal=refusal,
    unheard="the venue has no public feed of liquidations",
)
