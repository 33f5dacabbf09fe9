from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from msgspec.structs import replace as replace_struct

from bot.domain.health import SourceState
from bot.domain.market import Liquidation, Observation, OpenInterest, Venue
from bot.exchanges.spec import MINUTE, Exchange, Listing, Request
from bot.feeds.sources import POLL_GAP, VENUE_GAP, VENUE_LINES_S, Sources, VenueSource
from tests.feeds.acme import ACME, ALL, BTC, FORCED, Server, World, contracts, parse_book, serving, until
from tests.feeds.test_http import status
from tests.feeds.test_poll import events
from tests.feeds.test_sockets import FORCED_FRAME, Line

FAST = 60 / 0.03
"""A minute of the market passes in 30 ms."""
LISTENS = replace(ACME, sockets=(replace(FORCED, ping_every=timedelta(seconds=1)),))


@asynccontextmanager
async def running(world: World, *venues: VenueSource, **options: object) -> AsyncIterator[None]:
    stop = asyncio.Event()
    sources = Sources(venues, world.live_setting, **options)  # type: ignore[arg-type]
    task = asyncio.create_task(sources.run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(2.5):
            await task


def at(server: Server, exchange: Exchange = ACME) -> VenueSource:
    return VenueSource(exchange, base_url=server.url, ws_url=server.url.replace("http", "ws"))


async def test_everything_of_a_venue_is_heard_again_and_again(server: Server, world: World) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_str(FORCED_FRAME)
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    world.speed = FAST
    async with running(world, at(server, LISTENS)):
        await until(lambda: server.count("/tickers") >= 4)
        await until(lambda: any(isinstance(told, Liquidation) for told in world.told))
    assert server.asked[0] == "/contracts"
    assert {known.source: known.state for known in world.health.sources()} == {
        "contracts": SourceState.FRESH,
        "tickers": SourceState.FRESH,
        "forced": SourceState.FRESH,
    }


async def test_before_the_first_answer_every_source_is_known_to_be_waited_for(
    server: Server, world: World
) -> None:
    answer = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await answer.wait()
        return web.Response(status=503)

    server.routes["/contracts"] = slow
    async with running(world, at(server, LISTENS)):
        await until(lambda: server.asked)
        assert {known.source for known in world.health.sources()} == {"contracts", "tickers", "forced"}
        assert {known.state for known in world.health.sources()} == {SourceState.WAITING}
        answer.set()


async def test_a_venue_of_reports_is_asked_without_a_book(server: Server, world: World) -> None:
    reports = replace(ACME, book=replace(ACME.book, requests=list))
    async with running(world, at(server, reports)):
        await until(lambda: server.asked)
    assert server.asked == ["/tickers"]
    assert [known.source for known in world.health.sources()] == ["tickers"]


async def test_only_watched_coins_are_heard(server: Server, world: World) -> None:
    async with running(world, at(server), watched=frozenset({BTC})):
        await until(lambda: world.told)
    assert {told.instrument.asset for told in world.told if isinstance(told, OpenInterest)} == {BTC}


async def test_one_venue_that_is_down_does_not_disturb_another(server: Server, world: World) -> None:
    world.speed = FAST
    other = replace(ACME, venue=Venue("bust"), title="Bust")
    async with running(world, at(server), VenueSource(other, base_url="http://127.0.0.1:1")):
        await until(lambda: len(world.batches) >= 3)
    states = {(known.venue, known.source): known.state for known in world.health.sources()}
    assert states[Venue("acme"), "tickers"] is SourceState.FRESH
    assert states[Venue("bust"), "contracts"] is SourceState.LOST
    assert states[Venue("bust"), "tickers"] is SourceState.WAITING
    assert all(not known.why for known in world.health.sources() if known.state is SourceState.WAITING)


async def test_a_venue_that_comes_back_is_heard(server: Server, world: World) -> None:
    world.speed = FAST
    good, server.routes["/contracts"] = server.routes["/contracts"], status(503)
    async with running(world, at(server)):
        await until(lambda: server.count("/contracts") >= 2)
        assert world.told == []
        server.routes["/contracts"] = good
        await until(lambda: world.told)


async def test_the_book_is_asked_again_in_its_own_interval(server: Server, world: World) -> None:
    world.speed = FAST
    often = replace(ACME, book=replace(ACME.book, every=MINUTE))
    async with running(world, at(server, often)):
        await until(lambda: len(world.batches) >= 1)

        async def fewer(request: web.Request) -> web.Response:
            return contracts("ETH-PERP")

        server.routes["/contracts"] = fewer
        await until(lambda: world.source("contracts").symbols == 1)
        await until(lambda: world.batches[-1] == 2)


async def test_a_watched_coin_that_is_listed_later_is_listened_to(server: Server, world: World) -> None:
    world.speed = FAST
    ends = Line(lambda line: ends.listen(line))
    server.routes["/line"] = ends.serve

    async def without(request: web.Request) -> web.Response:
        return contracts("ETH-PERP")

    good, server.routes["/contracts"] = server.routes["/contracts"], without
    often = replace(LISTENS, book=replace(ACME.book, every=MINUTE))
    async with running(world, at(server, often), watched=frozenset({BTC})):
        await until(lambda: server.count("/contracts") >= 3)
        assert (ends.opened, server.count("/tickers")) == (0, 0)
        server.routes["/contracts"] = good
        await until(lambda: ends.opened and world.told)
        await until(lambda: server.count("/contracts") >= 6)
    assert ends.opened == 1


async def test_a_full_stream_makes_the_feed_wait(server: Server, world: World) -> None:
    world.speed = FAST
    room = asyncio.Event()

    class Full(World):
        async def put(self, batch: Sequence[Observation]) -> None:
            if isinstance(batch[0], OpenInterest) and batch[0].instrument.venue == "acme":
                await room.wait()
            await super().put(batch)

    full = Full(speed=FAST)
    async with serving() as elsewhere:
        other = replace(ACME, venue=Venue("bust"), title="Bust", book=replace(ACME.book, parse=bust_book))
        async with running(full, at(server), at(elsewhere, other)):
            await until(lambda: elsewhere.count("/tickers") >= 4)
            assert server.count("/tickers") == 1
            room.set()
            await until(lambda: server.count("/tickers") >= 2)


def bust_book(raw: bytes) -> Listing:
    return Listing((name, replace_struct(one, venue=Venue("bust"))) for name, one in parse_book(raw).items())


async def test_a_fleet_that_starts_is_spread(server: Server, world: World) -> None:
    """Venues begin one after another, and so do the polls of one."""
    second = replace(ACME, venue=Venue("bust"), title="Bust")
    two = replace(ACME, polls=(ALL, replace(ALL, name="more")))
    async with serving() as elsewhere:
        begun = asyncio.get_running_loop().time()
        async with running(world, at(server, two), at(elsewhere, second)):
            await until(lambda: server.count("/tickers") == 2 and elsewhere.count("/tickers") == 1)
        assert server.at[2] - begun >= 0.9 * POLL_GAP.total_seconds()
        assert elsewhere.at[0] - begun >= 0.9 * VENUE_GAP.total_seconds()


async def test_lines_of_all_venues_are_opened_one_by_one(server: Server, world: World) -> None:
    ends = Line(lambda line: ends.listen(line))
    server.routes["/line"] = ends.serve
    sharded = replace(ACME, sockets=(replace(FORCED, ping_every=timedelta(seconds=1), per_line=1),))
    async with running(world, at(server, sharded)):
        await until(lambda: ends.opened == 2)
    assert any(0.9 < waited / VENUE_LINES_S < 1.1 for waited in world.slept)


async def test_a_feed_that_is_connected_but_deaf_is_subscribed_anew_and_then_reported(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    speaks = asyncio.Event()

    async def busy(line: web.WebSocketResponse) -> None:
        while True:
            await line.send_str(FORCED_FRAME)
            await asyncio.sleep(0.002)

    async def silent(line: web.WebSocketResponse) -> None:
        """It answers every ping: it lives, and tells nothing."""
        async with asyncio.TaskGroup() as both:
            both.create_task(ends.listen(line))
            await speaks.wait()
            await busy(line)

    ends = Line(silent)
    server.routes["/line"] = ends.serve
    world.speed = FAST
    async with serving() as elsewhere:
        elsewhere.routes["/line"] = Line(busy).serve
        other = replace(LISTENS, venue=Venue("bust"), title="Bust")
        async with running(world, at(server, LISTENS), at(elsewhere, other)):

            def deaf() -> set[str]:
                return {k.venue for k in world.health.sources() if k.state is SourceState.DEAF}

            await until(lambda: deaf() == {"acme"}, within=30)
            assert ends.opened == 2
            why = next(k.why for k in world.health.sources() if k.state is SourceState.DEAF)
            assert why.startswith("connected, but has never told anything since 21:00 UTC")
            assert next(k for k in world.health.sources() if k.source == "forced").unproven
            speaks.set()
            await until(lambda: not deaf(), within=30)
    told = [event for event in events(caplog) if event in ("source.suspect", "source.deaf", "source.back")]
    assert told == ["source.suspect", "source.deaf", "source.back"]


async def test_a_poll_that_stands_in_is_asked_while_the_other_is_not_answered(
    server: Server, world: World
) -> None:
    world.speed = FAST
    first, second = replace(ALL, name="new"), replace(ALL, name="old", stands_in_for="new")
    second = replace(second, requests=lambda _: [Request("/old")])
    good = server.routes["/tickers"]
    server.routes["/old"] = good
    async with running(world, at(server, replace(ACME, polls=(second, first)))):
        await until(lambda: server.count("/tickers") >= 3)
        assert server.count("/old") == 0
        assert "old" not in {known.source for known in world.health.sources()}
        server.routes["/tickers"] = status(404)
        await until(lambda: server.count("/old") >= 2)
        assert world.source("old").state is SourceState.FRESH
        server.routes["/tickers"] = good
        await until(lambda: "old" not in {known.source for known in world.health.sources()})


async def test_stopping_takes_no_longer_than_it_must(server: Server, world: World) -> None:
    ends = Line(lambda line: ends.listen(line))
    server.routes["/line"] = ends.serve
    async with running(world, at(server, LISTENS)):
        await until(lambda: world.told and ends.opened)
        before = time.monotonic()
    assert time.monotonic() - before < 0.5


async def test_a_stop_while_the_first_book_is_on_its_way_leaves_no_socket_behind(
    server: Server, world: World
) -> None:
    answer, stop = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await answer.wait()
        return contracts("BTC-PERP")

    ends = Line(lambda line: ends.listen(line))
    server.routes |= {"/contracts": slow, "/line": ends.serve}
    task = asyncio.create_task(Sources([at(server, LISTENS)], world.live_setting).run(stop))
    await until(lambda: server.asked)
    stop.set()
    await asyncio.sleep(0.01)
    answer.set()
    async with asyncio.timeout(1):
        await task


async def test_a_bug_in_a_venue_file_ends_the_run(server: Server, world: World) -> None:
    def wrong(book: object) -> list[object]:
        raise ZeroDivisionError("a bug")

    broken = replace(ACME, polls=(replace(ACME.polls[0], requests=wrong),))  # type: ignore[arg-type]
    sources = Sources([at(server, broken)], world.live_setting)
    with pytest.raises(ExceptionGroup) as caught:
        await sources.run(asyncio.Event())
    assert caught.group_contains(ZeroDivisionError)


async def test_being_cancelled_leaves_nothing_behind(server: Server, world: World) -> None:
    sources = Sources([at(server)], world.live_setting)
    task = asyncio.create_task(sources.run(asyncio.Event()))
    await until(lambda: world.told)
    others = asyncio.all_tasks()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [left for left in asyncio.all_tasks() & others if "apscheduler" in repr(left)]


async def test_who_takes_venues_over_leaves_those_of_its_own_alone(server: Server, world: World) -> None:
    """A venue that is somebody else's now is asked no more, and nothing is told of it."""
    other = replace(ACME, venue=Venue("apex"))
    mine = {ACME.venue}
    world.speed = FAST
    async with serving() as second:
        venues = at(server), at(second, other)
        async with running(world, *venues, mine=lambda: set(mine)):
            await until(lambda: server.count("/tickers") >= 2)
            assert second.asked == []
            mine.add(other.venue)
            await until(lambda: second.count("/tickers") >= 2)
            assert server.count("/contracts") == 1, "the first was not begun anew"
            mine.discard(ACME.venue)
            await until(lambda: {row.venue for row in world.health.sources()} == {other.venue})


async def test_a_venue_given_away_while_it_begins_is_not_begun_and_may_come_back(
    server: Server, world: World
) -> None:
    other, answer = replace(ACME, venue=Venue("apex")), asyncio.Event()
    good = server.routes["/contracts"]

    async def slow(request: web.Request) -> web.StreamResponse:
        await answer.wait()
        return await good(request)

    server.routes["/contracts"] = slow
    mine = {ACME.venue, other.venue}
    world.speed = FAST
    async with serving() as second, running(world, at(server), at(second, other), mine=lambda: set(mine)):
        await until(lambda: server.asked)
        mine.discard(ACME.venue)
        await until(lambda: {row.venue for row in world.health.sources()} == {other.venue})
        answer.set()
        asked = second.count("/tickers")
        await until(lambda: second.count("/tickers") >= asked + 3)
        assert server.count("/tickers") == 0
        mine.add(ACME.venue)
        await until(lambda: server.count("/tickers"))
