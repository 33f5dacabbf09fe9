"""Coinalyze, where there is a key: open interest of venues that are not asked here, told again.

Off without a key, which goes in a header and nowhere else. Venues are told by a code of one character. Only
codes known to be of a venue without a file here are taken, so a code that means something else leaves a venue
out rather than counting one twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Group, Instrument, Report, ReportKind, Venue
from bot.domain.units import ContractSize, Unit
from bot.errors import KeyRefused, SourceChanged, SourceError
from bot.exchanges.listed import read_book
from bot.exchanges.reading import coin, decode, in_frames, peek, read_all, refusal
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
    Poll,
    Request,
    RetoldPast,
    facts,
    from_ms,
    only_read,
    required,
)

VENUE = Venue("coinalyze")
FACTS = facts(
    """
    /future-markets | exchange | a code; only known ones are taken | client libraries | [1]
    /future-markets | oi_lq_vol_denominated_in | BASE_ASSET: coins; else left out | client libraries | [2]
    /open-interest | value | as the market is denominated, at most 20 symbols a call | client libraries | [2]
    /open-interest | update | ms | documentation | [1]
    /open-interest-history | history[].t, .c | seconds, the close | client libraries | [2]
    /open-interest-history | history[].t | taken for the close's time; or its begin | client libraries | [?]
    api_key | the key | a header | documentation, client libraries | [2]
    HTTP 429 | Retry-After in seconds | throttled; 40 calls a minute | client libraries | [2]
    """
)

KEY_HEADER = "api_key"
MOST = 20
"""Symbols a call (client libraries)."""
VENUES = {"W": Venue("woox")}
DENOMINATED = "BASE_ASSET"


class _Market(msgspec.Struct):
    symbol: str
    exchange: str
    base_asset: str
    oi_lq_vol_denominated_in: str = ""


class _Value(msgspec.Struct):
    symbol: str
    value: Figure
    update: int


class _Candle(msgspec.Struct):
    t: int
    c: Figure


class _Series(msgspec.Struct):
    symbol: str
    history: list[_Candle]


class _Said(msgspec.Struct):
    message: str


_MARKETS = msgspec.json.Decoder(list[_Market])
_VALUES = msgspec.json.Decoder(list[_Value])
_SERIES = msgspec.json.Decoder(list[_Series])
_SAID = msgspec.json.Decoder(_Said)
_COINS = ContractSize(required("1", "size"), Unit.BASE)


def _told(body: bytes) -> SourceError | None:
    """``{"message": "Invalid/Missing API key"}``, which comes with HTTP 401."""
    said = peek(_SAID, body)
    if said is None:
        return None
    refused = KeyRefused if "api key" in said.message.lower() else SourceChanged
    return refused(f"refuses: {said.message:.80}")


def _refused(status: int, body: bytes) -> SourceError:
    if status == 401:
        return KeyRefused("HTTP 401")
    return refusal(status, body)


def parse_book(body: bytes) -> Listing:
    """``[{"symbol": "BTCUSDT_PERP.W", "exchange": "W", "base_asset": "BTC", …}]``"""

    def read(row: _Market) -> Instrument | None:
        if row.exchange not in VENUES or row.oi_lq_vol_denominated_in != DENOMINATED:
            return None
        asset, multiple = coin(row.base_asset)
        return Instrument(VENUES[row.exchange], row.symbol, asset, contract=_COINS, coins_per_base=multiple)

    rows: list[_Market] = decode(_MARKETS, body, _told)
    return read_book(rows, read)


def _coins(value: Figure, name: str, known: Instrument) -> float:
    """Raises ``SourceChanged`` for a market that does not count in coins, and below zero."""
    if known.contract != _COINS:
        raise SourceChanged(f"{known.symbol}: not known to be told in coins")
    coins = float(required(value, name)) * known.coins_per_base
    if coins < 0:
        raise SourceChanged(f"{known.symbol}: an open interest of {coins}")
    return coins


def parse_values(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"symbol": "BTCUSDT_PERP.W", "value": 812.5, "update": 1791000000000}]``

    Added up: an answer holds the markets of one venue and coin, which are asked for together.
    """
    rows = decode(_VALUES, body, _told)

    def read(row: _Value) -> tuple[Instrument, float, datetime] | None:
        if row.symbol not in book:
            return None
        coins = _coins(row.value, "value", book[row.symbol])
        return book[row.symbol], coins, from_ms(row.update)

    told = read_all(rows, read)
    if told.unreadable:  # a sum without one of its markets would look like a fall
        raise SourceChanged(told.unreadable[0])
    parts: dict[tuple[Venue, Asset], list[tuple[float, datetime]]] = defaultdict(list)
    for known, coins, at in told:
        parts[known.venue, known.asset].append((coins, at))
    reports = [
        Report(
            venue,
            asset,
            sum(coins for coins, _ in figures),
            min(at for _, at in figures),
            now,
            kind=ReportKind.RETOLD,
            source=VENUE,
            native=True,
        )
        for (venue, asset), figures in parts.items()
    ]
    return Answer(reports, [row.symbol for row in rows if row.symbol not in book])


