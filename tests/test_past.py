"""What venues remember is learnt beside live figures: whole, once, and without alerting anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from bot.bench import Bench
from bot.domain.assets import Asset, parse_asset
from bot.domain.health import REMEMBERED, Remembered
from bot.domain.market import Group, Instrument, OpenInterest, Venue
from bot.domain.posts import Destination, Subscription
from bot.domain.units import Amount, Unit
from bot.exchanges.reading import pages
from bot.exchanges.spec import Exchange, History, Listing, Request, from_ms
from bot.feeds.contact import Setting
from bot.feeds.sources import VenueSource, open_lines
from bot.health import Health
from bot.past import STEP, Past
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace
from bot.ports import Store
from bot.running import running
from storage.memory import MemoryStore
from storage.sqlite import open_sqlite
from tests.feeds.acme import ACME, START, Server, World, serving

DAYS = timedelta(days=9)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
CHEAP, PRICED = Venue("cheap"), Venue("priced")
GROUPS = {CHEAP: Group.OFFSHORE, PRICED: Group.OFFSHORE}
CHAT = Destination("local", "page")
PEPE = Asset("PEPE")
FELL = START - timedelta(hours=30)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def venue(name: Venue, symbol: str, *, price: str | None) -> Exchange:
    """It lists one contract and remembers each five minutes; it may tell a price of a base unit."""
    asset, multiple = parse_asset(symbol.partition("-")[0])
    contract = Instrument(name, symbol, asset, coins_per_base=multiple)

    def book(raw: bytes) -> Listing:
        return Listing({symbol: contract} if symbol in json.loads(raw)["contracts"] else {})

    def asked(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
        spans = pages(since, until, STEP, 500)
        return [Request(f"/past/{name}", {"from": str(a), "to": str(b)}) for a, b in spans]

    def past(raw: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
        told = None if price is None else Decimal(price)
        return [
            OpenInterest(instrument, Amount(Decimal(amount), Unit.BASE), from_ms(at), now, told)
            for at, amount in json.loads(raw)
        ]

    return replace(
        ACME,
        venue=name,
        title=name.title(),
        book=replace(ACME.book, parse=book),
        history=History(STEP, timedelta(days=30), asked, past),
    )


def coins_at(at: datetime) -> int:
    """A quiet market that loses two fifths of its coins within a step, thirty hours before live figures."""
    return (5000 if at < FELL else 3000) + (at.minute // 5) % 3


async def remember(request: web.Request) -> web.Response:
    first, last = from_ms(int(request.query["from"])), from_ms(int(request.query["to"]))
    times = [START - DAYS + n * STEP for n in range(int(DAYS / STEP) + 1)]
    return web.json_response([[ms(at), str(coins_at(at))] for at in times if first <= at <= last])


async def contracts(request: web.Request) -> web.Response:
    return web.json_response({"contracts": ["1000PEPE-PERP", "PEPE-PERP"]})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        running.routes = {"/contracts": contracts, "/past/cheap": remember, "/past/priced": remember}
        yield running


def live_judge() -> Judge:
    return Judge(GROUPS, Pace(MINUTE, 3 * MINUTE))


class Life:
    """One process's look back, over a store that outlives it."""

    def __init__(self, server: Server, store: Store, judge: Judge | None = None) -> None:
        self.server, self.store, self.world = server, store, World()
        self.judge = judge or live_judge()
        self.venues = [venue(name, "PEPE-PERP", price="0.5") for name in (CHEAP, PRICED)]
        self.patient = False

    async def run(self, settle_s: float = 30.0) -> Sequence[Remembered]:
        world = self.world
        setting = Setting(
            out=world,
            journal=world,
            health=Health(lambda: START),
            clock=lambda: START,
            sleep=asyncio.sleep,
            monotonic=asyncio.get_running_loop().time,
        )
        sources = [VenueSource(exchange, self.server.url) for exchange in self.venues]
        past = Past(self.judge, self.store, GROUPS, setting, rest=0.0, settle_s=settle_s)
        await past.load()
        async with open_lines(sources, setting) as lines:
            return await past.run(sources, lines, None, look_back=DAYS, patient=self.patient)


async def test_the_past_is_pictured_up_to_where_live_figures_begin(server: Server) -> None:
    store = MemoryStore()
    await Life(server, store).run()
    points = await store.journal.series(PEPE, START - DAYS, START, STEP)
    assert points[-1].at == START - STEP
    assert (points[-1].coins, points[-1].price_usd, points[-1].index) == (6004.0, 0.5, 0.0)
    week = await store.journal.series(PEPE, START - timedelta(days=7), START, STEP)
    assert len(week) == timedelta(days=7) / STEP


