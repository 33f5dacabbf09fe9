"""All venues at once, stopped and started: no avalanche, nothing twice, and no wave out of a gap."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from bot.domain.assets import Asset
from bot.domain.health import SourceState
from bot.domain.market import Venue
from bot.errors import Refusal
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import MINUTE, Exchange, Request
from bot.feeds.contact import Setting
from bot.feeds.sources import VENUE_GAP, Sources, VenueSource
from bot.health import Health
from bot.running import running
from bot.simulator.everything import PEAK, everything
from bot.simulator.faults import Fault
from bot.simulator.forced import Forced
from bot.simulator.servers import serve
from bot.simulator.venues import WIRE_FORMATS
from bot.stage import wall
from storage.memory import MemoryStore
from storage.streams import LocalStream
from tests.simulator.fleet import eventually, fleet, learned

VENUES = [v for v, form in WIRE_FORMATS.items() if form.lists and not EXCHANGES[Venue(v)].closed]
HEARD = [v for v in VENUES if WIRE_FORMATS[v].streams]
PRICES_USD = {"BTC": 113_000.0, "ETH": 4_100.0}
HOUR = timedelta(hours=1)


async def test_a_fleet_that_stops_and_starts_makes_no_wave_of_the_gap() -> None:
    scenario, begun = everything(PRICES_USD, VENUES, peak=PEAK + 12 * HOUR), PEAK
    store = MemoryStore()
    async with fleet(scenario, begun, taught=learned(scenario, begun), store=store) as first:
        await first.minutes(5)
    for gap in (2 * MINUTE, 2 * HOUR):
        begun = first.clock.now + gap
        async with fleet(scenario, begun, store=store) as again:
            await again.minutes(4)
            states = {known.state for known in again.health.sources()}
            assert states <= {SourceState.FRESH, SourceState.WAITING}
            assert [await again.coverage(Asset(coin)) for coin in PRICES_USD] == [1.0, 1.0]
        first = again
    assert await store.waves.recent() == []


async def test_liquidations_told_again_to_a_fleet_that_starts_again_count_once() -> None:
    scenario, store = everything(PRICES_USD, HEARD), MemoryStore()
    begun = PEAK - 6 * MINUTE
    async with fleet(scenario, begun, taught=learned(scenario, begun), store=store) as first:
        await first.minutes(7)
    async with fleet(scenario, first.clock.now + MINUTE, store=store) as again:
        for venue in HEARD:
            again.faults.begin(venue, Fault.REPLAYED, again.clock.now)
        await again.minutes(4)
    sums = await store.journal.liquidated(Asset("BTC"), PEAK - MINUTE, PEAK + 3 * MINUTE, MINUTE)
    assert sum(one.long_usd + one.short_usd for one in sums) == pytest.approx(210e6, rel=1e-4)


@dataclass
class Witness:
    """Who was asked, how many seconds after the start, and who was called."""

    started: float
    asked: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    weights: Counter[str] = field(default_factory=Counter)
    called: set[str] = field(default_factory=set)

    def met_all(self) -> bool:
        return len(self.asked) == len(VENUES) and self.called == set(HEARD)

    def heard(
        self,
        exchange: Exchange,
        source: str,
        request: Request | None,
        received: datetime,
        raw: bytes,
        refusal: Refusal | None = None,
    ) -> None:
        if request is not None:
            self.asked[exchange.venue].append(asyncio.get_running_loop().time() - self.started)
            self.weights[exchange.venue] += request.weight

    def events(self, venue: str, since: datetime, until: datetime) -> Sequence[Forced]:
        """Asked for by lines that are open."""
        self.called.add(venue)
        return ()


async def test_all_venues_begin_one_after_another_and_within_their_budgets_however_often() -> None:
    scenario, begun = everything(PRICES_USD, VENUES), wall()

    def clock() -> datetime:
        return PEAK - HOUR + (wall() - begun)

    for _ in range(2):
        witness = Witness(asyncio.get_running_loop().time())
        async with serve(scenario, clock, events=witness.events) as at:
            sources = [VenueSource(EXCHANGES[Venue(v)], at[v].base_url, at[v].ws_url) for v in VENUES]
            setting = Setting(LocalStream(), MemoryStore().journal, Health(clock), clock, tap=witness)
            async with running(Sources(sources, setting).run(asyncio.Event())):
                await eventually(witness.met_all)
        took_s = asyncio.get_running_loop().time() - witness.started
        for place, venue in enumerate(VENUES):
            assert witness.asked[venue][0] >= place * VENUE_GAP.total_seconds()
            budget = EXCHANGES[Venue(venue)].budget
            assert witness.weights[venue] <= budget.weight * (1 + took_s // budget.per.total_seconds())
