"""CoinGlass v4, where there is a key: open interest of venues that are not asked here, told again.

Off without a key, which goes in a header and nowhere else. Only two kinds of figures are taken: CME's, and
those of venues that have no file here; what a venue tells us itself is never taken from somebody else, and
the row "All" never at all. As of when a figure was true is not told, so none of them confirms anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Group, Instrument, Report, ReportKind, Venue
from bot.errors import KeyRefused, SourceChanged, SourceError
from bot.exchanges.listed import read_book
from bot.exchanges.reading import code_refusal, coin, decode, evidence, peek, read_all, refusal
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
    quoted,
    required,
)

VENUE = Venue("coinglass")
FACTS = facts(
    """
    …/open-interest/exchange-list | open_interest_quantity | coins | documentation, client libraries | [2]
    …/open-interest/exchange-list | exchange "All" | the sum of all: never taken | documentation | [2]
    …/open-interest/exchange-list | exchange | those with a file here are never taken | our rule | [2]
    …/open-interest/exchange-list | as of | not told: time of receipt, confirms nothing | documentation | [1]
    …/exchange-history-chart | data_map, unit=coin | coins at each of time_list (ms) | documentation | [1]
    …/exchange-history-chart | range | one of all, 1m, 15m, 1h, 4h, 12h | documentation | [1]
    CG-API-KEY | the key | a header | documentation | [2]
    code | 0, else a refusal in msg, also with HTTP 200 | documentation | documentation | [1]
    code 401 | the plan does not include it | blocked | recorded answers | [1]
    code 30001, 400 of the key | no key, or not a valid one | blocked | recorded answer, documentation | [1]
    code 408, 500 | — | busy | documentation | [1]
    """
)

KEY_HEADER = "CG-API-KEY"
PAST = "/api/futures/open-interest/exchange-history-chart"
CME = Venue("cme")
TOTAL = "all"
ASKED_HERE = frozenset(
    (
        *("aster", "binance", "bingx", "bitfinex", "bitget", "bitmex", "bybit", "coinbase", "coinex"),
        *("cryptocom", "deribit", "dydx", "gate", "gateio", "htx", "huobi", "hyperliquid", "kraken"),
        *("kucoin", "lighter", "mexc", "okx", "okex", "phemex", "whitebit"),
    )
)
"""Names, without dots and spaces, of what has a file here, also by older names."""
MOST_USD = 1e11
"""More than that no venue holds of one coin: such an amount is not in coins."""
THROTTLED = {"429": MINUTE}
NO_KEY = ("30001", "401", "403")
BUSY = ("408", "500")


class _Row(msgspec.Struct):
    exchange: str
    symbol: str
    coins: Figure | None = msgspec.field(name="open_interest_quantity", default=None)


class _List(msgspec.Struct):
    data: list[_Row]


class _Chart(msgspec.Struct):
    time_list: list[int]
    data_map: dict[str, list[Figure | None]]
    price_list: list[Figure | None] = []


class _History(msgspec.Struct):
    data: _Chart


class _Coins(msgspec.Struct):
    data: list[str]


class _Refusal(msgspec.Struct):
    code: Figure
    msg: str = ""


_LISTS = msgspec.json.Decoder(_List)
_HISTORIES = msgspec.json.Decoder(_History)
_COINS = msgspec.json.Decoder(_Coins)
_REFUSALS = msgspec.json.Decoder(_Refusal)


def _told(body: bytes) -> SourceError | None:
    """``{"code": "401", "msg": "Upgrade plan"}``."""
    said = peek(_REFUSALS, body)
    if said is None or str(said.code) == "0":
        return None
    code, why = str(said.code), said.msg[:80]
    blocked = (*NO_KEY, "400") if "api key" in why.lower() else NO_KEY
    if code in blocked:
        return KeyRefused(f"{code} {why}", evidence=evidence(body))
    return code_refusal(code, why, body, throttled=THROTTLED, busy=BUSY)


def _refused(status: int, body: bytes) -> SourceError:
    if status == 401:
        return KeyRefused("HTTP 401: or its plan does not include this")
    return _told(body) or refusal(status, body)


def parse_book(body: bytes) -> Listing:
    """``{"code": "0", "data": ["BTC", "ETH"]}``: coins, each to be asked for."""

    def read(symbol: str) -> Instrument:
        asset, multiple = coin(symbol)
        return Instrument(VENUE, symbol, asset, coins_per_base=multiple)

    return read_book(decode(_COINS, body, _told).data, read)


def venue_of(exchange: str) -> Venue | None:
    """The short name of a venue that may be taken from here; ``None`` for all others."""
    name = re.sub(r"[^a-z0-9]", "", exchange.lower())
    return None if not name or name == TOTAL or name in ASKED_HERE else Venue(name)


def parse_exchanges(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": [{"exchange": "CME", "symbol": "BTC", "open_interest_quantity": 141275.5}]}``"""
    rows = decode(_LISTS, body, _told).data

    def read(row: _Row) -> Report | None:
        venue = venue_of(row.exchange)
        if venue is None or row.coins is None or row.coins == "":
            return None
        asset, multiple = coin(row.symbol)
        coins = float(required(row.coins, f"{row.exchange}: open_interest_quantity")) * multiple
        if coins < 0:
            raise SourceChanged(f"{row.exchange}: an open interest of {coins}")
        return _report(venue, asset, coins, now, now)

    reports = read_all(rows, read)
    return Answer(reports, unreadable=reports.unreadable)


