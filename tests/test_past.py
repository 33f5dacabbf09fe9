"""A first start looks back: what venues remember is recorded and judged, and nobody is alerted of it."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import web

from bot.domain.assets import parse_asset
from bot.domain.market import Group, Instrument, OpenInterest, Reading, Venue
from bot.domain.posts import Destination, Subscription
from bot.domain.units import Amount, Unit
from bot.exchanges.spec import Exchange, from_ms
from bot.feeds.sources import VenueSource
from bot.health import Health
from bot.past import STEP, remember
from bot.pipeline.judge import Judge, Pace
from bot.roles import Bench
from storage.memory import MemoryStore
from tests.feeds.acme import ACME, START, Server, serving

HOUR = timedelta(hours=1)
CHEAP, PRICED = Venue("cheap"), Venue("priced")
CHAT = Destination("local", "page")


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def venue(name: Venue, symbol: str, *, price: str | None) -> Exchange:
    """It lists one contract and remembers each five minutes; it may tell a price of a base unit."""
    asset, multiple = parse_asset(symbol.partition("-")[0])
    contract = Instrument(name, symbol, asset, coins_per_base=multiple)

    def book(raw: bytes) -> Mapping[str, Instrument]:
        return {symbol: contract} if symbol in json.loads(raw)["contracts"] else {}

    def past(raw: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
        points = [(from_ms(at), Amount(Decimal(amount), Unit.BASE)) for at, amount in json.loads(raw)]
        told = None if price is None else Decimal(price)
        return [OpenInterest(instrument, amount, at, now, told) for at, amount in points]

    assert ACME.history is not None
    history = replace(ACME.history, parse=past)
    return replace(ACME, venue=name, title=name.title(), book=replace(ACME.book, parse=book), history=history)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async def contracts(request: web.Request) -> web.Response:
        return web.json_response({"contracts": ["1000PEPE-PERP", "PEPE-PERP"]})

    async def past(request: web.Request) -> web.Response:
        times = [START - HOUR + n * STEP for n in range(13)]
        return web.json_response([[ms(at), str(5000 + n)] for n, at in enumerate(times)])

    async with serving() as running:
        running.routes = {"/contracts": contracts, "/past": past}
        yield running


async def remembered(store: MemoryStore, server: Server, *venues: Exchange) -> int:
    groups = {exchange.venue: Group.OFFSHORE for exchange in venues}
    judge = Judge(groups, Pace(timedelta(minutes=1), timedelta(minutes=3)))
    bench = Bench(judge, store, Health(lambda: START), lambda: START, lambda: START)
    sources = [VenueSource(exchange, server.url) for exchange in venues]
    return await remember(bench, sources, None, until=START)


async def recorded(store: MemoryStore) -> Sequence[Reading]:
    return await store.journal.readings(START - 2 * HOUR, START)


async def test_the_past_is_recorded_at_its_own_times_up_to_now(server: Server) -> None:
    store = MemoryStore()
    assert await remembered(store, server, venue(PRICED, "PEPE-PERP", price="0.5")) == 13
    readings = await recorded(store)
    assert [reading.received for reading in readings] == [START - HOUR + n * STEP for n in range(13)]
    newest = await store.journal.snapshot(readings[0].instrument.asset)
    assert newest is not None
    assert (newest.at, newest.coins, newest.usd) == (START, 5012.0, 2506.0)


@pytest.mark.parametrize(
    ("cheap", "priced", "price", "coins"),
    [("1000PEPE-PERP", "PEPE-PERP", "0.5", (5e6, 5e3)), ("PEPE-PERP", "1000PEPE-PERP", "500", (5e3, 5e6))],
)
async def test_a_past_without_prices_borrows_them_for_its_own_unit(
    server: Server, cheap: str, priced: str, price: str, coins: tuple[float, float]
) -> None:
    store = MemoryStore()
    await remembered(store, server, venue(CHEAP, cheap, price=None), venue(PRICED, priced, price=price))
    first = {r.instrument.venue: (r.coins, r.price_usd) for r in reversed(await recorded(store))}
    assert first == {CHEAP: (coins[0], 0.5), PRICED: (coins[1], 0.5)}


async def test_a_venue_that_refuses_is_left_out_and_named(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=451)

    server.routes["/refused"] = refuse
    store = MemoryStore()
    blocked = venue(CHEAP, "1000PEPE-PERP", price=None)
    elsewhere = replace(blocked.book, requests=lambda: [replace(blocked.book.requests()[0], path="/refused")])
    with caplog.at_level(logging.WARNING):
        assert (
            await remembered(
                store, server, replace(blocked, book=elsewhere), venue(PRICED, "PEPE-PERP", price="0.5")
            )
            == 13
        )
    assert {r.instrument.venue for r in await recorded(store)} == {PRICED}
    assert "Cheap tells nothing of the past: refuses this address" in caplog.text


async def test_nobody_is_alerted_of_the_past(server: Server) -> None:
    async def falling(request: web.Request) -> web.Response:
        days = [START - timedelta(days=9) + n * STEP for n in range(9 * 288 + 1)]
        fell = START - 2 * HOUR
        calm = [(at, 5000 + (at.minute // 5) % 3 if at < fell else 3000) for at in days]
        return web.json_response([[ms(at), str(coins)] for at, coins in calm])

    server.routes["/past"] = falling
    store = MemoryStore()
    await store.subscriptions.add(Subscription(destination=CHAT, created=START))
    sources = [venue(name, "PEPE-PERP", price="0.5") for name in (CHEAP, PRICED)]
    await remembered(store, server, *sources)
    (wave,) = await store.waves.recent()
    assert wave.fall == pytest.approx(0.4, abs=0.01)
    assert await store.posts.of(wave.id) == []
