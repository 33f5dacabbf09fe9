from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.assets import Asset
from bot.domain.market import Instrument, OpenInterest
from bot.errors import SourceBlocked, SourceThrottled, SourceUnreachable
from bot.exchanges.spec import History, Request
from bot.feeds.backfill import backfill
from tests.feeds.acme import ACME, START, VENUE, World, parse_past

CONTRACTS = [Instrument(VENUE, f"{coin}-PERP", Asset(coin)) for coin in ("BTC", "ETH", "SOL")]
HOUR = timedelta(hours=1)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


class Past:
    """A venue that remembers every hour, in overlapping pages of three, newest first."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.asked: list[str] = []

    @staticmethod
    def requests(instrument: Instrument, since: datetime, until: datetime) -> Sequence[Request]:
        pages = int((until - since) / (2 * HOUR)) + 2
        return [
            Request("/past", {"s": instrument.symbol, "to": str(ms(since + page * 2 * HOUR))})
            for page in range(pages)
        ]

    async def fetch(self, request: Request) -> bytes:
        self.asked.append(request.params["s"])
        if self.faults and request.params["s"] == "ETH-PERP":
            raise self.faults.pop(0)
        newest = int(request.params["to"])
        return str([[newest - n * 3_600_000, 120] for n in range(3)]).encode()


REMEMBERS = replace(ACME, history=History(HOUR, timedelta(days=1), Past.requests, parse_past))


async def ask(
    past: Past, world: World, since: datetime = START - 6 * HOUR, wanted: list[Instrument] | None = None
) -> list[OpenInterest]:
    wanted = list(CONTRACTS) if wanted is None else wanted
    return await backfill(REMEMBERS, past.fetch, wanted, since, START - HOUR, now=START, sleep=world.sleep)


async def test_the_past_comes_in_order_and_nothing_twice(world: World) -> None:
    found = await ask(Past(), world)
    assert [(told.at, told.instrument.symbol) for told in found] == [
        (START - hours * HOUR, contract.symbol) for hours in (6, 5, 4, 3, 2, 1) for contract in CONTRACTS
    ]
    assert {told.received for told in found} == {START}


async def test_it_never_asks_further_back_than_the_venue_remembers(world: World) -> None:
    found = await ask(Past(), world, since=START - timedelta(days=900))
    assert found[0].at == START - timedelta(days=1)


async def test_a_failing_instrument_is_reported_and_left_out(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = list(CONTRACTS)
    found = await ask(Past(SourceUnreachable("HTTP 500")), world, wanted=wanted)
    assert {told.instrument.symbol for told in found} == {"BTC-PERP", "SOL-PERP"}
    assert [instrument.symbol for instrument in wanted] == ["BTC-PERP", "SOL-PERP"]
    (record,) = caplog.records
    assert (record.__dict__["event"], record.__dict__["symbol"]) == ("backfill.skipped", "ETH-PERP")


async def test_a_short_throttle_is_waited_for(world: World) -> None:
    found = await ask(Past(SourceThrottled("slow", retry_after=timedelta(seconds=5))), world)
    assert len({told.instrument for told in found}) == 3
    assert world.slept == [5.0]


@pytest.mark.parametrize(
    "fault", [SourceThrottled("slow", retry_after=timedelta(hours=1)), SourceBlocked("no")]
)
async def test_a_venue_that_wants_its_peace_is_left_alone(world: World, fault: Exception) -> None:
    past = Past(fault)
    many = [*CONTRACTS, *(Instrument(VENUE, f"X{n}", Asset("X")) for n in range(50))]
    await backfill(REMEMBERS, past.fetch, many, START - 6 * HOUR, START, now=START, sleep=world.sleep)
    assert len(set(past.asked)) < 10
    assert many == []
    assert world.slept == []


async def test_a_venue_without_a_memory_has_no_past(world: World) -> None:
    nothing = replace(ACME, history=None)
    past = Past()
    assert await backfill(nothing, past.fetch, CONTRACTS, START - HOUR, START, now=START) == []
    assert await backfill(REMEMBERS, past.fetch, CONTRACTS, START, START - HOUR, now=START) == []
    assert past.asked == []
