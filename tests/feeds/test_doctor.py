from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import web

from bot.domain.assets import Asset
from bot.domain.health import SourceState
from bot.domain.market import OpenInterest, Price, Report, Venue
from bot.domain.units import Amount, Unit
from bot.errors import KeyRefused, SourceError
from bot.exchanges.spec import Answer, Book, Exchange, Request
from bot.feeds.doctor import SourceReport, ask_once
from tests.feeds.acme import (
    ACME,
    ALL,
    BTC,
    EACH,
    START,
    VENUE,
    Handler,
    Server,
    contracts,
    raw_serving,
    tickers,
)
from tests.feeds.test_http import status


async def ask(url: str, exchange: Exchange = ACME, asset: Asset = BTC) -> SourceReport:
    return await ask_once(exchange, asset=asset, clock=lambda: START, base_url=url)


async def test_a_healthy_venue_tells_coins_dollars_and_age(server: Server) -> None:
    report = await ask(server.url)
    assert (report.state, report.why, report.reachable) == (SourceState.FRESH, "", True)
    assert (report.symbols, report.coins, report.usd) == (2, 120.0, 120 * 64000.5)
    assert (report.at, report.age, report.unmeasured) == (START, timedelta(), 0)


async def test_what_stands_in_is_asked_only_where_it_must(server: Server) -> None:
    spare = replace(ALL, name="spare", stands_in_for="tickers", requests=lambda _: [Request("/spare")])
    exchange = replace(ACME, polls=(spare, ALL))
    server.routes["/spare"] = server.routes["/tickers"]
    await ask(server.url, exchange)
    assert server.asked == ["/contracts", "/tickers"]
    server.routes["/tickers"] = status(404)
    report = await ask(server.url, exchange)
    assert (report.state, report.coins) == (SourceState.CHANGED, 120.0)


async def test_a_venue_that_closed_says_when(server: Server) -> None:
    closed = replace(ACME, polls=(), book=replace(ACME.book, requests=list), closed="closed on 2026-09-23")
    report = await ask(server.url, closed)
    assert (report.why, report.coins, server.asked) == ("closed on 2026-09-23", None, [])


async def test_only_the_chosen_coin_is_asked_for(server: Server) -> None:
    async def ticker(request: web.Request) -> web.Response:
        return tickers(request.query["s"])

    server.routes["/ticker"] = ticker
    await ask(server.url, replace(ACME, polls=(EACH,)))
    assert server.asked == ["/contracts", "/ticker?s=BTC-PERP"]


@pytest.mark.parametrize(
    ("answer", "state", "words", "reachable"),
    [
        (status(451), SourceState.BLOCKED, "refuses this address (geo-block or ban): not available", True),
        (
            status(429, Retry_After="9"),
            SourceState.THROTTLED,
            "rate limit: too many requests (wait 9 s)",
            True,
        ),
        (status(200, "<html>"), SourceState.CHANGED, "changed payload: not JSON", True),
        (status(500), SourceState.LOST, "no answer: HTTP 500", False),
    ],
)
@pytest.mark.parametrize("path", ["/contracts", "/tickers"])
async def test_a_failure_says_what_it_means(
    server: Server, path: str, answer: Handler, state: SourceState, words: str, reachable: bool
) -> None:
    server.routes[path] = answer
    report = await ask(server.url)
    assert report.state is state
    assert report.why.startswith(words)
    assert report.reachable is (reachable or path == "/tickers")
    assert report.coins is None


async def test_a_key_that_is_not_taken_is_no_block_of_the_address(server: Server) -> None:
    def refuses(status: int, body: bytes) -> SourceError:
        return KeyRefused("HTTP 401")

    server.routes["/tickers"] = status(401)
    report = await ask(server.url, replace(ACME, read_refusal=refuses))
    assert (report.state, report.why) == (SourceState.BLOCKED, "refuses the key: HTTP 401")


async def test_no_network_is_said_plainly() -> None:
    async with raw_serving() as url:
        pass
    report = await ask(url)
    assert (report.state, report.reachable) == (SourceState.LOST, False)
    assert "refused or there is no network" in report.why


async def test_a_venue_that_does_not_know_the_coin_says_so(server: Server) -> None:
    report = await ask(server.url, asset=Asset("PEPE"))
    assert (report.state, report.coins, report.symbols) == (SourceState.FRESH, None, 2)
    assert report.why == "tells no open interest of PEPE"


def telling(*polls: object) -> Exchange:
    return replace(ACME, polls=tuple(replace(ALL, parse=parse) for parse in polls))  # type: ignore[arg-type]


async def test_the_price_of_another_poll_is_used(server: Server) -> None:
    def oi(raw: bytes, book: Book, now: datetime) -> Answer:
        return Answer([OpenInterest(book["BTC-PERP"], Amount(Decimal(10), Unit.BASE), now, now)])

    def price(raw: bytes, book: Book, now: datetime) -> Answer:
        return Answer([Price(book["BTC-PERP"], Decimal(5), now, now)])

    report = await ask(server.url, telling(oi, price))
    assert (report.coins, report.usd) == (10.0, 50.0)
    report = await ask(server.url, telling(oi))
    assert (report.coins, report.usd) == (10.0, None)


async def test_what_cannot_be_measured_is_counted_not_guessed(server: Server) -> None:
    def oi(raw: bytes, book: Book, now: datetime) -> Answer:
        return Answer([OpenInterest(book["BTC-PERP"], Amount(Decimal(10), Unit.CONTRACTS), now, now)])

    report = await ask(server.url, telling(oi))
    assert (report.coins, report.usd, report.unmeasured) == (None, None, 1)


async def test_a_report_is_read_with_its_own_age(server: Server) -> None:
    def cme(raw: bytes, book: Book, now: datetime) -> Answer:
        return Answer([Report(VENUE, BTC, 145_000.0, now - timedelta(days=1), now)])

    report = await ask(server.url, telling(cme))
    assert (report.coins, report.usd, report.age) == (145_000.0, None, timedelta(days=1))


async def test_only_the_newest_report_of_each_source_is_counted(server: Server) -> None:
    def cot(raw: bytes, book: Book, now: datetime) -> Answer:
        weeks = [Report(VENUE, BTC, 100.0 + n, now - n * timedelta(days=7), now) for n in range(4)]
        return Answer([*weeks, Report(Venue("other"), BTC, 10.0, now, now)])

    assert (await ask(server.url, telling(cot))).coins == 110.0


async def test_contracts_that_cannot_be_read_are_told_beside_those_that_can(server: Server) -> None:
    async def odd(request: web.Request) -> web.Response:
        return contracts("BTC-PERP", "?odd", "ETH-PERP")

    server.routes["/contracts"] = odd
    report = await ask(server.url)
    assert (report.state, report.symbols, report.coins) == (SourceState.FRESH, 2, 120.0)
    assert report.unread == ("?odd: what?",)
