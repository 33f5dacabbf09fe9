"""What the simulated venues say, read by the real adapters over real HTTP and websockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from yarl import URL

from bot.domain.market import (
    Funding,
    Instrument,
    Liquidation,
    Observation,
    OpenInterest,
    Position,
    Price,
    Report,
    Venue,
    Volume,
)
from bot.domain.units import measure
from bot.errors import ConfigError, SourceChanged, SourceError, SourceThrottled, SourceUnreachable
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Book, Exchange, Request, Socket
from bot.feeds.http import VenueHttp, open_http
from bot.simulator.faults import SKEW, Fault, Faults
from bot.simulator.scenario import named
from bot.simulator.servers import Address, serve
from bot.simulator.venues import WIRE_FORMATS

OCTOBER = named("october-2025")
MINUTE = timedelta(minutes=1)
DEADLINE_SECONDS = 10
LIVE = sorted(OCTOBER.venues)
WITH_HISTORY = [venue for venue in LIVE if EXCHANGES[Venue(venue)].history]
WITH_SOCKETS = [venue for venue in LIVE if EXCHANGES[Venue(venue)].sockets]
BTC_FEED_SHARES = OCTOBER.script.liquidation_feeds


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2025, 10, 10, hour, minute, second, tzinfo=UTC)


@dataclass
class Hands:
    """A market clock moved by hand."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Caller:
    """Asks one simulated venue as the feeds do."""

    exchange: Exchange
    http: VenueHttp
    clock: Hands

    async def book(self) -> Book:
        asked = [await self.http.fetch(request) for request in self.exchange.book.requests()]
        return {k: v for body in asked for k, v in self.exchange.book.parse(body).items()}

    async def observations(self) -> Sequence[Observation]:
        book = await self.book()
        said: list[Observation] = []
        for poll in self.exchange.polls:
            for request in poll.requests(book):
                answer = poll.parse(await self.http.fetch(request), book, self.clock.now)
                assert not answer.unreadable
                said += answer.observations
        return said


@asynccontextmanager
async def calling(
    venue: str, now: datetime, faults: Faults | None = None
) -> AsyncIterator[tuple[Caller, Address]]:
    clock, exchange = Hands(now), EXCHANGES[Venue(venue)]
    async with (
        serve(OCTOBER, clock, faults=faults, tick=timedelta(milliseconds=5)) as addresses,
        open_http(exchange, base_url=addresses[venue].base_url, speed=1e6) as http,
    ):
        yield Caller(exchange, http, clock), addresses[venue]


def coins_of(observations: Iterable[Observation], asset: str) -> float:
    """Coins as the rest of the program counts them, at the newest price of each contract."""
    said = list(observations)
    prices = {o.instrument.symbol: o.price for o in said if isinstance(o, Price)}
    total = 0.0
    for told in said:
        if isinstance(told, OpenInterest) and told.instrument.asset == asset:
            price = told.price or prices[told.instrument.symbol]
            coins = measure(told.amount, told.instrument.contract, float(price)).coins
            assert coins is not None
            total += coins
    return total


def test_every_venue_of_the_program_is_simulated() -> None:
    assert set(WIRE_FORMATS) == set(EXCHANGES)


@pytest.mark.parametrize("asset", ["BTC", "ETH"])
@pytest.mark.parametrize("now", [at(20, 50), at(21, 16, 40), at(21, 31)], ids=lambda t: f"{t:%H%M}")
@pytest.mark.parametrize("venue", LIVE)
async def test_a_venue_tells_the_coins_of_the_scenario(venue: str, now: datetime, asset: str) -> None:
    async with calling(venue, now) as (caller, _):
        told = coins_of(await caller.observations(), asset)
    assert told == pytest.approx(OCTOBER.at(now).coins(asset, venue), rel=1e-6)


@pytest.mark.parametrize("venue", LIVE)
async def test_a_venue_tells_each_contract_as_it_is_listed(venue: str) -> None:
    async with calling(venue, at(20, 50)) as (caller, _):
        book = await caller.book()
    listed = {c.symbol: c for c in OCTOBER.listed(venue)}
    assert set(book) == set(listed)
    for symbol, instrument in book.items():
        assert instrument.asset == listed[symbol].coin
        assert instrument.inverse is listed[symbol].inverse
        assert instrument.expiry == listed[symbol].expiry


