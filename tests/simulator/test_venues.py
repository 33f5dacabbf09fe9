"""What the simulated venues say over HTTP, read by the real adapters."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from yarl import URL

from bot.domain.market import (
    Funding,
    Instrument,
    OpenInterest,
    Price,
    Report,
    Volume,
)
from bot.domain.units import measure
from bot.errors import ConfigError, SourceChanged
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Request
from bot.simulator.servers import serve
from bot.simulator.venues import WIRE_FORMATS
from tests.simulator.calling import (
    LIVE,
    OCTOBER,
    WITH_HISTORY,
    Hands,
    at,
    calling,
    coins_of,
)


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
