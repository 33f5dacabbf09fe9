"""What every stream of observations keeps: order, nothing twice, nothing lost, bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio

from bot.domain.market import Observation
from bot.domain.natural import asset_of, natural_id
from bot.ports_fleet import Inlet, Loan, Outlet, Parcel
from tests.storage.streams import Opened, all_taken, jetstream, local, told

KINDS = ("queue", "jetstream")


@asynccontextmanager
async def opened(request: pytest.FixtureRequest, *, small: bool) -> AsyncIterator[Opened]:
    if request.param == "queue":
        async with local(small=small) as stream:
            yield stream
    else:
        async with jetstream(request.getfixturevalue("nats"), small=small) as stream:
            yield stream


@pytest_asyncio.fixture(params=KINDS)
async def stream(request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    async with opened(request, small=False) as one:
        yield one


@pytest_asyncio.fixture(params=KINDS)
async def small(request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    async with opened(request, small=True) as one:
        yield one


async def next_with(inlet: Inlet, said: Observation, within_s: float = 10) -> Loan[Parcel]:
    """The next loan that holds ``said``; what else comes is given back as done."""
    async with asyncio.timeout(within_s):
        while True:
            loan = await inlet.take(within_s)
            if loan is not None and said in loan.item.said:
                return loan
            if loan is not None:
                await loan.done()


async def test_each_coin_comes_in_the_order_in_which_it_was_put(stream: Opened) -> None:
    async with stream.outlet("a") as out:
        for number in range(300):
            await out.put([told("BTC", number), told("ETH", number)])
        taken = await all_taken(stream.inlet, 600)
    for asset in ("BTC", "ETH"):
        assert [said for said in taken if asset_of(said) == asset] == [told(asset, n) for n in range(300)]


async def test_what_two_collectors_hear_of_one_venue_is_taken_once(stream: Opened) -> None:
    async with stream.outlet("a") as one, stream.outlet("b") as other:
        for number in range(50):
            await one.put([told("BTC", number)])
            await other.put([told("BTC", number)])
        await one.put([told("BTC", 50)])
        taken = await all_taken(stream.inlet, 51)
    assert sorted(taken, key=natural_id) == [told("BTC", number) for number in range(51)]


async def test_full_makes_who_puts_wait_and_loses_nothing(small: Opened) -> None:
    """However slowly it is taken, no more is held than there is room for."""
    most, total, put, taken = 0, 3_000, 0, 0

    async def fill(out: Outlet) -> None:
        nonlocal put
        for number in range(0, total, 10):
            await out.put([told("BTC", n) for n in range(number, number + 10)])
            put += 10

    async with small.outlet("a") as out:
        filling = asyncio.create_task(fill(out))
        came: list[Observation] = []
        while taken < total:
            loan = await small.inlet.take(10)
            assert loan is not None
            most = max(most, put - taken)
            came.extend(loan.item.said)
            taken = len(came)
            await loan.done()
        await filling
    assert came == [told("BTC", n) for n in range(total)]
    assert most < total / 3


async def test_a_batch_larger_than_there_is_room_passes_alone(small: Opened) -> None:
    batch = [told("BTC", n) for n in range(100)]
    async with small.outlet("a") as out:
        await out.put(batch)
        assert await all_taken(small.inlet, 100) == batch


async def test_what_is_given_back_comes_again_and_not_before_its_time(stream: Opened) -> None:
    loop, first, second = asyncio.get_running_loop(), told("BTC", 1), told("BTC", 2)
    async with stream.outlet("a") as out:
        await out.put([first])
        loan = await next_with(stream.inlet, first)
        began = loop.time()
        await loan.again(timedelta(seconds=0.7))
        await out.put([second])
        await (await next_with(stream.inlet, second)).done()
        await (await next_with(stream.inlet, first)).done()
    assert loop.time() - began >= 0.7


async def test_what_nobody_can_use_is_set_aside_with_the_reason(stream: Opened) -> None:
    bad, good = told("BTC", 1), told("BTC", 2)
    async with stream.outlet("a") as out:
        await out.put([bad])
        await (await next_with(stream.inlet, bad)).drop("no number:\nNaN")
        await out.put([good])
        taken = await all_taken(stream.inlet, 1)
    assert taken == [good]
    assert [" ".join(reason.split()) for reason in await stream.reasons()] == ["no number: NaN"]


async def test_nothing_put_is_nothing_to_take(stream: Opened) -> None:
    async with stream.outlet("a") as out:
        await out.put([])
        loan = await stream.inlet.take(0)
        assert loan is None or not loan.item.said