@pytest.mark.parametrize("venue", LIVE)
async def test_a_venue_tells_price_funding_and_volume(venue: str) -> None:
    now = at(21, 31)
    async with calling(venue, now) as (caller, _):
        said = await caller.observations()
    perpetual = {c.symbol for c in OCTOBER.listed(venue) if c.expiry is None}
    for contract in OCTOBER.listed(venue):
        mine = [o for o in said if not isinstance(o, Report) and o.instrument.symbol == contract.symbol]
        held = OCTOBER.holding(contract, now)
        prices = [o.price for o in mine if isinstance(o, (Price, OpenInterest)) and o.price is not None]
        assert [float(p) for p in prices] == pytest.approx([held.price_usd] * len(prices), rel=1e-7)
        assert prices
        (volume,) = [o for o in mine if isinstance(o, Volume)]
        size = measure(volume.amount, volume.instrument.contract, held.price_usd)
        assert size.coins == pytest.approx(held.volume_coins, rel=1e-3)
        rates = [float(o.rate) / (o.interval / timedelta(hours=8)) for o in mine if isinstance(o, Funding)]
        assert rates == pytest.approx([held.funding_8h] if contract.symbol in perpetual else [], abs=1e-8)
        assert all(abs(o.at - now) < timedelta(milliseconds=1) for o in mine if isinstance(o, OpenInterest))


async def test_reports_come_through_their_own_seam() -> None:
    for now, coins in ((at(20, 40), 145_000.0), (at(22, 30), 144_710.0)):
        async with calling("published", now) as (caller, _):
            (told,) = await caller.observations()
        assert isinstance(told, Report)
        assert (told.venue, told.asset, told.coins) == ("cme", "BTC", coins)


# history


@pytest.mark.parametrize("venue", WITH_HISTORY)
async def test_history_runs_without_a_gap_into_the_live_figures(venue: str) -> None:
    now = at(20, 40)
    async with calling(venue, now) as (caller, _):
        history = caller.exchange.history
        assert history is not None
        book = await caller.book()
        since = now - min(timedelta(days=4), history.reach)
        for instrument in book.values():
            requests = history.requests(instrument, since, now)
            points = [
                point
                for request in requests
                for point in history.parse(await caller.http.fetch(request), instrument, now)
            ]
            if requests:
                assert [p.at for p in points] == [since + n * history.step for n in range(len(points))]
                assert points[-1].at == now
                assert past_coins(points[-1]) == pytest.approx(live_coins(instrument, now), rel=1e-5)


def past_coins(point: OpenInterest) -> float:
    """Bybit gives no price with its past: the scenario's own at that time stands in."""
    price = float(point.price) if point.price else contract_price(point.instrument, point.at)
    coins = measure(point.amount, point.instrument.contract, price).coins
    assert coins is not None
    return coins


def contract_price(instrument: Instrument, when: datetime) -> float:
    (held,) = [
        h for h in OCTOBER.at(when, instrument.venue).holdings if h.contract.symbol == instrument.symbol
    ]
    return held.price_usd


def live_coins(instrument: Instrument, when: datetime) -> float:
    (held,) = [
        h for h in OCTOBER.at(when, instrument.venue).holdings if h.contract.symbol == instrument.symbol
    ]
    return held.coins


@pytest.mark.parametrize("venue", WITH_HISTORY)
async def test_history_has_nothing_from_the_future(venue: str) -> None:
    now = at(20, 42)
    async with calling(venue, now) as (caller, _):
        history = caller.exchange.history
        assert history is not None
        instrument = next(i for i in (await caller.book()).values() if i.expiry is None)
        (request,) = history.requests(instrument, at(20, 20), at(21, 20))
        points = history.parse(await caller.http.fetch(request), instrument, now)
    assert [p.at for p in points] == [at(20, minute) for minute in (20, 25, 30, 35, 40)]


# liquidations


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
            told += socket.parse(message.data.encode(), book, until)
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
            told = socket.parse(message.data.encode(), whole, caller.clock.now)
    assert [one.instrument.symbol for one in told] == ["ETHUSDT"]


# faults


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.OUTAGE, SourceUnreachable),
        (Fault.CUT, SourceUnreachable),
        (Fault.THROTTLED, SourceThrottled),
        (Fault.GARBAGE, SourceChanged),
    ],
)
@pytest.mark.parametrize("venue", LIVE)
async def test_a_venue_fails_as_it_is_told(venue: str, fault: Fault, error: type[SourceError]) -> None:
    faults = Faults()
    faults.begin(venue, fault, at(21, 0))
    async with calling(venue, at(21, 0), faults) as (caller, _):
        with pytest.raises(error):
            await caller.observations()


async def test_a_fault_is_of_one_venue_and_ends() -> None:
    faults = Faults()
    faults.begin("okx", Fault.OUTAGE, at(21, 0))
    async with calling("bybit", at(21, 0), faults) as (caller, _):
        assert await caller.observations()
    async with calling("okx", at(21, 0), faults) as (caller, _):
        with pytest.raises(SourceUnreachable):
            await caller.observations()
        faults.end("okx")
        assert await caller.observations()


