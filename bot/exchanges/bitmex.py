"""BitMEX, which closed on 2026-09-23: nothing is asked, old recordings can be read.

Contracts are dollars where inverse and parts of a coin where linear; values stand in hundred-millionths.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import field

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Price, Venue, Volume
from bot.domain.units import Amount, ContractSize, Unit
from bot.errors import SourceChanged
from bot.exchanges.listed import read_book
from bot.exchanges.reading import DOLLARS, NOT_COINS, coin, decode, peek, read_rows, refusal, rows_of, utc
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    Listing,
    facts,
    only_read,
    optional,
    quoted,
    required,
)

VENUE = Venue("bitmex")
FACTS = facts(
    """
    /api/v1/instrument | openInterest | contracts | recorded answer | [1]
    /api/v1/instrument inverse | multiplier ÷ underlyingToSettleMultiplier | USD per contract | recorded | [1]
    /api/v1/instrument linear | 1 ÷ underlyingToPositionMultiplier | base coin per contract | library | [1]
    /api/v1/instrument | openValue | not read: satoshi, or millionths of USDT | recorded answer | [1]
    /api/v1/instrument | isQuanto | left out: a contract is neither coins nor dollars | documentation | [1]
    /api/v1/instrument | markPrice, timestamp | quote per base coin, ISO | recorded answer | [1]
    /api/v1/instrument | fundingRate | per fundingInterval, a time since 2000 | recorded | [1]
    /api/v1/instrument | volume24h | contracts | agrees with foreignNotional24h | [1]
    """
)

PERPETUAL, DATED = "FFWCSX", "FFCCSX"
MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)
"""Spans are written as a time after it."""
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Row(msgspec.Struct, rename="camel"):
    symbol: str
    state: str = ""
    kind: str = field(name="typ", default="")
    timestamp: Moment | None = None
    underlying: str = ""
    quote_currency: str = ""
    is_inverse: bool = False
    is_quanto: bool = False
    expiry: Moment | None = None
    multiplier: Decimal | None = None
    underlying_to_settle_multiplier: Decimal | None = None
    underlying_to_position_multiplier: Decimal | None = None
    open_interest: Decimal | None = None
    mark_price: Decimal | None = None
    funding_rate: Decimal | None = None
    funding_interval: Moment | None = None
    volume24h: Decimal | None = None


class _Table(msgspec.Struct):
    """The same rows over the socket; an update tells only what has changed."""

    data: list[_Row]
    action: str = ""


_ROWS = msgspec.json.Decoder(list[_Row] | _Row)
_TABLES = msgspec.json.Decoder(_Table)


def _rows(body: bytes) -> Sequence[_Row]:
    """All rows, or the one that was kept."""
    if (table := peek(_TABLES, body)) is not None:
        return table.data
    return rows_of(decode(_ROWS, body))


def _size(row: _Row) -> ContractSize | None:
    """Unknown where a multiplier is missing or nothing."""
    multiplier = optional(row.multiplier, "multiplier")
    to_settle = optional(row.underlying_to_settle_multiplier, "underlyingToSettleMultiplier")
    to_position = optional(row.underlying_to_position_multiplier, "underlyingToPositionMultiplier")
    if row.is_inverse:
        return ContractSize(abs(multiplier / to_settle), Unit.QUOTE) if multiplier and to_settle else None
    return ContractSize(1 / to_position, Unit.BASE) if to_position else None


def parse_book(body: bytes) -> Listing:
    """``[{"symbol": "XBTUSD", "typ": "FFWCSX", "underlying": "XBT", "isInverse": true, "multiplier", …}]``"""

    def read(row: _Row) -> Instrument | None:
        if row.state != "Open" or row.kind not in (PERPETUAL, DATED) or row.is_quanto:
            return None
        if row.quote_currency not in DOLLARS or row.underlying in NOT_COINS:
            return None
        if row.kind == DATED and row.expiry is None:
            raise SourceChanged("a dated contract without an expiry")
        asset, multiple = coin(row.underlying)
        return Instrument(
            VENUE,
            row.symbol,
            asset,
            inverse=row.is_inverse,
            contract=_size(row),
            expiry=utc(row.expiry) if row.kind == DATED and row.expiry else None,
            coins_per_base=multiple,
            quote=row.quote_currency,
        )

    return read_book(_rows(body), read)


def parse_instruments(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"symbol": "XBTUSD", "openInterest": 411647400, "markPrice", "timestamp", …}]``: contracts.

    ``{"table": "instrument", "action": "update", "data": […]}`` tells of each what has changed.
    """
    table = peek(_TABLES, body)
    changed = table is not None and table.action == "update"

    def read(row: _Row, instrument: Instrument) -> list[Observation]:
        if row.timestamp is None:
            raise SourceChanged("timestamp is missing")
        at, price = utc(row.timestamp), quoted(row.mark_price, "markPrice")
        if changed and row.open_interest is None:
            return [] if price is None else [Price(instrument, price, at, now)]
        amount = Amount(required(row.open_interest, "openInterest"), Unit.CONTRACTS)
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
        rate = optional(row.funding_rate, "fundingRate")
        if rate is not None and row.funding_interval is not None:
            interval = utc(row.funding_interval) - MIDNIGHT
            if not MINUTE <= interval <= 168 * HOUR:
                raise SourceChanged(f"fundingInterval is {interval}")
            said.append(Funding(instrument, rate, interval, at, now))
        if (volume := optional(row.volume24h, "volume24h")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.CONTRACTS), at, now))
        return said

    return read_rows(_rows(body), book, read, may_be_silent=changed)


EXCHANGE = Exchange(
    venue=VENUE,
    title="BitMEX",
    group=Group.OFFSHORE,
    base_url="https://www.bitmex.com",
    book=BookPoll(HOUR, lambda: (), parse_book),
    polls=(),
    unasked=(only_read("instruments", "/api/v1/instrument", parse_instruments, also=("instrument/active",)),),
    budget=Budget(1, MINUTE),
    facts=FACTS,
    read_refusal=refusal,
    by_default=False,
    unheard="the venue is closed",
    closed="closed since 23 September 2026; only old recordings are read",
)
