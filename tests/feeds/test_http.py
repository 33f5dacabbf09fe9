from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bot.errors import SourceBlocked, SourceChanged, SourceError, SourceThrottled, SourceUnreachable
from bot.exchanges.spec import MINUTE, Budget, Request
from bot.feeds.http import FAULTS, LONGEST_BAN, Limits, open_http, retry_after, translate
from tests.feeds.acme import ACME, Handler, Server, World, raw_serving

ASK = Request("/x")
SHORT = Limits(total=timedelta(milliseconds=80), connect=timedelta(milliseconds=80))


def status(code: int, text: str = "", **headers: str) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(
            status=code, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return answer


async def fetch(url: str, request: Request = ASK, limits: Limits | None = None) -> bytes:
    async with open_http(ACME, base_url=url, limits=limits) as http:
        return await http.fetch(request)


async def test_a_request_carries_its_parameters_and_who_asks(server: Server) -> None:
    server.routes["/x"] = status(200, "yes")
    assert await fetch(server.url + "/", Request("/x", {"symbol": "BTC/USD"})) == b"yes"
    assert server.asked == ["/x?symbol=BTC/USD"]
    assert server.headers[0]["User-Agent"].startswith("washout/")
    assert "gzip" in server.headers[0]["Accept-Encoding"]


async def test_another_address_of_the_venue_is_asked_unless_one_stands_for_all(server: Server) -> None:
    server.routes["/x"] = status(200, "yes")
    nowhere = "http://127.0.0.1:9"
    async with open_http(replace(ACME, base_url=nowhere)) as http:
        assert await http.fetch(Request("/x", host=server.url)) == b"yes"
    assert await fetch(server.url, Request("/x", host=nowhere)) == b"yes"


async def test_a_body_makes_it_a_post_of_json(server: Server) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=f"{request.method} {request.content_type} ".encode() + await request.read())

    server.routes["/x"] = echo
    assert await fetch(server.url, Request("/x", body=b"{}")) == b"POST application/json {}"


async def test_gzip_is_undone(server: Server) -> None:
    async def packed(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"small"), headers={"Content-Encoding": "gzip"})

    server.routes["/x"] = packed
    assert await fetch(server.url) == b"small"


@pytest.mark.parametrize("announced", [True, False])
async def test_a_huge_answer_is_refused_before_it_is_whole(server: Server, announced: bool) -> None:
    sent = 0

    async def huge(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Length": str(2**40)} if announced else {})
        await response.prepare(request)
        try:
            for _ in range(100_000):
                await response.write(b"x" * 65536)
                sent += 65536
        except ConnectionError:
            pass
        return response

    server.routes["/x"] = huge
    with pytest.raises(SourceChanged, match="more than 256 KiB"):
        await fetch(server.url, limits=Limits(body_bytes=256 * 1024))
    assert sent < 64 * 2**20


async def test_a_small_packet_that_unpacks_to_a_huge_one_is_refused(server: Server) -> None:
    async def bomb(request: web.Request) -> web.Response:
        body = zlib.compress(b"\0" * (8 * 2**20))
        return web.Response(body=body, headers={"Content-Encoding": "deflate"})

    server.routes["/x"] = bomb
    with pytest.raises(SourceChanged):
        await fetch(server.url, limits=Limits(body_bytes=2**20))


async def test_a_slow_answer_is_given_up(server: Server) -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    server.routes["/x"] = never
    with pytest.raises(SourceUnreachable, match="time limit"):
        await fetch(server.url, limits=SHORT)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", SourceUnreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", SourceUnreachable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", SourceUnreachable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", SourceChanged),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", SourceUnreachable),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", SourceChanged),
        (b"HTTP/1.1 200 OK\r\nA: " + b"a" * 20_000 + b"\r\n\r\n", SourceChanged),
    ],
    ids=["nothing", "half a body", "half a chunk", "bad chunk", "bad gzip", "not HTTP", "endless header"],
)
async def test_a_broken_answer_is_a_source_error(answer: bytes, kind: type[SourceError]) -> None:
    async with raw_serving(answer) as url:
        with pytest.raises(SourceError) as caught:
            await fetch(url)
    assert type(caught.value) is kind


async def test_a_refused_connection_says_so() -> None:
    async with raw_serving() as url:
        pass
    with pytest.raises(SourceUnreachable, match="refused or there is no network"):
        await fetch(url)


async def test_an_address_that_is_none_is_a_source_error() -> None:
    with pytest.raises(SourceUnreachable, match="address"):
        await fetch("ftp://nowhere")
    with pytest.raises(SourceUnreachable, match="address"):
        await fetch("http://")


def below(cls: type[Exception]) -> Iterator[type[Exception]]:
    yield cls
    for child in cls.__subclasses__():
        yield from below(child)


NEVER_OURS = {"ClientError", "UploadAbortedError"}
"""The root itself, and what only a streamed upload can raise."""


def test_every_error_of_aiohttp_has_its_own_words() -> None:
    for cls in {*below(aiohttp.ClientError), *below(HttpProcessingError)}:
        if cls.__name__ in NEVER_OURS:
            continue
        nearest = next(known for known in cls.__mro__ if known in FAULTS)
        assert nearest is not aiohttp.ClientError, f"{cls.__name__} is not classified"


def test_the_nearest_class_gives_the_words() -> None:
    assert "no connection within" in str(translate(aiohttp.ConnectionTimeoutError()))
    assert "within the time limit" in str(translate(TimeoutError()))


