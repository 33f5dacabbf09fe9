from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.assets import Asset
from bot.domain.market import Instrument, OpenInterest, Price
from bot.domain.units import Amount, ContractSize, Unit
from bot.exchanges.spec import HOUR, MINUTE, Book, Budget, Poll, Request
from bot.feeds.poll import until_next
from bot.feeds.rotation import FOR_THE_LARGEST, Rotation, Sizes, always, places
from tests.feeds.acme import ACME, ALL, EACH, START, VENUE, Server, World, tickers
from tests.feeds.test_http import status
from tests.feeds.test_poll import one_by_one, polling

TURNS = replace(EACH, rotates=True)


def symbols(count: int) -> list[str]:
    return [f"C{n:03}" for n in range(count)]


def told(symbol: str, coins: int, price: str | None = "1") -> OpenInterest:
    instrument = Instrument(VENUE, symbol, Asset("BTC"))
    told_price = Decimal(price) if price else None
    return OpenInterest(instrument, Amount(Decimal(coins), Unit.BASE), START, START, told_price)


def book(count: int) -> Book:
    return {symbol: Instrument(VENUE, symbol, Asset("BTC")) for symbol in symbols(count)}


def test_a_size_is_known_once_its_price_is() -> None:
    sizes = Sizes()
    sizes.take([told("A", 3, None)])
    assert sizes.usd("A") is None
    sizes.take([Price(told("A", 3).instrument, Decimal(7), START, START)])
    assert sizes.usd("A") == 21
    assert sizes.usd("B") is None


def test_a_size_in_contracts_is_in_dollars() -> None:
    inverse = Instrument(
        VENUE, "I", Asset("BTC"), inverse=True, contract=ContractSize(Decimal(100), Unit.QUOTE)
    )
    sizes = Sizes()
    sizes.take([OpenInterest(inverse, Amount(Decimal(5), Unit.CONTRACTS), START, START)])
    assert sizes.usd("I") == 500


def test_all_are_asked_where_all_can_be() -> None:
    assert Rotation(Sizes()).choose(symbols(5), 5) == symbols(5)


def rounds(rotation: Rotation, count: int, room: int, times: int) -> list[list[str]]:
    chosen = []
    for _ in range(times):
        chosen.append(list(rotation.choose(symbols(count), room)))
        for symbol in chosen[-1]:
            rotation.asked(symbol)
    return chosen


def test_what_was_never_asked_goes_first_and_then_the_largest_come_every_round() -> None:
    sizes = Sizes()
    rotation = Rotation(sizes)
    first, second = rounds(rotation, 12, 8, 2)
    assert sorted({*first, *second}) == symbols(12)
    sizes.take([told(symbol, 100 - n) for n, symbol in enumerate(symbols(12))])
    later = rounds(rotation, 12, 8, 4)
    assert all(chosen[:4] == symbols(4) for chosen in later)  # 8 places: 4 always, 8 others in 2 rounds
    for two in pairwise(later):
        assert {*two[0], *two[1]} == set(symbols(12))


def test_one_that_was_not_reached_is_the_first_of_the_next_round() -> None:
    rotation = Rotation(Sizes())
    chosen = rotation.choose(symbols(4), 2)
    rotation.asked(chosen[0])  # the round was cut before the second
    assert chosen[1] in rotation.choose(symbols(4), 2)[:1]


@settings(deadline=None)
@given(st.integers(1, 120), st.integers(1, 120))
def test_every_contract_is_asked_within_a_few_rounds(count: int, room: int) -> None:
    if count <= room:
        return
    largest = always(count, room)
    assert room // FOR_THE_LARGEST <= largest < room or room == 1
    within = math.ceil((count - largest) / (room - largest))
    sizes = Sizes()
    sizes.take([told(symbol, 1000 - n) for n, symbol in enumerate(symbols(count))])
    rotation = Rotation(sizes)
    asked = rounds(rotation, count, room, 2 * within)
    assert all(len(chosen) == room for chosen in asked)
    for begin in range(within + 1):
        window = {symbol for chosen in asked[begin : begin + within] for symbol in chosen}
        assert window == set(symbols(count))


def test_a_poll_that_rotates_stays_inside_what_the_others_leave() -> None:
    heavy = Poll("prices", MINUTE, lambda _: [Request("/prices", weight=40)], ALL.parse)
    rare = Poll("volume", 5 * MINUTE, lambda _: [Request("/volume", weight=100)], ALL.parse)
    standing_in = replace(heavy, name="spare", stands_in_for="prices")
    listing = replace(ACME.book, every=HOUR, requests=lambda: [Request("/contracts", weight=60)])
    exchange = replace(
        ACME,
        polls=(heavy, TURNS, rare, standing_in),
        budget=Budget(50, 20 * timedelta(seconds=1)),
        book=listing,
    )
    # 150 a minute, of which 120 are usable, less 40, 100 / 5 and 60 / 60.
    assert places(exchange, TURNS, book(500), 500) == 59
    assert places(exchange, TURNS, book(50), 50) == 50


def test_polls_that_rotate_share_by_what_they_need() -> None:
    def some(first: str) -> Poll:
        def requests(book: Book) -> Sequence[Request]:
            return [Request("/x") for symbol in book if symbol.startswith(first)]

        return replace(TURNS, requests=requests)

    many, few = some("C"), some("D")
    exchange = replace(
        ACME, polls=(many, few), budget=Budget(125, MINUTE), book=replace(ACME.book, requests=list)
    )
    both = {**book(150), **{f"D{n}": known for n, known in enumerate(book(50).values())}}
    assert (places(exchange, many, both, 150), places(exchange, few, both, 50)) == (75, 25)


