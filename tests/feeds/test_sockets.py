from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from bot.domain.health import SourceState
from bot.domain.market import Completeness, Liquidation
from bot.exchanges.spec import Book, Rows, Socket
from bot.feeds.book import VenueBook
from bot.feeds.http import open_http
from bot.feeds.lines import Turnstile
from bot.feeds.sockets import UNREADABLE_IN_A_ROW, SocketFeed
from tests.feeds.acme import ACME, FORCED, START, Server, World, contracts, parse_forced, until
from tests.feeds.test_http import status
from tests.feeds.test_poll import events

FORCED_FRAME = json.dumps({"s": "BTC-PERP", "q": "2", "p": "64000", "t": 1700000000000})
Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


@dataclass
class Line:
    """The venue's end: remembers every connection and frame; ``talk`` says what it does after the hello."""

    talk: Talk
    autoping: bool = True
    opened: int = 0
    open: int = 0
    pings: int = 0
    frames: list[str] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse(autoping=self.autoping, max_msg_size=0)
        await line.prepare(request)
        self.opened += 1
        self.open += 1
        try:
            self.frames.append((await line.receive()).data)
            await self.talk(line)
        finally:
            self.open -= 1
        return line

    async def listen(self, line: web.WebSocketResponse) -> None:
        """Keep what arrives and answer it until the other end goes."""
        async for message in line:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.frames.append(message.data)
                await line.send_str('{"ok": true}')
            elif message.type is aiohttp.WSMsgType.PING:
                self.pings += 1
                await line.pong(message.data)


@asynccontextmanager
async def listening(
    server: Server,
    world: World,
    *,
    socket: Socket = FORCED,
    url: str | None = None,
    turnstiles: Sequence[Turnstile] = (),
) -> AsyncIterator[VenueBook]:
    setting = world.live_setting
    async with open_http(ACME, base_url=server.url) as http:
        book = VenueBook(ACME, http, setting, None)
        await book.ask()
        ws_url = url or server.url.replace("http", "ws")
        feed = SocketFeed(ACME, socket, http, book, setting, ws_url=ws_url, turnstiles=turnstiles)
        task = asyncio.create_task(feed.run())
        try:
            yield book
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_liquidations_are_heard(server: Server, world: World) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_str('{"ok": true}')
        await line.send_bytes(FORCED_FRAME.encode())
        await line.send_str(FORCED_FRAME)
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world):
        await until(lambda: len(world.told) == 2)
    (first, second) = world.told
    assert isinstance(first, Liquidation)
    assert first == second
    assert first.received == START
    assert json.loads(ends.frames[0]) == {"subscribe": ["BTC-PERP", "ETH-PERP"]}
    assert server.asked[-1] == "/line?v=1"  # the venue's own path and query on the given host
    known = world.source("forced")
    assert (known.state, known.completeness) == (SourceState.FRESH, Completeness.COMPLETE)
    assert known.last_answer == START


async def test_a_ping_is_sent_even_while_frames_arrive(server: Server, world: World) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        while True:
            await line.send_str(FORCED_FRAME)
            try:
                ends.frames.append(await line.receive_str(timeout=0.003))
            except TimeoutError:
                continue
            except TypeError:
                return

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world):
        await until(lambda: ends.frames[1:3] == ["ping", "ping"])
    assert ends.opened == 1


async def test_a_venue_without_a_text_ping_gets_the_protocols_and_its_pong_is_a_sound(
    server: Server, world: World
) -> None:
    ends = Line(lambda line: ends.listen(line), autoping=False)
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=replace(FORCED, ping=None)):
        await until(lambda: ends.pings > 5)
        assert ends.opened == 1
        assert world.source("forced").state is SourceState.FRESH


async def test_a_venues_ping_is_answered(server: Server, world: World) -> None:
    ponged = asyncio.Event()

    async def talk(line: web.WebSocketResponse) -> None:
        await line.ping(b"42")
        while (message := await line.receive()).type is not aiohttp.WSMsgType.CLOSE:
            if message.type is aiohttp.WSMsgType.PONG and message.data == b"42":
                ponged.set()

    ends = Line(talk, autoping=False)
    server.routes["/line"] = ends.serve
    async with listening(server, world), asyncio.timeout(2):
        await ponged.wait()


