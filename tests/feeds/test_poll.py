from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from aiohttp import web

from bot.domain.assets import Asset
from bot.domain.health import SourceState
from bot.domain.market import OpenInterest, Price
from bot.domain.verdicts import Verdict
from bot.errors import SourceChanged
from bot.exchanges.spec import MINUTE, Answer, Book, BookPoll, Exchange, Poll
from bot.feeds.book import VenueBook
from bot.feeds.contact import EVIDENCE_MOST
from bot.feeds.http import open_http
from bot.feeds.poll import PollFeed
from tests.feeds.acme import ACME, ALL, BTC, EACH, START, Server, World, contracts, parse_tickers, tickers
from tests.feeds.test_http import status

SECOND = timedelta(seconds=1)


@asynccontextmanager
async def polling(
    server: Server,
    world: World,
    poll: Poll = ALL,
    *,
    exchange: Exchange = ACME,
    watched: frozenset[Asset] | None = None,
    stands_in_for: PollFeed | None = None,
) -> AsyncIterator[PollFeed]:
    setting = world.setting
    async with open_http(
        exchange, base_url=server.url, monotonic=setting.monotonic, sleep=world.sleep
    ) as http:
        book = VenueBook(exchange, http, setting, watched)
        assert not book.needed or await book.ask() is None
        yield PollFeed(exchange, poll, http, book, setting, stands_in_for=stands_in_for)


def one_by_one(server: Server, names: list[str]) -> None:
    """A venue that lists ``names`` and has to be asked for each; ``server.asked`` tells the order."""

    async def listed(request: web.Request) -> web.Response:
        return contracts(*names)

    async def ticker(request: web.Request) -> web.Response:
        return tickers(request.query["s"])

    server.routes |= {"/contracts": listed, "/ticker": ticker}


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [getattr(record, "event", "") for record in caplog.records]


async def test_what_a_venue_says_arrives_stamped_with_our_clock(server: Server, world: World) -> None:
    async with polling(server, world) as feed:
        assert await feed.run() is None
    assert [type(told) for told in world.told] == [OpenInterest, Price, OpenInterest, Price]
    assert {told.received for told in world.told if isinstance(told, OpenInterest)} == {START}
    assert world.batches == [4]
    known = world.source("tickers")
    assert (known.state, known.symbols, known.unknown, known.last_answer) == (SourceState.FRESH, 2, 0, START)


async def test_only_watched_coins_are_in_the_book_and_the_others_are_not_unknown(
    server: Server, world: World
) -> None:
    async with polling(server, world, watched=frozenset({BTC})) as feed:
        await feed.run()
    assert {told.instrument.symbol for told in world.told if isinstance(told, OpenInterest)} == {"BTC-PERP"}
    assert world.source("tickers").unknown == 0


async def test_a_venue_without_the_watched_coins_is_not_asked(server: Server, world: World) -> None:
    async with polling(server, world, watched=frozenset({Asset("PEPE")})) as feed:
        assert await feed.run() is None
    assert server.count("/tickers") == 0
    known = world.source("tickers")
    assert (known.state, known.why) == (SourceState.WAITING, "none of the watched coins is listed here")


async def test_a_venue_of_reports_needs_no_book(server: Server, world: World) -> None:
    reports = replace(ACME, book=BookPoll(MINUTE, list, ACME.book.parse))
    async with polling(server, world, exchange=reports) as feed:
        assert await feed.run() is None
    assert server.asked == ["/tickers"]


async def test_an_unknown_symbol_is_counted_and_the_book_asked_again_but_not_all_the_time(
    server: Server, world: World
) -> None:
    async def new_one(request: web.Request) -> web.Response:
        return tickers("BTC-PERP", "NEW-PERP")

    server.routes["/tickers"] = new_one
    async with polling(server, world) as feed:
        await feed.run()
        assert world.source("tickers").unknown == 1
        assert server.count("/contracts") == 1  # it was asked a moment ago
        world.pass_time(timedelta(minutes=10))
        await feed.run()
        assert server.count("/contracts") == 2
        world.pass_time(timedelta(minutes=10))
        await feed.run()
        assert server.count("/contracts") == 2  # the venue does not list it: not asked for its sake again