def test_there_is_always_room_for_one() -> None:
    exchange = replace(ACME, polls=(ALL, TURNS), budget=Budget(1, HOUR))
    assert places(exchange, TURNS, book(10), 10) == 1


async def test_a_round_of_a_poll_that_rotates_is_within_its_budget(server: Server, world: World) -> None:
    names = [f"C{n:02}-PERP" for n in range(12)]
    one_by_one(server, names)
    exchange = replace(ACME, polls=(TURNS,), budget=Budget(11, MINUTE))  # 8 a round, the book's share aside
    async with polling(server, world, TURNS, exchange=exchange) as feed:
        for _ in range(4):
            assert await feed.run() is None
            world.wall += 60
    assert [batch // 2 for batch in world.batches] == [8, 8, 8, 8]
    asked = [path.partition("=")[2] for path in server.asked if path.startswith("/ticker?")]
    assert sorted(set(asked[:16])) == names
    assert sorted(set(asked[16:])) == names


async def test_a_contract_that_always_fails_takes_no_more_turns_than_others(
    server: Server, world: World
) -> None:
    names = [f"C{n}-PERP" for n in range(6)]
    one_by_one(server, names)
    good = server.routes["/ticker"]

    async def ticker(request: web.Request) -> web.StreamResponse:
        return await (status(400) if request.query["s"] == "C0-PERP" else good)(request)

    server.routes["/ticker"] = ticker
    exchange = replace(ACME, polls=(TURNS,), budget=Budget(4, MINUTE))  # 3 a round
    async with polling(server, world, TURNS, exchange=exchange) as feed:
        for _ in range(4):
            await feed.run()
            world.wall += 60
    assert sum("C0-PERP" in path for path in server.asked) == 2


async def test_contracts_that_a_poll_does_not_ask_for_take_no_turn(server: Server, world: World) -> None:
    one_by_one(server, ["A-PERP", "B-PERP"])

    def only_b(book: Book) -> Sequence[Request]:
        return [Request("/ticker", {"s": symbol}) for symbol in book if symbol == "B-PERP"]

    async with polling(server, world, replace(TURNS, requests=only_b)) as feed:
        await feed.run()
    assert server.asked[1:] == ["/ticker?s=B-PERP"]


async def test_a_cut_round_goes_on_with_those_it_did_not_reach(server: Server, world: World) -> None:
    names = [f"C{n:02}-PERP" for n in range(40)]
    one_by_one(server, names)
    good, heard = server.routes["/ticker"], 0

    async def ticker(request: web.Request) -> web.StreamResponse:
        nonlocal heard
        heard += 1
        return await (status(429, Retry_After="5") if heard > 10 else good)(request)

    server.routes["/ticker"] = ticker
    exchange = replace(ACME, polls=(TURNS,), budget=Budget(26, MINUTE))
    async with polling(server, world, TURNS, exchange=exchange) as feed:
        await feed.run()
        first = {one.instrument.symbol for one in world.told if isinstance(one, OpenInterest)}
        heard, world.wall = -1000, world.wall + 60
        world.told.clear()
        await feed.run()
        second = {one.instrument.symbol for one in world.told if isinstance(one, OpenInterest)}
    assert len(first) == 10
    assert first.isdisjoint(second)


@pytest.mark.parametrize(
    ("now", "wait"),
    [("00:00", 90), ("01:30", 11 * 60), ("13:00", 12 * 60 + 30), ("12:29", 1)],
)
def test_the_next_of_several_times_of_day(now: str, wait: int) -> None:
    at = datetime.combine(datetime(2026, 3, 1, tzinfo=UTC), time.fromisoformat(now), UTC)
    assert until_next((time(12, 30), time(1, 30)), at) == wait * MINUTE


async def test_a_poll_with_times_of_day_waits_for_the_next(server: Server, world: World) -> None:
    daily = replace(ALL, every=24 * HOUR, at=(time(21, 30), time(9, 0)))
    async with polling(server, world, daily) as feed:
        assert await feed.run() == 30 * MINUTE
        world.speed = 60
    async with polling(server, world, daily) as feed:
        assert await feed.run() == MINUTE / 2
        server.routes["/tickers"] = status(500)
        assert await feed.run() == HOUR / 60


async def test_a_refusal_puts_a_poll_with_times_of_day_off_for_the_day(server: Server, world: World) -> None:
    daily = replace(ALL, every=24 * HOUR, at=(time(21, 30), time(9, 0)))
    server.routes["/tickers"] = status(403)
    async with polling(server, world, daily) as feed:
        assert await feed.run() == 24 * HOUR


async def test_a_poll_that_stands_in_waits_until_the_other_fails(server: Server, world: World) -> None:
    async def nothing(request: web.Request) -> web.Response:
        return tickers()

    async with (
        polling(server, world) as first,
        polling(server, world, replace(ALL, name="spare"), stands_in_for=first) as spare,
    ):
        assert await spare.run() is None
        assert server.count("/tickers") == 0  # the other was not asked yet
        await first.run()
        await spare.run()
        assert server.count("/tickers") == 1
        server.routes["/tickers"] = nothing  # an answer that tells nothing is none
        await first.run()
        await spare.run()
        assert server.count("/tickers") == 3


async def test_a_venues_own_headers_are_sent(server: Server, world: World) -> None:
    async with polling(server, world, exchange=replace(ACME, headers={"X-Gate-Size-Decimal": "1"})) as feed:
        await feed.run()
    assert {sent.get("X-Gate-Size-Decimal") for sent in server.headers} == {"1"}
