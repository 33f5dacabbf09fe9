"""What the simulated venues tell of liquidations, read by the real adapters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import aiohttp
import pytest
from yarl import URL

from bot.domain.market import (
    Liquidation,
    Position,
    Venue,
)
from bot.domain.units import measure
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Socket
from bot.simulator.servers import Address
from tests.simulator.calling import (
    BTC_FEED_SHARES,
    DEADLINE_SECONDS,
    MINUTE,
    WITH_SOCKETS,
    Caller,
    at,
    calling,
)


async def heard(
    caller: Caller, address: Address, socket: Socket, since: datetime, until: datetime
) -> Sequence[Liquidation]:
    """Listen from ``since`` and move market time to ``until``: what the socket tells, and nothing more."""
    book = await caller.book()
    caller.clock.now = since
    url = URL(address.ws_url + URL(socket.url).raw_path_qs)
    told: list[Liquidation] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as line:
        hello = socket.hello(book)
        for frame in hello:
            await line.send_str(frame)
        for _ in hello:
            await line.receive(DEADLINE_SECONDS)
        caller.clock.now = until
        quiet = 0
        while quiet < 5 or not told:
            try:
                message = await line.receive(0.02)
            except TimeoutError:
                quiet += 1
                assert quiet < DEADLINE_SECONDS * 50, "not a single liquidation"
                continue
            quiet = 0
            said = socket.parse(message.data.encode(), book, until)
            told += [one for one in said if isinstance(one, Liquidation)]
    return told


@pytest.mark.parametrize("venue", WITH_SOCKETS)
async def test_the_sockets_of_a_venue_tell_its_part_of_the_peak_minute(venue: str) -> None:
    since = at(21, 15) - timedelta(milliseconds=1)
    told: list[Liquidation] = []
    async with calling(venue, since) as (caller, address):
        for socket in caller.exchange.sockets:
            told += await heard(caller, address, socket, since, since + MINUTE)
    usd = dict.fromkeys(Position, 0.0)
    for one in told:
        if one.instrument.asset == "BTC":
            size = measure(one.amount, one.instrument.contract, float(one.price)).usd
            assert size is not None
            usd[one.position] += size
    assert sum(usd.values()) == pytest.approx(3.21e9 * BTC_FEED_SHARES[venue], rel=1e-5)
    assert usd[Position.LONG] / sum(usd.values()) == pytest.approx(0.84, rel=1e-5)
    assert len({(o.instrument.key, o.at, o.position) for o in told}) == len(told)


@pytest.mark.parametrize("venue", ["bybit", "deribit", "okx"])
async def test_a_socket_answers_the_ping_of_its_adapter(venue: str) -> None:
    async with calling(venue, at(20, 40)) as (caller, address), aiohttp.ClientSession() as session:
        for socket in caller.exchange.sockets:
            assert socket.ping is not None
            async with session.ws_connect(URL(address.ws_url + URL(socket.url).raw_path_qs)) as line:
                await line.send_str(socket.ping)
                answer = await line.receive(DEADLINE_SECONDS)
            assert list(socket.parse(answer.data.encode(), {}, caller.clock.now)) == []


async def test_a_socket_tells_only_what_was_subscribed() -> None:
    socket = EXCHANGES[Venue("bybit")].sockets[0]
    async with calling("bybit", at(21, 15)) as (caller, address):
        whole = await caller.book()
        url = URL(address.ws_url + URL(socket.url).raw_path_qs)
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as line:
            for frame in socket.hello({"ETHUSDT": whole["ETHUSDT"]}):
                await line.send_str(frame)
            await line.receive(DEADLINE_SECONDS)
            caller.clock.now += MINUTE
            message = await line.receive(DEADLINE_SECONDS)
            said = socket.parse(message.data.encode(), whole, caller.clock.now)
    assert [one.instrument.symbol for one in said if isinstance(one, Liquidation)] == ["ETHUSDT"]
