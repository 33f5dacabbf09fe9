"""The past of venues that others tell of: by its source's name, once, and never among live figures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace as replaced

from bot.domain.assets import Asset
from bot.domain.market import Report, ReportKind, Venue
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Book, Exchange, Request
from bot.feeds.backfill import Wanted
from bot.feeds.http import VenueHttp, open_http
from bot.feeds.retold import RetoldVenue
from bot.simulator.everything import PEAK, everything
from bot.simulator.servers import serve
from storage.memory import MemoryStore
from tests.feeds.acme import World

BTC = Asset("BTC")
DAY = timedelta(days=1)
SCENARIO = everything({"BTC": 113_000.0, "ETH": 4_100.0}, ["bybit"])
SOURCES = ["coinglass", "coinalyze"]
TOLD = {"coinglass": Venue("bitunix"), "coinalyze": Venue("woox")}


def with_key(name: str) -> Exchange:
    exchange = EXCHANGES[Venue(name)]
    return replace(exchange, headers={exchange.key_header: "a-key"})


@asynccontextmanager
async def asked(name: str) -> AsyncIterator[tuple[Exchange, VenueHttp]]:
    exchange = with_key(name)
    async with (
        serve(SCENARIO, lambda: PEAK, reporters=SOURCES) as at,
        open_http(exchange, base_url=at[name].base_url, speed=1000) as http,
    ):
        yield exchange, http


def venue_of(exchange: Exchange, http: VenueHttp, store: MemoryStore, world: World, days: int) -> RetoldVenue:
    assert exchange.retold is not None
    wanted = Wanted(PEAK - days * DAY, PEAK, frozenset({BTC}))
    return RetoldVenue(exchange, exchange.retold, http, store.journal, world.setting, wanted)


@pytest.mark.parametrize("name", SOURCES)
async def test_the_past_is_kept_by_its_source_and_confirms_nothing(name: str) -> None:
    store, world = MemoryStore(), World(now=PEAK)
    async with asked(name) as (exchange, http):
        one = venue_of(exchange, http, store, world, 8)
        await one.run()
    progress = one.progress()
    assert (progress.share, progress.contracts, progress.over, progress.why) == (1, 1, True, "")
    (newest,) = await store.journal.reports(BTC, PEAK)
    assert (newest.venue, newest.source, newest.kind) == (TOLD[name], name, ReportKind.RETOLD)
    assert PEAK - 2 * DAY <= newest.as_of < PEAK
    assert not newest.covers(newest.as_of - timedelta(hours=1))
    assert newest.coins == pytest.approx(SCENARIO.at(newest.as_of).coins("BTC") / 100)
    assert list(await store.journal.reports(Asset("ETH"), PEAK)) == []


@pytest.mark.parametrize("name", SOURCES)
async def test_what_was_fetched_is_not_asked_for_again_unless_more_is_wanted(name: str) -> None:
    store, world = MemoryStore(), World(now=PEAK)
    calls: list[datetime] = []
    async with asked(name) as (exchange, http):
        assert exchange.retold is not None
        past = exchange.retold

        def requests(book: Book, since: datetime, until: datetime) -> Sequence[Request]:
            calls.append(since)
            return past.requests(book, since, until)

        counted = replace(exchange, retold=replace(past, requests=requests))
        for days, so_far in ((4, 1), (4, 1), (9, 2), (9, 2)):
            await venue_of(counted, http, store, world, days).run()
            assert len(calls) == so_far
        world.now += 2 * DAY
        await venue_of(counted, http, store, world, 9).run()
        assert len(calls) == 3


async def test_what_a_plan_does_not_include_is_said_and_left_for_another_time() -> None:
    store, world = MemoryStore(), World(now=PEAK)
    async with asked("coinglass") as (exchange, http):
        assert exchange.retold is not None
        nowhere = replace(exchange.retold, requests=lambda *_: [Request("/not-in-this-plan")])
        one = venue_of(replace(exchange, retold=nowhere), http, store, world, 4)
        await one.run()
    assert (one.progress().over, one.progress().share) == (True, 0.0)
    assert "404" in one.progress().why
    assert list(await store.journal.reports(BTC, PEAK)) == []


def test_without_a_key_nothing_is_asked() -> None:
    assert [EXCHANGES[Venue(name)].has_key for name in SOURCES] == [False, False]
    assert [with_key(name).has_key for name in SOURCES] == [True, True]
    assert EXCHANGES[Venue("bybit")].has_key


def test_markets_of_one_coin_are_added_up_and_a_time_that_one_of_them_lacks_is_left_out() -> None:
    exchange = EXCHANGES[Venue("coinalyze")]
    market = '{"symbol":"X","exchange":"W","base_asset":"BTC","oi_lq_vol_denominated_in":"BASE_ASSET"}'
    (one,) = exchange.book.parse(f"[{market}]".encode()).values()
    book = {"A.W": replaced(one, symbol="A.W"), "B.W": replaced(one, symbol="B.W")}
    body = (
        b'[{"symbol":"A.W","history":[{"t":1791000000,"c":5},{"t":1791086400,"c":7}]},'
        b'{"symbol":"B.W","history":[{"t":1791086400,"c":2}]}]'
    )
    assert exchange.retold is not None
    told = exchange.retold.parse(body, book, PEAK).observations
    assert [(each.coins, each.as_of.day) for each in told if isinstance(each, Report)] == [(9.0, 4)]