def parse_history(body: bytes, book: Book, now: datetime) -> Answer:
    """``{"data": {"time_list": […], "data_map": {"CME": […]}}}``: coins of CME and of venues not asked here.

    The answer does not say of which coin it is, so it is read only where one coin is known; nor whether it is
    in coins or dollars, which its prices show where a coin is dear.
    """
    chart = decode(_HISTORIES, body, _told).data
    if len(book) != 1:
        return Answer([], ["a history without its coin"] if chart.time_list else [])
    (known,) = book.values()
    prices = [float(quoted(price, "price_list") or 0) for price in chart.price_list]
    prices += [0.0] * (len(chart.time_list) - len(prices))
    reports: list[Report] = []
    unreadable: list[str] = []
    for exchange, told in chart.data_map.items():
        venue = venue_of(exchange)
        if venue is None or not told:
            continue
        if len(told) != len(chart.time_list):
            raise SourceChanged(
                f"{len(told)} figures at {len(chart.time_list)} times", evidence=evidence(body)
            )
        points = [
            (from_ms(ms), float(required(value, exchange)), price)
            for ms, value, price in zip(chart.time_list, told, prices, strict=False)
            if value is not None and value != ""
        ]
        if any(base * price > MOST_USD for _, base, price in points):
            raise SourceChanged(
                f"{exchange}: as coins far too many; told in dollars? Ask with unit=coin",
                evidence=evidence(body),
            )
        before: tuple[datetime | None, float | None] = (None, None)
        for at, base, _ in points:
            coins = base * known.coins_per_base
            if coins < 0:
                unreadable.append(f"{exchange}: an open interest of {coins} at {at:%Y-%m-%d}")
                continue
            reports.append(_report(venue, known.asset, coins, at, now, before))
            before = (at, coins)
    return Answer(reports, unreadable=unreadable)


def _past_of(book: Book, since: datetime, until: datetime) -> Sequence[Request]:
    return [Request(PAST, {"symbol": symbol, "range": "all", "unit": "coin"}) for symbol in book]


def _report(
    venue: Venue,
    asset: Asset,
    coins: float,
    at: datetime,
    now: datetime,
    before: tuple[datetime | None, float | None] = (None, None),
) -> Report:
    return Report(
        venue,
        asset,
        coins,
        at,
        now,
        previous_coins=before[1],
        previous_as_of=before[0],
        kind=ReportKind.RETOLD,
        source=VENUE,
        native=venue != CME,
    )


def _list_of(book: Book) -> Sequence[Request]:
    return [Request("/api/futures/open-interest/exchange-list", {"symbol": symbol}) for symbol in book]


EXCHANGE = Exchange(
    venue=VENUE,
    title="CoinGlass",
    group=Group.REPORT,
    base_url="https://open-api-v4.coinglass.com",
    book=BookPoll(24 * HOUR, lambda: [Request("/api/futures/supported-coins")], parse_book),
    polls=(Poll("exchange-list", 6 * HOUR, _list_of, parse_exchanges, rotates=True),),
    budget=Budget(25, MINUTE),
    facts=FACTS,
    read_refusal=_refused,
    counted="as each venue counts, told again; never added to live venues",
    by_default=False,
    key_header=KEY_HEADER,
    retold=RetoldPast(timedelta(days=3650), _past_of, parse_history),
    unasked=(only_read("history", PAST, parse_history),),
)