def parse_history(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"symbol": "BTCUSDT_PERP.W", "history": [{"t": 1791000000, "o": …, "c": 812.5}]}]``

    Added up as the values are: a time at which one of a coin's markets is missing is left out.
    """
    rows = decode(_SERIES, body, _told)
    sums: dict[tuple[Venue, Asset], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    markets: Counter[tuple[Venue, Asset]] = Counter()
    for row in rows:
        if (known := book.get(row.symbol)) is not None:
            markets[known.venue, known.asset] += 1
            for candle in row.history:
                coins = _coins(candle.c, "c", known)
                sums[known.venue, known.asset][candle.t].append(coins)
    reports = [
        Report(
            venue,
            asset,
            sum(parts),
            from_ms(second * 1000),
            now,
            kind=ReportKind.RETOLD,
            source=VENUE,
            native=True,
        )
        for (venue, asset), times in sums.items()
        for second, parts in sorted(times.items())
        if len(parts) == markets[venue, asset]
    ]
    return Answer(reports, [row.symbol for row in rows if row.symbol not in book])


def _past_of(book: Book, since: datetime, until: datetime) -> Sequence[Request]:
    span = {"interval": "daily", "from": f"{since.timestamp():.0f}", "to": f"{until.timestamp():.0f}"}
    return [
        Request("/open-interest-history", {**request.params, **span}, weight=request.weight)
        for request in _asked(book)
    ]


def _asked(book: Book) -> Sequence[Request]:
    """All markets of one venue and coin in one call, so that their sum is whole."""
    sets: dict[tuple[Venue, Asset], list[str]] = defaultdict(list)
    for symbol, known in book.items():
        sets[known.venue, known.asset].append(symbol)
    return [
        Request("/open-interest", {"symbols": ",".join(part)}, weight=len(part))
        for symbols in sets.values()
        for part in in_frames(symbols[:MOST], MOST)
    ]


EXCHANGE = Exchange(
    venue=VENUE,
    title="Coinalyze",
    group=Group.REPORT,
    base_url="https://api.coinalyze.net/v1",
    book=BookPoll(24 * HOUR, lambda: [Request("/future-markets")], parse_book),
    polls=(Poll("open-interest", 6 * HOUR, _asked, parse_values),),
    budget=Budget(40, MINUTE),
    facts=FACTS,
    read_refusal=_refused,
    doubts=("its past may be stamped a day early",),
    counted="as each venue counts, told again; never added to live venues",
    by_default=False,
    key_header=KEY_HEADER,
    retold=RetoldPast(timedelta(days=3650), _past_of, parse_history),
    unasked=(only_read("history", "/open-interest-history", parse_history),),
)