@pytest.mark.parametrize("venue", LIVE)
async def test_a_frozen_venue_counts_the_same_while_prices_move(venue: str) -> None:
    faults = Faults()
    async with calling(venue, at(21, 0), faults) as (caller, _):
        before = await caller.observations()
        faults.begin(venue, Fault.FREEZE, at(21, 0))
        caller.clock.now = at(21, 10)
        after = await caller.observations()
    assert counts(before) == counts(after)
    assert prices(before) != prices(after)


def counts(said: Iterable[Observation]) -> dict[str, float]:
    return {o.instrument.symbol: float(o.amount.value) for o in said if isinstance(o, OpenInterest)}


def prices(said: Iterable[Observation]) -> list[float]:
    return [float(o.price) for o in said if isinstance(o, (Price, OpenInterest)) and o.price is not None]


@pytest.mark.parametrize(("fault", "factor"), [(Fault.ZERO, 0), (Fault.THOUSANDFOLD, 1000)])
@pytest.mark.parametrize("venue", LIVE)
async def test_a_venue_can_count_wrongly(venue: str, fault: Fault, factor: float) -> None:
    faults = Faults()
    async with calling(venue, at(21, 0), faults) as (caller, _):
        right = counts(await caller.observations())
        faults.begin(venue, fault, at(21, 0))
        wrong = counts(await caller.observations())
    assert wrong == pytest.approx({symbol: count * factor for symbol, count in right.items()}, rel=1e-3)


async def test_a_venue_can_tell_every_row_twice() -> None:
    faults = Faults()
    faults.begin("bybit", Fault.DOUBLED, at(21, 0))
    async with calling("bybit", at(21, 0), faults) as (caller, _):
        said = [o for o in await caller.observations() if isinstance(o, OpenInterest)]
    assert len(said) == 2 * len(OCTOBER.listed("bybit"))
    assert len(set(said)) == len(OCTOBER.listed("bybit"))


@pytest.mark.parametrize("venue", ["binance_usdm", "binance_coinm", "bybit", "okx", "deribit"])
async def test_the_clock_of_a_venue_can_be_wrong(venue: str) -> None:
    faults = Faults()
    faults.begin(venue, Fault.SKEWED, at(21, 0))
    async with calling(venue, at(21, 0), faults) as (caller, _):
        said = [o for o in await caller.observations() if isinstance(o, OpenInterest)]
    assert {o.at for o in said} == {at(21, 0) + SKEW}


@pytest.mark.parametrize("fault", [Fault.OUTAGE, Fault.CUT])
async def test_an_outage_closes_the_sockets_and_lets_none_in(fault: Fault) -> None:
    faults = Faults()
    async with calling("okx", at(21, 0), faults) as (caller, address), aiohttp.ClientSession() as session:
        url = URL(address.ws_url + URL(caller.exchange.sockets[0].url).raw_path_qs)
        async with session.ws_connect(url) as line:
            faults.begin("okx", fault, at(21, 0))
            message = await line.receive(DEADLINE_SECONDS)
            assert message.type is aiohttp.WSMsgType.CLOSE
        with pytest.raises(aiohttp.ClientError):
            await session.ws_connect(url)


async def test_leaving_closes_the_lines_that_are_open() -> None:
    async with aiohttp.ClientSession() as session:
        async with calling("okx", at(21, 0)) as (caller, address):
            url = URL(address.ws_url + URL(caller.exchange.sockets[0].url).raw_path_qs)
            line = await session.ws_connect(url)
        message = await line.receive(DEADLINE_SECONDS)
        assert message.type is aiohttp.WSMsgType.CLOSE
        await line.close()


# questions nobody should ask

BAD = [
    ("binance_usdm", Request("/fapi/v1/openInterest", {"symbol": "NOPE"})),
    ("binance_usdm", Request("/fapi/v1/openInterest")),
    ("binance_usdm", Request("/futures/data/openInterestHist", {"symbol": "BTCUSDT", "period": "1w"})),
    ("binance_usdm", Request("/fapi/v1/nothing")),
    ("binance_coinm", Request("/futures/data/openInterestHist", {"pair": "NOPE", "period": "5m"})),
    ("hyperliquid", Request("/info", body=b"{")),
    ("hyperliquid", Request("/info", body=b'{"type": "nothing"}')),
]


@pytest.mark.parametrize(("venue", "request_"), BAD, ids=lambda value: getattr(value, "path", value))
async def test_a_question_it_does_not_know_is_refused(venue: str, request_: Request) -> None:
    async with calling(venue, at(21, 0)) as (caller, _):
        with pytest.raises(SourceChanged):
            await caller.http.fetch(request_)


async def test_a_taken_port_is_told() -> None:
    async with serve(OCTOBER, Hands(at(21, 0))) as addresses:
        port = URL(addresses["okx"].base_url).port
        assert port is not None
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}"):
            async with serve(OCTOBER, Hands(at(21, 0)), port=port):
                raise AssertionError("two servers on one port")