async def test_a_line_that_goes_silent_is_left(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def deaf(line: web.WebSocketResponse) -> None:
        async for _ in line:  # takes everything and never says a word
            pass

    ends = Line(deaf)
    server.routes["/line"] = ends.serve
    async with listening(server, world):
        await until(lambda: ends.opened >= 3)
        known = world.source("forced")
    assert known.state is SourceState.LOST
    assert "connected, but not a sound" in known.why
    assert events(caplog) == ["source.lost"]
    assert world.slept[:2] == [1.0, 2.0]


async def test_a_line_cut_is_opened_again_with_growing_waits(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def cut(line: web.WebSocketResponse) -> None:
        await line.send_str('{"ok": true}')  # an answered hello alone proves nothing
        if ends.opened == 9:
            await line.send_str(FORCED_FRAME)
            await ends.listen(line)
        else:
            await line.close(code=1001)

    ends = Line(cut)
    server.routes["/line"] = ends.serve
    async with listening(server, world):
        await until(lambda: world.told)
    assert world.slept == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert events(caplog) == ["source.lost", "source.back"]


async def test_a_line_is_changed_before_the_venue_cuts_it(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    ends = Line(lambda line: ends.listen(line))
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=replace(FORCED, lifetime=timedelta(milliseconds=20))):
        await until(lambda: ends.opened >= 3)
    assert world.slept == []
    assert events(caplog) == []


async def test_new_contracts_are_subscribed_to(server: Server, world: World) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_str(FORCED_FRAME)
        await ends.listen(line)

    async def more(request: web.Request) -> web.Response:
        return contracts("BTC-PERP", "SOL-PERP")

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world) as book:
        await until(lambda: world.told)
        server.routes["/contracts"] = more
        await book.ask()
        await until(lambda: sum(frame != "ping" for frame in ends.frames) == 2)
    hellos = [json.loads(frame)["subscribe"] for frame in ends.frames if frame != "ping"]
    assert hellos == [["BTC-PERP", "ETH-PERP"], ["BTC-PERP", "SOL-PERP"]]
    assert world.slept == []


async def test_frames_that_cannot_be_read_are_kept_and_counted(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    readable = asyncio.Event()

    async def talk(line: web.WebSocketResponse) -> None:
        for n in range(UNREADABLE_IN_A_ROW + 20):
            await line.send_str(f"<{n}>")
        await readable.wait()
        await line.send_str(FORCED_FRAME)
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    calm = replace(FORCED, ping_every=timedelta(seconds=5))
    async with listening(server, world, socket=calm):
        await until(lambda: world.source("forced").rejected == UNREADABLE_IN_A_ROW + 20)
        assert world.source("forced").state is SourceState.CHANGED
        assert [kept.raw for kept in world.kept] == ["<0>", "<1>", "<2>", "<3>", "<4>"]
        readable.set()
        await until(lambda: world.source("forced").state is SourceState.FRESH)
    assert ends.opened == 1
    assert events(caplog) == ["source.changed", "source.back"]


async def test_rows_of_a_frame_that_are_lost_alone_are_kept_while_the_others_are_heard(
    server: Server, world: World
) -> None:
    def with_a_bad_row(raw: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
        heard = Rows(parse_forced(raw, book, now))
        heard.unreadable = ["ETH-PERP: q is '?', not a number"] if heard else ()
        return heard

    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_str(FORCED_FRAME)
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=replace(FORCED, parse=with_a_bad_row)):
        await until(lambda: bool(world.told))
    assert [kept.detail for kept in world.kept] == ["ETH-PERP: q is '?', not a number"]
    assert world.source("forced").rejected == 1


async def test_a_line_that_lives_is_still_changed_while_nothing_can_be_read(
    server: Server, world: World
) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        for _ in range(UNREADABLE_IN_A_ROW):
            await line.send_str("<>")
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world):
        await until(lambda: ends.frames.count("ping") >= 3)
        assert world.source("forced").state is SourceState.CHANGED


async def test_a_huge_frame_ends_the_line_not_the_program(server: Server, world: World) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_str("x" * (5 * 2**20))
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world):
        await until(lambda: ends.opened >= 2)
        assert world.source("forced").state is SourceState.CHANGED


@pytest.mark.parametrize(
    ("code", "state", "wait"),
    [
        (451, SourceState.BLOCKED, 3600.0),
        (429, SourceState.THROTTLED, 60.0),
        (503, SourceState.LOST, 1.0),
        (200, SourceState.CHANGED, 1.0),
    ],
)
async def test_a_refused_socket_is_read_like_a_refused_call(
    server: Server, world: World, code: int, state: SourceState, wait: float
) -> None:
    server.routes["/line"] = status(code)
    async with listening(server, world):
        await until(lambda: world.slept)
        assert world.source("forced").state is state
    assert world.slept[0] == wait


async def test_a_refused_socket_waits_as_long_as_it_is_asked_to(server: Server, world: World) -> None:
    server.routes["/line"] = status(429, Retry_After="11")
    async with listening(server, world):
        await until(lambda: world.slept)
    assert world.slept[0] == 11.0


async def test_nobody_there_is_lost(server: Server, world: World) -> None:
    async with listening(server, world, url="ws://127.0.0.1:1"):
        await until(lambda: world.slept)
        assert "refused or there is no network" in world.source("forced").why