async def test_a_new_listing_is_heard_after_the_book_was_asked_again(server: Server, world: World) -> None:
    names = ["BTC-PERP"]

    async def listed(request: web.Request) -> web.Response:
        return contracts(*names)

    server.routes["/contracts"] = listed
    async with polling(server, world) as feed:
        names.append("ETH-PERP")
        world.pass_time(timedelta(minutes=10))
        await feed.run()
        await feed.run()
    assert world.batches == [2, 4]


@pytest.mark.parametrize(
    ("code", "header", "state", "words", "wait"),
    [
        (500, {}, SourceState.LOST, "no answer: HTTP 500", MINUTE),
        (429, {"Retry_After": "17"}, SourceState.THROTTLED, "rate limit: too many requests", 17 * SECOND),
        (451, {}, SourceState.BLOCKED, "geo-block", timedelta(hours=1)),
        (404, {}, SourceState.CHANGED, "changed payload: HTTP 404", MINUTE),
    ],
)
async def test_each_fault_has_its_state_its_words_and_its_wait(
    server: Server,
    world: World,
    code: int,
    header: dict[str, str],
    state: SourceState,
    words: str,
    wait: timedelta,
) -> None:
    server.routes["/tickers"] = status(code, **header)
    async with polling(server, world) as feed:
        assert await feed.run() == wait
    known = world.source("tickers")
    assert known.state is state
    assert words in known.why
    assert world.told == []


async def test_waits_grow_to_ten_minutes_and_begin_anew_after_an_answer(server: Server, world: World) -> None:
    good, server.routes["/tickers"] = server.routes["/tickers"], status(500)
    async with polling(server, world) as feed:
        waits = [await feed.run() for _ in range(6)]
        assert [wait / MINUTE for wait in waits if wait] == [1, 2, 4, 8, 10, 10]
        server.routes["/tickers"] = good
        assert await feed.run() is None
        server.routes["/tickers"] = status(500)
        assert await feed.run() == MINUTE


async def test_waits_are_as_fast_as_the_scenario_but_a_throttle_is_real(server: Server, world: World) -> None:
    world.speed = 60
    server.routes["/tickers"] = status(500)
    async with polling(server, world) as feed:
        assert await feed.run() == SECOND
        server.routes["/tickers"] = status(429, Retry_After="17")
        assert await feed.run() == 17 * SECOND


