"""The interval of funding: told with the contracts, beside them, or not at all, and then that is said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.market import Funding, Venue
from bot.errors import SourceChanged
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import HOUR, Book, Terms
from tests.exchanges.payloads import NOW, PAYLOADS, book_of, encode

EIGHT = 1791014400000
"""An hour at which every interval of funding ends."""
AS_BINANCE = [("binance_usdm", "BTCUSDT"), ("binance_coinm", "BTCUSD_PERP"), ("aster", "BTCUSDT")]


def terms_of(venue: str) -> Terms:
    terms = EXCHANGES[Venue(venue)].book.terms
    assert terms is not None
    return terms


def funding(venue: str, symbol: str, book: Book, due: int = EIGHT) -> list[tuple[str, timedelta, bool]]:
    row: dict[str, Any] = {"symbol": symbol, "markPrice": "100", "lastFundingRate": "0.0001"}
    payload = encode([row | {"nextFundingTime": due, "time": EIGHT - 1000}])
    (poll,) = [one for one in EXCHANGES[Venue(venue)].polls if one.name == "prices"]
    told = [one for one in poll.parse(payload, book, NOW).observations if isinstance(one, Funding)]
    return [(str(one.rate), one.interval, one.assumed) for one in told]


@pytest.mark.parametrize(("venue", "symbol"), AS_BINANCE)
def test_the_interval_of_funding_is_the_one_told_beside_the_contracts(venue: str, symbol: str) -> None:
    book = {symbol: book_of(Venue(venue))[symbol]}
    assert funding(venue, symbol, book) == [("0.0001", 8 * HOUR, True)]
    four = terms_of(venue).parse(encode([{"symbol": symbol, "fundingIntervalHours": 4}]), book)
    assert funding(venue, symbol, four) == [("0.0001", 4 * HOUR, False)]
    assert funding(venue, symbol, four, EIGHT + 4 * 3_600_000) == [("0.0001", 4 * HOUR, False)]
    usual = terms_of(venue).parse(encode([{"symbol": "OTHER", "fundingIntervalHours": 1}]), book)
    assert funding(venue, symbol, usual) == [("0.0001", 8 * HOUR, False)]


@pytest.mark.parametrize(("venue", "symbol"), AS_BINANCE)
def test_without_it_a_rate_due_at_an_odd_hour_has_no_interval(venue: str, symbol: str) -> None:
    assert funding(venue, symbol, book_of(Venue(venue)), EIGHT + 4 * 3_600_000) == []


@pytest.mark.parametrize("hours", [0, -8, 25])
def test_an_impossible_interval_is_refused(hours: int) -> None:
    with pytest.raises(SourceChanged, match="fundingIntervalHours"):
        terms_of("binance_usdm").parse(encode([{"symbol": "X", "fundingIntervalHours": hours}]), {})


def product(**more: object) -> bytes:
    listed = {"symbol": "BTCUSDT", "type": "PerpetualV2", "status": "Listed", "baseCurrency": "BTC"}
    return encode({"data": {"perpProductsV2": [listed | {"quoteCurrency": "USDT"} | more]}})


def phemex(**more: object) -> list[tuple[timedelta, bool]]:
    exchange = EXCHANGES[Venue("phemex")]
    book = exchange.book.parse(product(**more))
    row = {"symbol": "BTCUSDT", "openInterestRv": "10", "markPriceRp": "100", "fundingRateRr": "0.0001"}
    told = exchange.polls[0].parse(encode({"result": [row]}), book, NOW).observations
    return [(one.interval, one.assumed) for one in told if isinstance(one, Funding)]


@pytest.mark.parametrize(
    ("written", "interval"),
    [(28800, 8 * HOUR), (14400, 4 * HOUR), ("8 hours", 8 * HOUR), ("3600", HOUR), (8, 8 * HOUR)],
)
def test_phemex_tells_the_interval_with_the_product(written: object, interval: timedelta) -> None:
    assert phemex(fundingInterval=written) == [(interval, False)]


def test_phemex_without_an_interval_is_assumed_and_said_to_be() -> None:
    assert phemex() == phemex(fundingInterval=None) == [(8 * HOUR, True)]


@pytest.mark.parametrize("written", ["8 days", "-1", "x", 10**9, "1 hours ago"])
def test_phemex_interval_that_cannot_be_is_refused(written: object) -> None:
    with pytest.raises(SourceChanged, match="fundingInterval"):
        phemex(fundingInterval=written)


def bybit(row: dict[str, Any], listed: object) -> list[tuple[timedelta, bool]]:
    exchange = EXCHANGES[Venue("bybit")]
    contract: dict[str, Any] = {"symbol": "BTCUSD", "contractType": "InversePerpetual", "status": "Trading"}
    contract |= {"baseCoin": "BTC", "quoteCoin": "USD", "symbolType": ""}
    book = exchange.book.parse(encode(page([contract | {"fundingInterval": listed}])))
    ticker = {"symbol": "BTCUSD", "openInterest": "1", "markPrice": "2", "fundingRate": "0.0001"} | row
    told = exchange.polls[0].parse(encode(page([ticker])), book, NOW).observations
    return [(one.interval, one.assumed) for one in told if isinstance(one, Funding)]


def page(rows: list[dict[str, Any]]) -> object:
    return {"retCode": 0, "retMsg": "OK", "result": {"category": "inverse", "list": rows}, "time": EIGHT}


def test_bybit_interval_is_the_tickers_else_the_lists_in_minutes_else_assumed() -> None:
    told, due = {"fundingIntervalHour": "2"}, {"nextFundingTime": str(EIGHT)}
    assert bybit(told | due, 240) == [(2 * HOUR, False)]
    assert bybit({"fundingIntervalHour": ""} | due, 240) == [(4 * HOUR, False)]
    assert bybit(due, None) == bybit(due, 0) == [(8 * HOUR, True)]
    assert not bybit({"nextFundingTime": str(EIGHT + 4 * 3_600_000)}, None)


@pytest.mark.parametrize(
    ("venue", "poll", "payload"),
    [
        ("htx", "funding-coin-swaps", "htx/funding_coin_swaps"),
        ("bingx", "prices", "bingx/premium_index_inverse"),
        ("bingx", "prices", "bingx/premium_index_without_interval"),
    ],
)
def test_funding_without_an_interval_is_assumed_and_said_to_be(venue: str, poll: str, payload: str) -> None:
    exchange = EXCHANGES[Venue(venue)]
    (body,) = (one.body for one in PAYLOADS if str(one) == payload)
    (asked,) = (one for one in exchange.polls if one.name == poll)
    told = asked.parse(body, book_of(exchange.venue), NOW).observations
    assert [one.assumed for one in told if isinstance(one, Funding)] == [True]
    at_an_odd_hour = body.replace(str(EIGHT).encode(), str(EIGHT + 4 * 3_600_000).encode())
    told = asked.parse(at_an_odd_hour, book_of(exchange.venue), NOW).observations
    assert not [one for one in told if isinstance(one, Funding)]


@pytest.mark.parametrize("venue", ["aster", "phemex", "htx", "bingx"])
def test_where_an_interval_may_be_assumed_that_is_a_doubt(venue: str) -> None:
    assert any("8 hours" in doubt for doubt in EXCHANGES[Venue(venue)].doubts)


@pytest.mark.parametrize("venue", ["gate", "htx"])
def test_what_may_be_counted_twice_is_a_doubt(venue: str) -> None:
    assert any("both sides" in doubt for doubt in EXCHANGES[Venue(venue)].doubts)
