"""A socket over several lines, lines that are changed, and what venues ask of those who listen."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from bot.domain.health import SourceState
from bot.domain.market import Observation, OpenInterest
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged
from bot.exchanges.spec import Book, Socket, required
from bot.feeds.lines import Turnstile
from tests.feeds.acme import FORCED, Server, World, contracts, decode, until
from tests.feeds.test_http import status
from tests.feeds.test_poll import events
from tests.feeds.test_sockets import FORCED_FRAME, Line, listening

CALM = replace(FORCED, ping_every=timedelta(seconds=5))


def hellos(ends: Line) -> list[Any]:
    return [json.loads(frame)["subscribe"] for frame in ends.frames if frame.startswith("{")]


def lists(server: Server, *names: str) -> None:
    async def listed(request: web.Request) -> web.Response:
        return contracts(*names)

    server.routes["/contracts"] = listed


async def answered(line: web.WebSocketResponse) -> None:
    """Says yes to a hello and then takes what comes."""
    await line.send_str('{"ok": true}')
    async for _ in line:
        pass


async def test_a_long_book_is_spread_over_lines_and_one_more_contract_changes_one_of_them(
    server: Server, world: World
) -> None:
    lists(server, *(f"C{n}-PERP" for n in range(5)))
    ends = Line(answered)
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=replace(CALM, per_line=2)) as book:
        await until(lambda: len(ends.frames) == 3)
        assert sorted(len(said) for said in hellos(ends)) == [1, 2, 2]
        lists(server, *(f"C{n}-PERP" for n in range(6)))
        await book.ask()
        await until(lambda: len(ends.frames) == 4)
        assert len(hellos(ends)[3]) == 2
        assert "C5-PERP" in hellos(ends)[3]
        lists(server, "C0-PERP")
        await book.ask()
        await until(lambda: len(ends.frames) == 5 and ends.open == 1)
    assert hellos(ends)[4] == ["C0-PERP"]


async def test_only_what_a_socket_hears_is_asked_of_it(server: Server, world: World) -> None:
    ends = Line(answered)
    server.routes["/line"] = ends.serve
    halves = replace(CALM, hears=lambda known: known.symbol.startswith("E"))
    async with listening(server, world, socket=halves):
        await until(lambda: ends.frames)
    assert hellos(ends) == [["ETH-PERP"]]


async def test_a_socket_that_hears_none_of_the_contracts_is_not_opened(server: Server, world: World) -> None:
    ends = Line(answered)
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=replace(CALM, hears=lambda _: False)):
        await until(lambda: world.source("forced").why == "none of the watched coins is told here")
    assert (ends.opened, world.source("forced").state) == (0, SourceState.WAITING)


async def test_one_broken_line_of_several_is_named_until_it_is_back(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    again = asyncio.Event()

    async def talk(line: web.WebSocketResponse) -> None:
        if "ETH" in ends.frames[-1] and not again.is_set():
            await line.close(code=1001)
            return
        await line.send_str(FORCED_FRAME)
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    often = replace(FORCED, per_line=1)
    async with listening(server, world, socket=often):
        await until(lambda: world.told and world.source("forced").state is SourceState.LOST)
        await until(lambda: ends.frames.count("ping") > 2)  # the other one lives
        assert world.source("forced").why.startswith("1 of 2 lines: no answer: closed the line")
        again.set()
        await until(lambda: world.source("forced").state is SourceState.FRESH)
    assert events(caplog) == ["source.lost", "source.back"]


async def test_a_line_is_closed_only_after_the_next_one_is_heard(server: Server, world: World) -> None:
    """The first goes on telling while the second is being opened, and nothing is missed."""
    answer, closed = asyncio.Event(), asyncio.Event()

    async def talk(line: web.WebSocketResponse) -> None:
        if ends.opened == 1:
            await line.send_str(FORCED_FRAME)
            await begun.wait()
            await line.send_str(FORCED_FRAME)
            await ends.listen(line)
            closed.set()
        else:
            begun.set()
            await answer.wait()
            await line.send_str('{"ok": true}')
            await ends.listen(line)

    begun = asyncio.Event()
    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=CALM) as book:
        await until(lambda: len(world.told) == 1)
        lists(server, "BTC-PERP", "SOL-PERP")
        await book.ask()
        await until(lambda: len(world.told) == 2)
        assert not closed.is_set()
        answer.set()
        async with asyncio.timeout(2):
            await closed.wait()
        assert ends.open == 1
    assert world.source("forced").why == ""


async def test_a_line_goes_on_while_no_new_one_can_be_opened(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    refused = asyncio.Event()

    async def talk(line: web.WebSocketResponse) -> None:
        server.routes["/line"] = status(503)
        await line.send_str('{"ok": true}')
        await refused.wait()
        await line.send_str(FORCED_FRAME)
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    short = replace(CALM, lifetime=timedelta(milliseconds=20))
    async with listening(server, world, socket=short):
        await until(lambda: "source.kept" in events(caplog))
        refused.set()
        await until(lambda: world.told)
        assert world.source("forced").state is SourceState.FRESH
    assert "HTTP 503" in caplog.text


async def test_contracts_that_change_while_a_line_is_changed_are_not_forgotten(
    server: Server, world: World
) -> None:
    answer = asyncio.Event()

    def has_said(count: int) -> bool:
        return len(ends.frames) == count

    async def talk(line: web.WebSocketResponse) -> None:
        if ends.opened == 2:
            await answer.wait()
        await answered(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=CALM) as book:
        await until(lambda: ends.opened == 1)
        for names, opened in ((("SOL-PERP",), 2), (("SOL-PERP", "XRP-PERP"), 2)):
            lists(server, *names)
            await book.ask()
            await until(partial(has_said, opened))
        answer.set()
        await until(lambda: len(ends.frames) == 3)
    assert hellos(ends)[1:] == [["SOL-PERP"], ["SOL-PERP", "XRP-PERP"]]


async def test_countkeep_their_distance_and_frames_are_heard_between_them(
    server: Server, world: World
) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        first = loop.time()
        await line.send_str(FORCED_FRAME)
        for _ in range(2):
            ends.frames.append(await line.receive_str())
        distances.append(loop.time() - first)
        heard_between.append(len(world.told))
        await ends.listen(line)

    loop = asyncio.get_running_loop()
    distances: list[float] = []
    heard_between: list[int] = []
    ends = Line(talk)
    server.routes["/line"] = ends.serve

    def one_by_one(book: Book) -> Sequence[str]:
        return [json.dumps({"subscribe": symbol}) for symbol in ("A", "B", "C")]

    slow = replace(CALM, hello=one_by_one, hello_pause=timedelta(milliseconds=40))
    async with listening(server, world, socket=slow):
        await until(lambda: distances)
    assert hellos(ends) == ["A", "B", "C"]
    assert distances[0] > 0.06
    assert heard_between == [1]


def echo(raw: bytes) -> str | None:
    said = decode(raw)
    return json.dumps({"op": "pong", "ts": said["ts"]}) if said.get("op") == "ping" else None


async def test_a_venues_own_ping_is_answered_as_it_wants_in_gzip(server: Server, world: World) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_bytes(gzip.compress(b'{"op": "ping", "ts": "1789676355591"}'))
        ends.frames.append(await line.receive_str())
        await line.send_bytes(gzip.compress(FORCED_FRAME.encode()))
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=replace(CALM, gzipped=True, reply=echo)):
        await until(lambda: world.told)
    assert json.loads(ends.frames[1]) == {"op": "pong", "ts": "1789676355591"}
    assert world.kept == []


async def test_a_frame_that_is_not_gzip_is_kept_and_the_line_goes_on(server: Server, world: World) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_str(FORCED_FRAME)
        await line.send_bytes(gzip.compress(FORCED_FRAME.encode()))
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=replace(CALM, gzipped=True)):
        await until(lambda: world.told)
    assert "not gzip" in world.kept[0].detail
    assert ends.opened == 1


def numbers(raw: bytes) -> Sequence[tuple[str, int]]:
    said = decode(raw)
    return [("forced", said["n"])] if "n" in said else []


async def test_a_gap_in_the_numbers_is_counted_and_told_once_a_line(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        for n in (1, 2, 5, 6, 9) if ends.opened == 1 else (4000, 4001):
            await line.send_str(json.dumps({"n": n}))
        if ends.opened == 1:
            await line.close(code=1001)
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=replace(CALM, numbered=numbers)):
        await until(lambda: ends.opened == 2 and world.source("forced").gaps == 4)
        await until(lambda: len(ends.frames) == 2)
    assert world.source("forced").gaps == 4
    assert [event for event in events(caplog) if event == "source.gap"] == ["source.gap"]
    assert "left out 2 messages of forced" in caplog.text


async def test_a_flood_of_frames_leaves_the_others_their_turns(server: Server, world: World) -> None:
    async def flood(line: web.WebSocketResponse) -> None:
        for _ in range(5000):
            await line.send_str(FORCED_FRAME)
        await ends.listen(line)

    async def count() -> None:
        while True:
            before = len(world.told)
            await asyncio.sleep(0)
            at_once.append(len(world.told) - before)

    at_once: list[int] = []
    ends = Line(flood)
    server.routes["/line"] = ends.serve
    counting = asyncio.create_task(count())
    async with listening(server, world, socket=CALM):
        await until(lambda: len(world.told) == 5000, within=10)
    counting.cancel()
    assert max(at_once) <= 20


async def test_lines_are_opened_one_by_one(server: Server, world: World) -> None:
    lists(server, *(f"C{n}-PERP" for n in range(4)))
    ends = Line(answered)
    server.routes["/line"] = ends.serve
    turnstile = Turnstile(0.5, lambda: 100.0, world.sleep)
    async with listening(server, world, socket=replace(CALM, per_line=1), turnstiles=[turnstile]):
        await until(lambda: ends.opened == 4)
    assert world.slept == [0.5, 1.0, 1.5]


async def test_figures_are_heard_too(server: Server, world: World) -> None:
    def parse(raw: bytes, book: Book, now: datetime) -> Sequence[Observation]:
        row = decode(raw)
        return [OpenInterest(book[row["s"]], Amount(required(row["oi"], "oi"), Unit.BASE), now, now)]

    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_str('{"s": "BTC-PERP", "oi": "120"}')
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    figures = Socket("figures", FORCED.url, FORCED.hello, parse, None, ping_every=timedelta(seconds=5))
    async with listening(server, world, socket=figures):
        await until(lambda: world.told)
    known = world.source("figures")
    assert (known.state, known.told, known.unproven) == (SourceState.FRESH, 0, False)
    assert world.health.sees()


async def test_a_reply_that_cannot_be_made_is_like_a_frame_that_cannot_be_read(
    server: Server, world: World
) -> None:
    def wrong(raw: bytes) -> str | None:
        raise SourceChanged("what?")

    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_str("{}")
        await ends.listen(line)

    ends = Line(talk)
    server.routes["/line"] = ends.serve
    async with listening(server, world, socket=replace(CALM, reply=wrong)):
        await until(lambda: world.kept)
    assert ends.opened == 1
    assert world.kept[0].detail == "what?"
