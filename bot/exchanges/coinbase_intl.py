"""Coinbase International Exchange, read-only since 2026-10-01: nothing is asked, old recordings can be read.

Its successor stands before the book of Deribit, under Deribit's names, and is never counted beside it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Venue, Volume
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged
from bot.exchanges.listed import read_book, stated
from bot.exchanges.reading import DOLLARS, NOT_COINS, coin, decode, moment, read_rows, refusal, rows_of
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    Figure,
    Listing,
    facts,
    only_read,
    optional,
    quoted,
    required,
)

VENUE = Venue("coinbase_intl")
FACTS = facts(
    """
    /api/v1/instruments | open_interest | base coin | the old interface, unconfirmed | [0]
    /api/v1/instruments | quote.mark_price | USDC per base coin | unconfirmed | [0]
    /api/v1/instruments | quote.predicted_funding | fraction per funding_interval (ns) | unconfirmed | [0]
    /api/v1/instruments | qty_24hr | base coin | unconfirmed | [0]
    /api/v1/instruments | type, trading_state | only PERP that was traded | unconfirmed | [0]
    /api/v1/instruments | underlying_type | other than SPOT is left out: shares, indexes | unconfirmed | [0]
    drb.coinbase.com | — | where its clients went: Deribit's own book, never added | announcements | [2]
    """
)

Nanoseconds = int | str


class _Quote(msgspec.Struct):
    timestamp: str = ""
    mark_price: Figure | None = None
    predicted_funding: Figure | None = None


class _Row(msgspec.Struct):
    symbol: str
    type: str = ""
    trading_state: str = ""
    base_asset_name: str = ""
    quote_asset_name: str = ""
    open_interest: Figure | None = None
    qty_24hr: Figure | None = None
    funding_interval: Nanoseconds | None = None
    underlying_type: str = "SPOT"
    quote: _Quote | None = None


_ROWS = msgspec.json.Decoder(list[_Row] | _Row)


def parse_book(body: bytes) -> Listing:
    """``[{"symbol": "BTC-PERP", "type": "PERP", "base_asset_name": "BTC", "quote_asset_name": "USDC"}]``"""

    def read(row: _Row) -> Instrument | None:
        if (
            stated(row.type, "type") != "PERP"
            or row.trading_state != "TRADING"
            or row.underlying_type != "SPOT"
        ):
            return None
        if row.quote_asset_name not in DOLLARS or row.base_asset_name in NOT_COINS:
            return None
        asset, multiple = coin(row.base_asset_name)
        return Instrument(VENUE, row.symbol, asset, coins_per_base=multiple, quote=row.quote_asset_name)

    return read_book(rows_of(decode(_ROWS, body)), read)


def parse_instruments(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"symbol": "BTC-PERP", "open_interest": "907.6112", "quote": {"mark_price", "timestamp", …}}]``"""

    def read(row: _Row, instrument: Instrument) -> list[Observation]:
        if row.quote is None:
            raise SourceChanged("quote is missing")
        at, price = moment(row.quote.timestamp, "timestamp"), quoted(row.quote.mark_price, "mark_price")
        amount = Amount(required(row.open_interest, "open_interest"), Unit.BASE)
        said: list[Observation] = [OpenInterest(instrument, amount, at, now, price)]
        rate = optional(row.quote.predicted_funding, "predicted_funding")
        if rate is not None and row.funding_interval is not None:
            said.append(Funding(instrument, rate, _interval(row.funding_interval), at, now))
        if (volume := optional(row.qty_24hr, "qty_24hr")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.BASE), at, now))
        return said

    return read_rows(rows_of(decode(_ROWS, body)), book, read)


def _interval(nanoseconds: Nanoseconds) -> timedelta:
    spans = required(nanoseconds, "funding_interval") / 1000
    if not 60_000_000 <= spans <= 168 * 3_600_000_000:
        raise SourceChanged(f"funding_interval is {nanoseconds!r:.40}, not nanoseconds")
    return timedelta(microseconds=int(spans))


EXCHANGE = Exchange(
    venue=VENUE,
    title="Coinbase International",
    group=Group.OFFSHORE,
    base_url="https://api.international.coinbase.com",
    book=BookPoll(HOUR, lambda: (), parse_book),
    polls=(),
    unasked=(only_read("instruments", "/api/v1/instruments", parse_instruments),),
    budget=Budget(1, MINUTE),
    facts=FACTS,
    read_refusal=refusal,
    by_default=False,
    unheard="the venue is closed",
    closed="read-only since 1 October 2026; only old recordings are read",
)