async def test_a_source_is_logged_once_lost_and_once_back(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    good, server.routes["/tickers"] = server.routes["/tickers"], status(500)
    async with polling(server, world) as feed:
        for _ in range(3):
            await feed.run()
        assert events(caplog) == ["source.lost"]
        server.routes["/tickers"] = good
        for _ in range(3):
            await feed.run()
    assert events(caplog) == ["source.lost", "source.back"]
    assert caplog.records[0].__dict__["venue"] == "acme"
    assert caplog.records[0].__dict__["source"] == "tickers"
    assert world.source("tickers").why == ""


@pytest.mark.parametrize(
    "body", ["{", '{"other": 1}', '{"tickers": [{"s": "BTC-PERP", "oi": "x", "mark": "1"}]}']
)
async def test_a_payload_that_is_not_what_we_know_is_kept_as_evidence(
    server: Server, world: World, body: str
) -> None:
    server.routes["/tickers"] = status(200, body + " " * 10_000)
    async with polling(server, world) as feed:
        assert await feed.run() == MINUTE
    assert world.source("tickers").state is SourceState.CHANGED
    assert world.source("tickers").rejected == 1
    (kept,) = world.kept
    assert (kept.venue, kept.what, kept.verdict) == ("acme", "tickers", Verdict.UNREADABLE)
    assert kept.raw.startswith(body)
    assert len(kept.raw) == 4096


async def test_rows_lost_alone_are_counted_and_kept_while_the_others_arrive(
    server: Server, world: World
) -> None:
    def with_bad_rows(raw: bytes, book: Book, now: datetime) -> Answer:
        good = parse_tickers(raw, book, now)
        return replace(good, unreadable=("ETH-PERP: oi is 'x', not a number", "SOL-PERP: no mark"))

    async with polling(server, world, replace(ALL, parse=with_bad_rows)) as feed:
        await feed.run()
    assert world.source("tickers").state is SourceState.FRESH
    assert world.source("tickers").rejected == 2
    assert len(world.told) == 2 * 2
    assert "ETH-PERP: oi is 'x'" in world.kept[0].detail


async def test_evidence_is_cut_wherever_it_comes_from(server: Server, world: World) -> None:
    def verbose(raw: bytes, book: object, now: object) -> Answer:
        raise SourceChanged("what?", evidence="x" * 10_000)

    async with polling(server, world, replace(ALL, parse=verbose)) as feed:
        await feed.run()
    assert world.kept[0].raw == "x" * 4096


async def test_waits_have_some_chance_in_them(server: Server, world: World) -> None:
    server.routes["/tickers"] = status(500)
    for chance, wait in ((0.0, 48), (1.0, 72)):
        world.luck = chance
        async with polling(server, world) as feed:
            assert await feed.run() == timedelta(seconds=wait)


async def test_a_venue_that_changed_does_not_fill_the_disk(server: Server, world: World) -> None:
    server.routes["/tickers"] = status(200, "{")
    async with polling(server, world) as feed:
        for _ in range(20):
            await feed.run()
        assert len(world.kept) == EVIDENCE_MOST
        assert world.source("tickers").rejected == 20
        world.pass_time(timedelta(minutes=10))
        await feed.run()
    assert len(world.kept) == EVIDENCE_MOST + 1


async def test_a_throttle_told_in_a_good_answer_holds_the_whole_venue(server: Server, world: World) -> None:
    server.routes["/tickers"] = status(200, '{"code": "busy"}')
    async with polling(server, world) as feed:
        assert await feed.run() == 7 * SECOND
        world.wall += 3
        assert await feed.run() == 4 * SECOND
        assert server.count("/tickers") == 1


async def test_one_failing_symbol_does_not_lose_the_others(
    server: Server, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bad = {"C3-PERP"}
    one_by_one(server, [f"C{n}-PERP" for n in range(20)])
    good = server.routes["/ticker"]

    async def ticker(request: web.Request) -> web.StreamResponse:
        return await (status(400, "what?") if request.query["s"] in bad else good)(request)

    server.routes["/ticker"] = ticker
    async with polling(server, world, EACH) as feed:
        assert await feed.run() is None
        assert await feed.run() is None
        assert world.batches == [38, 38]  # one batch a round
        assert world.source("each").state is SourceState.FRESH
        assert {kept.raw for kept in world.kept} == {"what?"}
        bad.clear()
        await feed.run()
    assert events(caplog) == ["source.partial", "source.partial"]
    assert "1 of 20 requests failed" in caplog.text


async def test_a_throttle_stops_the_round_and_the_next_begins_where_it_was_cut(
    server: Server, world: World
) -> None:
    one_by_one(server, [f"C{n:02}-PERP" for n in range(60)])
    good, heard = server.routes["/ticker"], 0

    async def ticker(request: web.Request) -> web.StreamResponse:
        nonlocal heard
        heard += 1
        return await (status(429, Retry_After="5") if heard > 30 else good)(request)

    server.routes["/ticker"] = ticker
    async with polling(server, world, EACH) as feed:
        assert await feed.run() == 5 * SECOND
        assert server.count("/ticker") <= 30 + 8
        assert world.batches == [60]  # what was heard before is not lost
        known = world.source("each")
        assert (known.state, known.last_answer) == (SourceState.THROTTLED, START)
        heard = 0
        world.wall += 5
        await feed.run()
    assert len({told.instrument.symbol for told in world.told if isinstance(told, OpenInterest)}) >= 55


async def test_a_venue_that_blocks_is_not_asked_for_every_symbol(server: Server, world: World) -> None:
    one_by_one(server, [f"C{n}-PERP" for n in range(100)])
    server.routes["/ticker"] = status(451)
    async with polling(server, world, EACH) as feed:
        assert await feed.run() == timedelta(hours=1)
    assert server.count("/ticker") <= 8


async def test_a_dead_line_is_given_up_after_a_few_requests(server: Server, world: World) -> None:
    one_by_one(server, [f"C{n}-PERP" for n in range(100)])
    server.routes["/ticker"] = status(503)
    async with polling(server, world, EACH) as feed:
        assert await feed.run() == MINUTE
    assert server.count("/ticker") < 20


async def test_never_more_than_a_few_requests_at_once(server: Server, world: World) -> None:
    one_by_one(server, [f"C{n}-PERP" for n in range(40)])
    good, running, most = server.routes["/ticker"], 0, 0

    async def ticker(request: web.Request) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        answer = await good(request)
        running -= 1
        return answer

    server.routes["/ticker"] = ticker
    async with polling(server, world, EACH) as feed:
        await feed.run()
    assert len(world.told) == 80
    assert most <= 8


async def test_what_data_can_raise_in_a_parser_is_contained(server: Server, world: World) -> None:
    def careless(raw: bytes, book: object, now: object) -> Answer:
        raise KeyError("openInterest")

    async with polling(server, world, replace(ALL, parse=careless)) as feed:
        assert await feed.run() == MINUTE
    assert "KeyError: 'openInterest'" in world.source("tickers").why


@pytest.mark.parametrize("body", ["{", '{"contracts": []}', '{"contracts": 5}'])
async def test_a_book_that_cannot_be_read_leaves_the_old_one(server: Server, world: World, body: str) -> None:
    setting = world.setting
    async with open_http(ACME, base_url=server.url) as http:
        book = VenueBook(ACME, http, setting, None)
        await book.ask()
        server.routes["/contracts"] = status(200, body)
        assert await book.ask() == MINUTE
    assert sorted(book.watched) == ["BTC-PERP", "ETH-PERP"]
    assert world.source("contracts").state is SourceState.CHANGED
    assert world.kept[0].what == "contracts"


async def test_a_newer_book_replaces_the_old_one(server: Server, world: World) -> None:
    async with open_http(ACME, base_url=server.url) as http:
        book = VenueBook(ACME, http, world.setting, None)
        await book.ask()

        async def fewer(request: web.Request) -> web.Response:
            return contracts("ETH-PERP", "SOL-PERP")

        server.routes["/contracts"] = fewer
        assert await book.ask() is None
    assert sorted(book.watched) == ["ETH-PERP", "SOL-PERP"]
    assert world.source("contracts").symbols == 2


async def test_contracts_that_cannot_be_read_are_lost_alone_counted_and_kept(
    server: Server, world: World
) -> None:
    async def odd(request: web.Request) -> web.Response:
        return contracts("BTC-PERP", "?odd", "ETH-PERP", "?stranger")

    server.routes["/contracts"] = odd
    async with open_http(ACME, base_url=server.url) as http:
        book = VenueBook(ACME, http, world.setting, None)
        assert await book.ask() is None
    assert sorted(book.watched) == ["BTC-PERP", "ETH-PERP"]
    assert (world.source("contracts").state, world.source("contracts").rejected) == (SourceState.FRESH, 2)
    assert [(kept.what, kept.detail) for kept in world.kept] == [
        ("contracts", "?odd: what?; ?stranger: what?")
    ]