@pytest.mark.parametrize(
    ("cheap", "priced", "price"),
    [("1000PEPE-PERP", "PEPE-PERP", "0.5"), ("PEPE-PERP", "1000PEPE-PERP", "500")],
)
async def test_a_past_without_prices_borrows_them_for_its_own_unit(
    server: Server, cheap: str, priced: str, price: str
) -> None:
    life = Life(server, MemoryStore())
    life.venues = [venue(CHEAP, cheap, price=None), venue(PRICED, priced, price=price)]
    await life.run()
    newest = await life.store.journal.snapshot(PEPE)
    assert newest is not None
    assert newest.usd == pytest.approx(3002 * 1001 * 0.5)


async def test_a_wave_of_the_past_is_marked_and_nobody_is_alerted(server: Server) -> None:
    store = MemoryStore()
    await store.subscriptions.add(Subscription(destination=CHAT, created=START))
    await Life(server, store).run()
    (wave,) = await store.waves.recent()
    assert wave.from_history
    assert wave.done
    assert wave.fall == pytest.approx(0.4, abs=0.01)
    assert FELL - STEP <= wave.onset <= FELL
    assert await store.waves.running() == []
    assert await store.posts.of(wave.id) == []
    assert await store.chats.held("local") == {}


async def test_the_live_judge_learns_how_rare_things_are_and_ranks_with_the_past(server: Server) -> None:
    life = Life(server, MemoryStore())
    before = life.judge.warm(PEPE)
    await life.run()
    assert (before, life.judge.warm(PEPE).days) == (timedelta(0), 8)


async def test_looking_back_twice_gives_the_same_and_asks_nothing(server: Server) -> None:
    store = MemoryStore()
    await Life(server, store).run()
    asked, learnt, waves = server.count("/past"), await store.archive.learnt(), await store.waves.recent()
    second = Life(server, store)
    await second.run()
    assert server.count("/past") == asked
    assert await store.archive.learnt() == learnt
    assert await store.waves.recent() == waves
    assert second.judge.warm(PEPE).days == 8


async def test_what_was_learnt_is_there_at_the_next_start_before_anything_is_asked(server: Server) -> None:
    store = MemoryStore()
    await Life(server, store).run()
    judge = live_judge()
    world = World()
    assert await Past(judge, store, GROUPS, world.setting).load() == 1
    assert judge.warm(PEPE).days == 8


async def test_a_stop_in_the_middle_is_made_up_from_where_it_was(server: Server) -> None:
    whole = MemoryStore()
    await Life(server, whole).run()
    asked = server.count("/past")
    server.asked.clear()
    at_the_door = asyncio.Event()

    async def stuck(request: web.Request) -> web.Response:
        if server.count("/past") > asked // 2:
            at_the_door.set()
            await asyncio.Event().wait()
        return await remember(request)

    server.routes |= {"/past/cheap": stuck, "/past/priced": stuck}
    store = MemoryStore()
    killed = asyncio.ensure_future(Life(server, store).run())
    async with asyncio.timeout(10):
        await at_the_door.wait()
    killed.cancel()
    await asyncio.wait({killed})
    fetched = len(set(server.asked))
    server.routes |= {"/past/cheap": remember, "/past/priced": remember}
    await Life(server, store).run()
    assert len(set(server.asked)) == asked + 1  # the book is asked at each start
    assert fetched > 2
    assert await store.archive.learnt() == await whole.archive.learnt()
    assert [w.onset for w in await store.waves.recent()] == [w.onset for w in await whole.waves.recent()]


async def test_what_was_fetched_but_not_learnt_before_a_stop_is_learnt_at_the_next_start(
    server: Server,
) -> None:
    whole, cut = MemoryStore(), MemoryStore()
    await Life(server, whole).run()
    for name in (CHEAP, PRICED):
        told = [
            one for one in await whole.archive.told(PEPE, START - DAYS, START) if one.instrument.venue == name
        ]
        await cut.archive.keep(told[0].instrument, START - DAYS, START, told)
    asked = server.count("/past")
    await Life(server, cut).run()
    assert server.count("/past") == asked
    assert await cut.archive.learnt() == await whole.archive.learnt()


async def test_a_slow_venue_delays_nobody_and_is_learnt_with_the_others_later(server: Server) -> None:
    opened = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await opened.wait()
        return await remember(request)

    server.routes["/past/cheap"] = slow
    life = Life(server, MemoryStore())
    looking = asyncio.ensure_future(life.run(settle_s=0.05))
    async with asyncio.timeout(10):
        while life.judge.warm(PEPE) < timedelta(days=1):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    (alone,) = await life.store.waves.recent()
    assert {v.venue for v in alone.venues} == {PRICED}
    opened.set()
    await looking
    (both,) = await life.store.waves.recent()
    assert {v.venue for v in both.venues} == {CHEAP, PRICED}
    assert both.id == alone.id
    newest = await life.store.journal.snapshot(PEPE)
    assert newest is not None
    assert newest.coins == 6004.0