@pytest.mark.parametrize("code", [403, 451])
async def test_a_refusal_is_read_by_the_venue(server: Server, code: int) -> None:
    server.routes["/x"] = status(code, "<html>no</html>")
    with pytest.raises(SourceBlocked) as caught:
        await fetch(server.url)
    assert caught.value.evidence == "<html>no</html>"


async def test_a_refusal_cut_short_is_still_a_refusal() -> None:
    async with raw_serving(b"HTTP/1.1 451 No\r\nContent-Length: 100\r\n\r\n{") as url:
        with pytest.raises(SourceBlocked) as caught:
            await fetch(url)
    assert caught.value.evidence == "{"


async def test_a_refusal_in_pieces_is_read_whole(server: Server) -> None:
    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=403)
        await response.prepare(request)
        for piece in (b"access ", b"too ", b"frequent"):
            await response.write(piece)
            await asyncio.sleep(0.01)
        return response

    server.routes["/x"] = pieces
    with pytest.raises(SourceBlocked) as caught:
        await fetch(server.url)
    assert caught.value.evidence == "access too frequent"


async def test_a_throttle_without_a_header_waits_as_the_venue_file_says(server: Server) -> None:
    server.routes["/x"] = status(429)
    with pytest.raises(SourceThrottled) as caught:
        await fetch(server.url)
    assert caught.value.retry_after == timedelta(seconds=60)


@pytest.mark.parametrize("code", [429, 503])
async def test_retry_after_in_seconds_is_honoured(server: Server, code: int) -> None:
    server.routes["/x"] = status(code, Retry_After="11")
    with pytest.raises(SourceThrottled) as caught:
        await fetch(server.url)
    assert caught.value.retry_after == timedelta(seconds=11)


async def test_retry_after_as_a_date_is_honoured(server: Server) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    server.routes["/x"] = status(429, Retry_After=date)
    with pytest.raises(SourceThrottled) as caught:
        await fetch(server.url)
    assert timedelta(seconds=85) < caught.value.retry_after <= timedelta(seconds=91)


def test_a_date_is_compared_with_the_answers_own_date() -> None:
    headers = {"Retry-After": "Fri, 10 Oct 2025 21:00:30 GMT", "Date": "Fri, 10 Oct 2025 21:00:00 GMT"}
    assert retry_after(headers, datetime(2030, 1, 1, tzinfo=UTC)) == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("0", timedelta(seconds=1)),
        ("9" * 40, LONGEST_BAN),
        ("Fri, 10 Oct 2025 20:00:00 GMT", timedelta(seconds=1)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_odd_retry_after_headers(header: str, wait: timedelta | None) -> None:
    assert retry_after({"Retry-After": header}, datetime(2025, 10, 10, 21, tzinfo=UTC)) == wait


async def test_while_a_venue_asked_to_wait_nothing_is_sent(server: Server, world: World) -> None:
    server.routes["/x"] = status(429, Retry_After="11")
    async with open_http(ACME, base_url=server.url, monotonic=lambda: world.wall) as http:
        with pytest.raises(SourceThrottled):
            await http.fetch(ASK)
        world.wall += 4
        with pytest.raises(SourceThrottled) as caught:
            await http.fetch(Request("/tickers"))
        assert caught.value.retry_after == timedelta(seconds=7)
        assert server.asked == ["/x"]
        world.wall += 7
        assert await http.fetch(Request("/tickers"))


async def test_the_budget_is_never_exceeded(server: Server, world: World) -> None:
    server.routes["/x"] = status(200)
    frugal = replace(ACME, budget=Budget(10, MINUTE))
    async with open_http(
        frugal, base_url=server.url, monotonic=lambda: world.wall, sleep=world.sleep
    ) as http:
        await http.fetch(Request("/x", weight=4))
        world.wall += 20
        await http.fetch(Request("/x", weight=6))
        assert world.slept == []
        await http.fetch(Request("/x", weight=4))
        assert world.slept == [40.0]
        await http.fetch(Request("/x", weight=99))  # heavier than all of it: waits until all is free
        assert world.slept == [40.0, 60.0]


async def test_a_played_scenario_spends_its_budget_as_fast_as_its_time(server: Server, world: World) -> None:
    server.routes["/x"] = status(200)
    frugal = replace(ACME, budget=Budget(1, MINUTE))
    async with open_http(
        frugal, base_url=server.url, speed=60, monotonic=lambda: world.wall, sleep=world.sleep
    ) as http:
        await http.fetch(ASK)
        await http.fetch(ASK)
    assert world.slept == [1.0]


async def test_a_redirect_is_followed_on_the_same_host_only(server: Server) -> None:
    server.routes["/x"] = status(302, Location="/y")
    server.routes["/y"] = status(200, "moved")
    assert await fetch(server.url) == b"moved"
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    server.routes["/x"] = status(302, Location=elsewhere + "/y")
    server.asked.clear()
    with pytest.raises(SourceChanged, match="sending to localhost"):
        await fetch(server.url)
    assert server.asked == ["/x"]


@pytest.mark.parametrize("target", ["/x", "/x?again", "http://[", ""])
async def test_a_redirect_that_leads_nowhere_ends(server: Server, target: str) -> None:
    server.routes["/x"] = status(302, Location=target)
    with pytest.raises(SourceChanged):
        await fetch(server.url)
    assert len(server.asked) <= 4
