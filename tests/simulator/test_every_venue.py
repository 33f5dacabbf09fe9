"""Each venue alone, with contracts of its own listing: what it tells equals what its adapter reads."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeGuard

import aiohttp
import pytest
from aiohttp import WSMsgType
from yarl import URL

from bot.domain.market import (
    AccountRatio,
    Funding,
    Instrument,
    Liquidation,
    Observation,
    OpenInterest,
    Price,
    Venue,
    Volume,
)
from bot.domain.units import measure
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Book, Socket
from bot.feeds.http import open_http
from bot.simulator.everything import PEAK, everything
from bot.simulator.forced import Forced, forced
from bot.simulator.scenario import Holding, Scenario
from bot.simulator.servers import Address, serve
from bot.simulator.venues import WIRE_FORMATS
from tests.simulator.calling import DEADLINE_SECONDS, MINUTE, Caller, Hands

PRICES_USD = {"BTC": 113_000.0, "ETH": 4_100.0, "SOL": 190.0, "DOGE": 0.21}
LISTED = [name for name, form in WIRE_FORMATS.items() if form.lists]
POLLED = [name for name in LISTED if not EXCHANGES[Venue(name)].closed]
HEARD = [name for name in POLLED if EXCHANGES[Venue(name)].sockets]
JUST_BEFORE = PEAK - timedelta(milliseconds=1)


@asynccontextmanager
async def alone(venue: str) -> AsyncIterator[tuple[Caller, Address, Scenario]]:
    scenario, clock, exchange = everything(PRICES_USD, [venue]), Hands(PEAK), EXCHANGES[Venue(venue)]
    async with (
        serve(scenario, clock, tick=timedelta(milliseconds=5)) as addresses,
        open_http(exchange, base_url=addresses[venue].base_url, speed=1e6) as http,
    ):
        yield Caller(exchange, http, clock), addresses[venue], scenario


def held(scenario: Scenario, instrument: Instrument) -> Holding:
    (found,) = [
        h for h in scenario.at(PEAK, instrument.venue).holdings if h.contract.symbol == instrument.symbol
    ]
    return found


@pytest.mark.parametrize("venue", POLLED)
async def test_the_book_is_what_is_listed(venue: str) -> None:
    async with alone(venue) as (caller, _, scenario):
        book = await caller.book()
    listed = {contract.symbol: contract for contract in scenario.listed(venue)}
    assert set(book) == set(listed)
    for symbol, instrument in book.items():
        contract = listed[symbol]
        assert (instrument.asset, instrument.inverse) == (contract.coin, contract.inverse)
        assert instrument.expiry == contract.expiry


@pytest.mark.parametrize("venue", POLLED)
async def test_open_interest_is_told_of_every_contract_in_coins(venue: str) -> None:
    async with alone(venue) as (caller, _, scenario):
        said = await caller.observations()
    told = {o.instrument.symbol: coins(o, price_of(said, o.instrument)) for o in said if is_interest(o)}
    assert set(told) == {contract.symbol for contract in scenario.listed(venue)}
    for symbol, amount in told.items():
        instrument = next(o.instrument for o in said if is_interest(o) and o.instrument.symbol == symbol)
        assert amount == pytest.approx(held(scenario, instrument).coins, rel=2e-3)


@pytest.mark.parametrize("venue", POLLED)
async def test_prices_funding_and_volume_are_those_of_the_market(venue: str) -> None:
    async with alone(venue) as (caller, _, scenario):
        said = await caller.observations()
    for one in said:
        if isinstance(one, Funding):
            rate = float(one.rate) / (one.interval / timedelta(hours=8))
            assert rate == pytest.approx(held(scenario, one.instrument).funding_8h, abs=1e-7)
        if isinstance(one, AccountRatio):
            market = held(scenario, one.instrument)
            assert float(one.long_per_short) == pytest.approx(market.long_per_short, rel=1e-3)
        if isinstance(one, Volume):
            market = held(scenario, one.instrument)
            size = measure(one.amount, one.instrument.contract, price_of(said, one.instrument))
            assert size.coins == pytest.approx(market.volume_coins, rel=5e-3)
    for instrument in {o.instrument for o in said if is_interest(o)}:
        assert price_of(said, instrument) == pytest.approx(held(scenario, instrument).price_usd, rel=1e-4)


@pytest.mark.parametrize("venue", HEARD)
async def test_a_minute_of_liquidations_is_told_whole(venue: str) -> None:
    told: list[Liquidation] = []
    expected: list[Forced] = []
    async with alone(venue) as (caller, address, scenario):
        book = await caller.book()
        events = forced(scenario, JUST_BEFORE, PEAK + MINUTE)
        for socket in caller.exchange.sockets:
            if socket.completeness is not None:
                mine = [e for e in events if socket.hears(book[e.contract.symbol])]
                caller.clock.now = JUST_BEFORE
                told += await heard(caller, address, socket, book, len(mine))
                expected += mine
    assert expected
    assert sum(1 for e in expected if e.position == "long") == sum(1 for t in told if t.position == "long")
    for position in ("long", "short"):
        usd = sum(e.usd for e in expected if e.position == position)
        assert sum(dollars(t) for t in told if t.position == position) == pytest.approx(usd, rel=5e-3)


async def heard(
    caller: Caller, address: Address, socket: Socket, book: Book, count: int
) -> Sequence[Liquidation]:
    """Subscribe, let a minute pass, and listen until ``count`` liquidations were told."""
    url = URL(address.ws_url + URL(socket.url).raw_path_qs)
    told: list[Liquidation] = []
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        aiohttp.ClientSession() as session,
        session.ws_connect(url, autoping=False) as line,
    ):
        for frame in socket.hello({k: v for k, v in book.items() if socket.hears(v)}):
            await line.send_str(frame)
        await line.ping(b"subscribed")  # answered only after what was said before it
        subscribed = False
        while not subscribed or len(told) < count:
            message = await line.receive()
            if message.type is WSMsgType.PONG:
                subscribed, caller.clock.now = True, PEAK + MINUTE
            elif message.type is WSMsgType.PING:
                await line.pong(message.data)
            else:
                raw = message.data if message.type is WSMsgType.BINARY else message.data.encode()
                raw = gzip.decompress(raw) if socket.gzipped else raw
                if socket.reply is not None and (reply := socket.reply(raw)) is not None:
                    await line.send_str(reply)
                told += [o for o in socket.parse(raw, book, caller.clock.now) if isinstance(o, Liquidation)]
    return told


def is_interest(one: Observation) -> TypeGuard[OpenInterest]:
    return isinstance(one, OpenInterest)


def price_of(said: Sequence[Observation], instrument: Instrument) -> float:
    """The price of one base unit, told with the amount or apart from it."""
    prices = [
        o.price
        for o in said
        if isinstance(o, Price | OpenInterest) and o.instrument == instrument and o.price is not None
    ]
    assert prices, f"no price of {instrument.symbol}"
    return float(prices[0])


def coins(one: OpenInterest, price_usd: float) -> float:
    known = one.instrument
    size = measure(one.amount, known.contract, price_usd, known.coins_per_base)
    assert size.coins is not None
    return size.coins


def dollars(one: Liquidation) -> float:
    known = one.instrument
    size = measure(one.amount, known.contract, float(one.price), known.coins_per_base)
    assert size.usd is not None
    return size.usd


async def test_gate_remembers_what_was_liquidated_as_it_was_told() -> None:
    scenario, now, step = everything(PRICES_USD, ["gate", "bybit"]), PEAK + 2 * MINUTE, 5 * MINUTE
    exchange = EXCHANGES[Venue("gate")]
    history = exchange.history
    assert history is not None
    assert history.liquidated is not None
    async with (
        serve(scenario, Hands(now)) as addresses,
        open_http(exchange, base_url=addresses["gate"].base_url, speed=1e6) as http,
    ):
        book = await Caller(exchange, http, Hands(now)).book()
        for symbol in ("BTC_USDT", "BTC_USD", "ETH_USDT"):
            (request,) = history.requests(book[symbol], PEAK - 4 * step, now)
            told = history.liquidated(await http.fetch(request), book[symbol])
            assert [one.at for one in told] == [PEAK + n * step for n in range(-4, 1) for _ in range(2)]
            for one in told:
                heard = [
                    event
                    for event in forced(scenario, one.at, min(one.at + step, now))
                    if (event.contract.symbol, event.position) == (symbol, one.position)
                ]
                assert one.usd == pytest.approx(sum(event.usd for event in heard), rel=1e-6)
                assert one.coins == pytest.approx(sum(event.coins for event in heard), rel=0.1)
                assert heard
