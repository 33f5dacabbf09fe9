"""A venue's past is fetched page by page, kept at once, and never asked for twice."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.assets import Asset
from bot.domain.health import Remembered
from bot.domain.market import Instrument, OpenInterest, PastLiquidations, Position
from bot.errors import SourceThrottled
from bot.exchanges.reading import pages
from bot.exchanges.spec import Budget, Exchange, History, Request, from_ms
from bot.feeds.backfill import VenuePast, Wanted
from bot.feeds.contact import Setting
from bot.feeds.http import open_http
from storage.memory import MemoryStore
from tests.feeds.acme import ACME, START, Server, World, parse_past, serving

HOUR = timedelta(hours=1)
BTC, ETH = Asset("BTC"), Asset("ETH")
PAGE = 5


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def requests(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
    return [
        Request("/past", {"s": instrument.symbol, "from": str(first), "to": str(last)})
        for first, last in pages(since, until, HOUR, PAGE)
    ]


REMEMBERS = replace(ACME, history=History(HOUR, timedelta(days=2), requests, parse_past))


@dataclass
class Memory:
    """A venue that remembers every full hour since ``begins``; ``faults`` are answered first."""

    server: Server
    begins: datetime = START - timedelta(days=900)
    faults: list[int] = field(default_factory=list)
    more: Sequence[datetime] = ()
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    crash_after: int = 10**9

    def __post_init__(self) -> None:
        self.server.routes["/past"] = self.answer

    async def answer(self, request: web.Request) -> web.Response:
        symbol, first, last = request.query["s"], int(request.query["from"]), int(request.query["to"])
        if self.faults:
            return web.Response(status=self.faults.pop(0))
        if len(self.asked) >= self.crash_after:
            await asyncio.Event().wait()
        self.asked.append((symbol, from_ms(first), from_ms(last)))
        hours = [START + n * HOUR for n in range(-100, 1) if START + n * HOUR >= self.begins]
        told = [at for at in hours if first <= ms(at) <= last]
        return web.json_response([[ms(at), "120"] for at in (*told, *self.more)])


async def fetch(
    server: Server,
    world: World,
    store: MemoryStore,
    exchange: Exchange = REMEMBERS,
    *,
    days: float = 1,
    patient: bool = False,
    told: list[Asset] | None = None,
    within_s: float = 5.0,
    setting: Setting | None = None,
) -> Remembered:
    assert exchange.history is not None
    wanted = Wanted(START - timedelta(days=days), START, patient=patient)
    async with open_http(exchange, base_url=server.url) as http:
        heard = told if told is not None else []
        venue = VenuePast(
            exchange, exchange.history, http, store.archive, setting or world.setting, wanted, heard.append
        )
        try:
            async with asyncio.timeout(within_s):
                await venue.run()
        except TimeoutError:
            pass
        return venue.progress()


async def kept(store: MemoryStore, asset: Asset = BTC) -> list[datetime]:
    told: Sequence[OpenInterest] = await store.archive.told(asset, START - timedelta(days=900), START + HOUR)
    return [one.at for one in told]


def hours(count: int) -> list[datetime]:
    return [START - n * HOUR for n in range(count, 0, -1)]


async def test_the_past_is_kept_in_order_and_ends_where_live_figures_begin(
    server: Server, world: World
) -> None:
    store, told = MemoryStore(), list[Asset]()
    Memory(server)
    progress = await fetch(server, world, store, told=told)
    assert await kept(store, BTC) == hours(24)
    assert await kept(store, ETH) == hours(24)
    assert sorted(told) == [BTC, ETH]
    assert (progress.contracts, progress.share, progress.over, progress.why) == (2, 1.0, True, "")


def parse_lost(raw: bytes, instrument: Instrument) -> Sequence[PastLiquidations]:
    """Something of each hour, and of the two and a half hours before live figures begin."""
    return [
        PastLiquidations(instrument, Position.LONG, one.at, step, None, 1.0, 9.0)
        for one in parse_past(raw, instrument, START)
        for step in (HOUR, 2.5 * HOUR)[: 1 + (one.at == START - 2 * HOUR)]
    ]


async def test_sums_of_liquidations_are_kept_beside_and_end_where_live_ones_begin(
    server: Server, world: World
) -> None:
    store, memory = MemoryStore(), Memory(server)
    lost = replace(REMEMBERS, history=History(HOUR, timedelta(days=2), requests, parse_past, parse_lost))
    for _ in range(2):
        await fetch(server, world, store, lost)
    sums = await store.archive.liquidated(BTC, START - timedelta(days=9), START + HOUR)
    assert [(one.at, one.step) for one in sums] == [(at, HOUR) for at in hours(24)]
    assert await kept(store) == hours(24)
    assert len(memory.asked) == 2 * 24 / (PAGE - 1)


async def test_it_asks_newest_first_a_page_at_a_time(server: Server, world: World) -> None:
    memory = Memory(server)
    await fetch(server, world, MemoryStore())
    asked = [(since, until) for symbol, since, until in memory.asked if symbol == "BTC-PERP"]
    assert asked == sorted(asked, reverse=True)
    assert all(until - since < PAGE * HOUR for since, until in asked)
    assert len(asked) == 24 / (PAGE - 1)


async def test_it_never_asks_further_back_than_the_venue_remembers(server: Server, world: World) -> None:
    store = MemoryStore()
    memory = Memory(server)
    await fetch(server, world, store, days=900)
    assert (await kept(store))[0] == START - timedelta(days=2)
    assert min(since for _, since, _ in memory.asked) == START - timedelta(days=2)


@pytest.mark.parametrize("more", [(), (START + HOUR,)], ids=["empty", "of the future"])
async def test_a_contract_that_began_lately_is_not_asked_on_and_on(
    server: Server, world: World, more: Sequence[datetime]
) -> None:
    store = MemoryStore()
    long = replace(REMEMBERS, history=History(HOUR, timedelta(days=900), requests, parse_past))
    memory = Memory(server, begins=START - 6 * HOUR, more=more)
    progress = await fetch(server, world, store, long, days=900)
    assert await kept(store) == hours(6)
    assert len(memory.asked) < 12
    assert progress.share == 1.0


async def test_rows_of_another_time_or_of_the_future_are_not_kept(server: Server, world: World) -> None:
    store = MemoryStore()
    Memory(server, more=(START, START + HOUR, START + timedelta(days=400), START - timedelta(days=800)))
    await fetch(server, world, store)
    assert await kept(store) == hours(24)


async def test_an_empty_memory_is_known_to_be_empty(server: Server, world: World) -> None:
    store = MemoryStore()
    memory = Memory(server, begins=START + HOUR)
    progress = await fetch(server, world, store)
    assert await kept(store) == []
    asked = len(memory.asked)
    assert progress.share == 1.0
    await fetch(server, world, store)
    assert len(memory.asked) == asked


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 14), max_size=4))
def test_wherever_it_is_cut_off_nothing_is_asked_twice_and_the_same_is_kept(cuts: list[int]) -> None:
    async def one_life() -> None:
        async with serving() as server:
            world, store, memory = World(), MemoryStore(), Memory(server)
            for cut in cuts:
                memory.crash_after = len(memory.asked) + cut
                await _cut(server, world, store, memory)
            memory.crash_after = 10**9
            await fetch(server, world, store)
            assert await kept(store, BTC) == await kept(store, ETH) == hours(24)
            assert len(memory.asked) == len(set(memory.asked))

    asyncio.run(one_life())


async def _cut(server: Server, world: World, store: MemoryStore, memory: Memory) -> None:
    """Killed once the venue has answered so often and all its answers are kept."""
    life = asyncio.ensure_future(fetch(server, world, store, within_s=60))
    while not life.done():
        pieces = sum(1 for _ in memory.asked)
        settled = len(memory.asked) >= memory.crash_after and len(store.archive._pieces) >= pieces
        if settled:
            life.cancel()
            break
        await asyncio.sleep(0.001)
    await asyncio.wait({life})


async def test_a_deeper_wish_goes_on_where_the_last_one_ended(server: Server, world: World) -> None:
    store = MemoryStore()
    memory = Memory(server)
    await fetch(server, world, store, days=0.5)
    memory.asked.clear()
    await fetch(server, world, store, days=1)
    assert await kept(store) == hours(24)
    assert max(until for _, _, until in memory.asked) < START - 12 * HOUR


async def test_a_throttle_is_waited_for_as_long_as_the_venue_asks(server: Server, world: World) -> None:
    store = MemoryStore()
    memory = Memory(server, faults=[429])
    slow = SourceThrottled("slow", retry_after=timedelta(milliseconds=30))
    throttles = replace(REMEMBERS, read_refusal=lambda status, body: slow)
    waits = replace(world.setting, sleep=asyncio.sleep)
    await fetch(server, world, store, throttles, setting=waits)
    assert await kept(store) == hours(24)
    assert memory.faults == []
    refused, again = server.at[1], server.at[5]
    assert again - refused >= 0.03


async def test_a_ban_is_waited_for_hourly_by_who_is_patient(server: Server, world: World) -> None:
    store = MemoryStore()
    Memory(server, faults=[403, 403])
    progress = await fetch(server, world, store, patient=True)
    assert await kept(store) == hours(24)
    assert (progress.why, progress.share) == ("", 1.0)
    assert 3600.0 in world.slept


async def test_a_ban_ends_it_for_who_is_not_patient(server: Server, world: World) -> None:
    store = MemoryStore()
    Memory(server, faults=[403] * 50)
    progress = await fetch(server, world, store)
    assert progress.over
    assert "refuses this address" in progress.why
    assert world.slept == []


async def test_no_network_at_first_is_made_up_later(server: Server, world: World) -> None:
    store = MemoryStore()
    Memory(server)
    refusals = [503] * 6

    async def contracts(request: web.Request) -> web.Response:
        if refusals:
            return web.Response(status=refusals.pop())
        return web.json_response({"contracts": ["BTC-PERP"]})

    server.routes["/contracts"] = contracts
    progress = await fetch(server, world, store, patient=True)
    assert await kept(store) == hours(24)
    assert progress.over
    assert len(world.slept) == 6


async def test_a_contract_that_cannot_be_read_is_named_and_left_out(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    store, memory = MemoryStore(), Memory(server)

    async def odd(request: web.Request) -> web.Response:
        if request.query["s"] == "ETH-PERP":
            return web.Response(text=json.dumps({"error": "what?"}))
        return await memory.answer(request)

    server.routes["/past"] = odd
    told: list[Asset] = []
    with caplog.at_level(logging.WARNING):
        progress = await fetch(server, world, store, told=told)
    assert await kept(store, BTC) == hours(24)
    assert await kept(store, ETH) == []
    assert progress.skipped == 1
    assert sorted(told) == [BTC, ETH]
    (record,) = caplog.records
    assert (record.__dict__["event"], record.__dict__["symbol"]) == ("backfill.skipped", "ETH-PERP")


async def test_it_spends_no_more_than_half_of_a_budget_that_others_share(
    server: Server, world: World
) -> None:
    """Stamped where it is sent, by a clock that only waiting moves: no load of the machine is in it."""
    sent: list[tuple[str, float]] = []

    async def sending(_: aiohttp.ClientSession, __: object, asked: aiohttp.TraceRequestStartParams) -> None:
        sent.append((asked.url.path, world.wall))

    stamps = aiohttp.TraceConfig()
    stamps.on_request_start.append(sending)
    stamps.freeze()
    Memory(server)
    small = replace(REMEMBERS, budget=Budget(8, timedelta(seconds=8)))
    assert small.history is not None
    wanted, archive = Wanted(START - timedelta(days=2), START), MemoryStore().archive
    told: list[Asset] = []
    async with open_http(small, base_url=server.url, monotonic=lambda: world.wall, sleep=world.sleep) as http:
        http.session.trace_configs.append(stamps)
        await VenuePast(small, small.history, http, archive, world.setting, wanted, told.append).run()
    assert [at for path, at in sent if path == "/past"] == [n // 4 * 8.0 for n in range(24)]


async def test_in_no_window_is_more_than_half_of_a_budget_spent_beside(server: Server) -> None:
    """On a clock that only waiting moves, so that nothing arrives later than it was asked for: exact."""
    now, sent = 0.0, []

    async def wait(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def fine(request: web.Request) -> web.Response:
        sent.append(now)
        return web.json_response([])

    server.routes |= {"/past": fine}
    small = replace(REMEMBERS, budget=Budget(8, timedelta(seconds=8)))
    async with open_http(small, base_url=server.url, monotonic=lambda: now, sleep=wait) as http:
        beside = http.beside()
        for _ in range(12):
            await beside(Request("/past"))
    assert sent == [0.0] * 4 + [8.0] * 4 + [16.0] * 4


async def test_live_requests_pass_while_the_past_waits_for_its_half(server: Server) -> None:
    async def fine(request: web.Request) -> web.Response:
        return web.json_response([])

    server.routes |= {"/past": fine, "/live": fine}
    hourly = replace(REMEMBERS, budget=Budget(6, timedelta(hours=1)))
    async with open_http(hourly, base_url=server.url) as http:
        beside = http.beside()
        for _ in range(3):
            await beside(Request("/past"))
        waiting = asyncio.ensure_future(beside(Request("/past")))
        async with asyncio.timeout(2):
            for _ in range(3):
                await http.fetch(Request("/live"))
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait({waiting})
    assert server.count("/past") == 3
