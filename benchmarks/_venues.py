"""The venues of ``benchmarks.fleet``: local servers in two processes of their own, with a peak to tell."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.sharedctypes import Synchronized

from msgspec.structs import replace

from bot.domain.market import Position, Venue
from bot.exchanges import EXCHANGES
from bot.simulator.everything import everything
from bot.simulator.forced import Forced
from bot.simulator.scenario import Market, Scenario, Script
from bot.simulator.servers import serve
from bot.simulator.venues import WIRE_FORMATS

COINS = 265
PEAK_S = 60
A_SECOND = 5000
PEAK_USD = 3.21e9
ALIKE_S = 5
"""The servers compute a venue's market once in so many seconds: they must not be what is measured."""

VENUES = [v for v, form in WIRE_FORMATS.items() if form.lists and not EXCHANGES[Venue(v)].closed]
HEARD = [v for v in VENUES if WIRE_FORMATS[v].streams]


def market(now: datetime) -> Scenario:
    """Quiet, and without a past: what is measured is a day like any other."""
    prices = {"BTC": 113_000.0, "ETH": 4_100.0}
    prices |= {f"C{number:03}": 1.0 + number for number in range(COINS - len(prices))}
    return Computed(everything(prices, VENUES, peak=now + timedelta(days=15)).script)


@dataclass(frozen=True, eq=False)
class Computed(Scenario):
    """Remembers each venue's market for a few seconds."""

    kept: dict[str | None, Market] = field(default_factory=dict)

    def at(self, time: datetime, venue: str | None = None) -> Market:
        known = self.kept.get(venue)
        if known is None or not timedelta() <= time - known.at < timedelta(seconds=ALIKE_S):
            known = self.kept[venue] = super().at(time, venue)
        return known


@dataclass
class Peak:
    """The same number of liquidations at each venue, evenly over the minute that begins at ``start``."""

    scenario: Scenario
    start: Synchronized[float]
    told: dict[str, tuple[list[float], list[Forced]]] = field(default_factory=dict)

    def events(self, venue: str, since: datetime, until: datetime) -> Sequence[Forced]:
        if not self.start.value or until.timestamp() < self.start.value:
            return ()
        if venue not in self.told:
            self.told[venue] = self._all(venue)
        times, events = self.told[venue]
        first, last = bisect_right(times, since.timestamp()), bisect_right(times, until.timestamp())
        return events[first:last]

    def _all(self, venue: str) -> tuple[list[float], list[Forced]]:
        count = a_venue()
        contracts = [c for c in self.scenario.listed(venue) if c.expiry is None]
        prices = {c.coin: self.scenario.price_usd(c.coin, datetime.now(UTC)) for c in contracts}
        times = [self.start.value + PEAK_S * place / count for place in range(count)]
        usd = PEAK_USD / (A_SECOND * PEAK_S)
        events = []
        for place, at in enumerate(times):
            contract = contracts[place % len(contracts)]
            price = prices[contract.coin]
            lost = Position.SHORT if place % 6 == 0 else Position.LONG
            moment = datetime.fromtimestamp(at, UTC)
            events.append(Forced(contract, lost, usd / price, price, moment, int(1e12) + place))
        return times, events


def a_venue() -> int:
    return A_SECOND * PEAK_S // len(HEARD)


def venues_process(part: list[str], port: int, start: Synchronized[float]) -> None:
    """Serves the venues of ``part``; each process knows the whole market."""

    async def main() -> None:
        scenario = market(datetime.now(UTC))
        small = Computed(everything_of(scenario, part))
        async with serve(small, lambda: datetime.now(UTC), port=port, events=Peak(small, start).events):
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(main())


def everything_of(scenario: Scenario, part: list[str]) -> Script:
    mine = tuple(c for c in scenario.script.contracts if c.venue in part)
    return replace(scenario.script, contracts=mine)


@asynccontextmanager
async def venues_serving(start: Synchronized[float]) -> AsyncIterator[dict[str, int]]:
    """The venues in two processes; gives each venue's port."""
    spawn = multiprocessing.get_context("spawn")
    parts = [VENUES[::2], VENUES[1::2]]
    ports = [free_port() for _ in parts]
    processes = [
        spawn.Process(target=venues_process, args=(part, port, start), daemon=True)
        for part, port in zip(parts, ports, strict=True)
    ]
    for process in processes:
        process.start()
    try:
        for port in ports:
            await listening(port)
        yield {venue: port for part, port in zip(parts, ports, strict=True) for venue in part}
    finally:
        for process in processes:
            process.terminate()
            process.join()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def listening(port: int) -> None:
    async with asyncio.timeout(120):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.2)
