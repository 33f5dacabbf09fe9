from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from aiohttp import web

from bot.domain.health import SourceState
from bot.domain.market import Observation
from bot.errors import SourceChanged
from bot.exchanges.spec import SECOND, Book, Exchange, Socket
from bot.feeds.doctor import SourceReport, ask_once
from bot.feeds.hearing import FeedReport
from tests.feeds.acme import ACME, BTC, FORCED, START, Server, decode, parse_forced
from tests.feeds.test_http import status
from tests.feeds.test_sockets import FORCED_FRAME, Line, Talk

SHORT_S = 0.3
LONG_S = 20.0
"""Ended as soon as something is told."""


def with_sockets(*sockets: Socket) -> Exchange:
    return replace(ACME, sockets=sockets)


async def listen(server: Server, exchange: Exchange, seconds: float) -> SourceReport:
    ws_url = server.url.replace("http", "ws")
    return await ask_once(
        exchange, asset=BTC, clock=lambda: START, base_url=server.url, ws_url=ws_url, listen_s=seconds
    )


async def heard(server: Server, talk: Talk, seconds: float, socket: Socket = FORCED) -> FeedReport:
    server.routes["/line"] = Line(talk).serve
    (feed,) = (await listen(server, with_sockets(socket), seconds)).feeds
    return feed


async def test_a_feed_that_tells_something_ends_the_wait(server: Server) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_str('{"ok": true}')
        await line.send_str(FORCED_FRAME)
        await line.receive()

    feed = await heard(server, talk, LONG_S)
    assert (feed.state, feed.why, feed.told, feed.contracts) == (SourceState.FRESH, "", 1, 2)
    assert feed.subscribed


async def test_calm_and_a_subscription_that_nobody_answers_are_told_apart(server: Server) -> None:
    async def answers(line: web.WebSocketResponse) -> None:
        await line.send_str('{"ok": true}')
        await line.receive()

    async def says_nothing(line: web.WebSocketResponse) -> None:
        await line.receive()

    slow = replace(FORCED, ping_every=FORCED.ping_every * 1000)
    calm = await heard(server, answers, SHORT_S, slow)
    mute = await heard(server, says_nothing, SHORT_S, slow)
    assert (calm.subscribed, calm.told, calm.why) == (True, 0, "")
    assert (mute.subscribed, mute.told, mute.why) == (False, 0, "")


async def test_the_first_word_that_is_not_understood_is_told(server: Server) -> None:
    def strict(raw: bytes, book: Book, now: datetime) -> Sequence[Observation]:
        if "error" in decode(raw):
            raise SourceChanged(f"refused: {decode(raw)['error']}")
        return parse_forced(raw, book, now)

    async def refuses(line: web.WebSocketResponse) -> None:
        await line.send_str('{"error": "no such channel"}')
        await line.receive()

    feed = await heard(server, refuses, SHORT_S, replace(FORCED, parse=strict))
    assert feed.why == "refused: no such channel"


@pytest.mark.parametrize(("code", "state"), [(451, SourceState.BLOCKED), (503, SourceState.LOST)])
async def test_a_line_that_is_refused_says_why(server: Server, code: int, state: SourceState) -> None:
    server.routes["/line"] = status(code)
    (feed,) = (await listen(server, with_sockets(FORCED), SHORT_S)).feeds
    assert (feed.state, feed.subscribed) == (state, False)
    assert feed.why


async def test_only_sockets_that_hear_a_watched_contract_are_opened(server: Server) -> None:
    async def talk(line: web.WebSocketResponse) -> None:
        await line.send_str(FORCED_FRAME)
        await line.receive()

    server.routes["/line"] = Line(talk).serve
    of_btc = replace(FORCED, name="btc", hears=lambda known: known.asset == BTC)
    of_none = replace(FORCED, name="none", hears=lambda _: False)
    report = await listen(server, with_sockets(of_btc, of_none), LONG_S)
    assert [(feed.source, feed.contracts) for feed in report.feeds] == [("btc", 1)]


async def test_figures_are_no_older_for_the_listening(server: Server) -> None:
    async def waits(line: web.WebSocketResponse) -> None:
        await line.receive()

    times = iter(START + n * SECOND for n in range(100))
    first = await ask_once(with_sockets(), asset=BTC, clock=lambda: next(times), base_url=server.url)
    server.routes["/line"] = Line(waits).serve
    times = iter(START + n * SECOND for n in range(100))
    ws_url = server.url.replace("http", "ws")
    then = await ask_once(
        with_sockets(FORCED),
        asset=BTC,
        clock=lambda: next(times),
        base_url=server.url,
        ws_url=ws_url,
        listen_s=SHORT_S,
    )
    assert len(then.feeds) == 1
    assert then.age == first.age


async def test_without_time_to_listen_no_line_is_opened(server: Server) -> None:
    report = await listen(server, with_sockets(FORCED), 0.0)
    assert (report.feeds, server.count("/line")) == ((), 0)
