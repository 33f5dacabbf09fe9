"""What simulated venues can do wrong, as the real adapters see it."""

from __future__ import annotations

from collections.abc import Iterable

import aiohttp
import pytest
from yarl import URL

from bot.domain.market import (
    Observation,
    OpenInterest,
    Price,
)
from bot.errors import SourceChanged, SourceError, SourceThrottled, SourceUnreachable
from bot.simulator.faults import SKEW, Fault, Faults
from tests.simulator.calling import (
    DEADLINE_SECONDS,
    LIVE,
    OCTOBER,
    at,
    calling,
)


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
async def test_an_outage_closes_the_sockets_and_lets_none_in(
    fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    faults = Faults()
    async with calling("okx", at(21, 0), faults) as (caller, address), aiohttp.ClientSession() as session:
        url = URL(address.ws_url + URL(caller.exchange.sockets[0].url).raw_path_qs)
        async with session.ws_connect(url) as line:
            faults.begin("okx", fault, at(21, 0))
            message = await line.receive(DEADLINE_SECONDS)
            assert message.type is aiohttp.WSMsgType.CLOSE
        with pytest.raises(aiohttp.ClientError):
            await session.ws_connect(url)
    assert [record.getMessage() for record in caplog.records] == []


async def test_leaving_closes_the_lines_that_are_open() -> None:
    async with aiohttp.ClientSession() as session:
        async with calling("okx", at(21, 0)) as (caller, address):
            url = URL(address.ws_url + URL(caller.exchange.sockets[0].url).raw_path_qs)
            line = await session.ws_connect(url)
        message = await line.receive(DEADLINE_SECONDS)
        assert message.type is aiohttp.WSMsgType.CLOSE
        await line.close()