async def test_a_banned_venue_is_named_and_the_others_are_learnt(server: Server) -> None:
    async def banned(request: web.Request) -> web.Response:
        return web.Response(status=403)

    server.routes["/past/cheap"] = banned
    life = Life(server, MemoryStore())
    cheap, priced = await life.run()
    assert (cheap.share, priced.share) == (0.0, 1.0)
    assert "refuses this address" in cheap.why
    assert len(await life.store.waves.recent()) == 1
    kept = await life.store.journal.kept(REMEMBERED)
    assert kept is not None
    assert msgspec.msgpack.decode(kept, type=list[Remembered]) == [cheap, priced]


def hear(bench: Bench, at: datetime, coins: float, name: Venue = PRICED, price: str = "0.5") -> None:
    contract = Instrument(name, "PEPE-PERP", PEPE)
    bench.hear(OpenInterest(contract, Amount(Decimal(str(coins)), Unit.BASE), at, at, Decimal(price)))


async def test_a_live_wave_is_alerted_at_once_while_the_past_is_still_fetched(server: Server) -> None:
    opened = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await opened.wait()
        return await remember(request)

    server.routes["/past/cheap"] = slow
    life = Life(server, MemoryStore())
    await life.store.subscriptions.add(Subscription(destination=CHAT, created=START))
    bench = Bench(life.judge, life.store, Health(lambda: START), lambda: START, lambda: START)
    looking = asyncio.ensure_future(life.run(settle_s=0.05))
    async with asyncio.timeout(10):
        while life.judge.warm(PEPE) < timedelta(days=1):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    for minute in range(1, 8):
        coins, price = (9000, "0.5") if minute < 4 else (6000 + minute, "0.4")
        hear(bench, START + minute * MINUTE, coins, price=price)
        await bench.step(START + minute * MINUTE)
    (wave,) = await life.store.waves.running()
    assert not wave.from_history
    assert [post.destination for post in await life.store.posts.of(wave.id)] == [CHAT]
    assert not looking.done()
    opened.set()
    await looking
    assert {w.id for w in await life.store.waves.recent()} >= {wave.id}


async def test_no_fall_is_seen_where_the_past_meets_live_figures(server: Server) -> None:
    """The past ends at 6004 coins of two venues; live, one of them counts half of it."""
    life = Life(server, MemoryStore())
    await life.run()
    bench = Bench(life.judge, life.store, Health(lambda: START), lambda: START, lambda: START)
    for minute in range(1, 30):
        hear(bench, START + minute * MINUTE, 1501 + minute % 3)
        await bench.step(START + minute * MINUTE)
    assert await life.store.waves.running() == []
    points = await life.store.journal.series(PEPE, START - HOUR, START + HOUR, MINUTE)
    assert max(abs(b.index - a.index) for a, b in pairwise(points)) < 0.01


async def test_a_live_wave_is_ranked_with_those_of_the_past_by_the_venues_both_were_seen_on(
    server: Server,
) -> None:
    life = Life(server, MemoryStore())
    await life.run()
    bench = Bench(life.judge, life.store, Health(lambda: START), lambda: START, lambda: START)
    for minute in range(1, 8):
        for name in (CHEAP, PRICED):
            hear(bench, START + minute * MINUTE, 3000 if minute < 4 else 2000 + minute, name)
        await bench.step(START + minute * MINUTE)
    (wave,) = await life.store.waves.running()
    assert wave.rank is not None
    assert (wave.rank.of, wave.rank.coins_place) == (2, 2)
    assert wave.rank.since < START - timedelta(days=8)


async def test_it_all_survives_in_sqlite(server: Server, tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "washout.db") as store:
        await Life(server, store).run()
        (wave,) = await store.waves.recent()
    async with open_sqlite(tmp_path / "washout.db") as store:
        judge = live_judge()
        assert await Past(judge, store, GROUPS, World().setting).load() == 1
        assert judge.warm(PEPE).days == 8
        assert await store.waves.recent() == [wave]


async def test_others_get_their_turn_while_what_was_learnt_is_read(server: Server) -> None:
    store = MemoryStore()
    await Life(server, store).run()
    (lesson,) = (await store.archive.learnt()).values()
    for number in range(50):
        await store.archive.learn(Asset(f"C{number}"), lesson, (), (), START)
    turns = 0

    async def look() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with running(look()):
        assert await Past(live_judge(), store, GROUPS, World().setting).load() == 51
    assert turns >= 50


async def test_learning_a_coin_does_not_read_what_was_learnt_of_others(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """There are hundreds: each coin would take longer than the one before, and hold the event loop."""
    store = MemoryStore()
    await store.archive.learn(Asset("OTHER"), b"of another release", (), (), START)
    with caplog.at_level("INFO", "bot.past"):
        await Life(server, store).run()
    assert PEPE in await store.archive.learnt()
    assert [line for line in caplog.messages if "OTHER" in line] == [
        "OTHER is learnt anew: kept by another release"  # when the process starts,
    ] * 2  # and when it looks for what was fetched but not learnt
