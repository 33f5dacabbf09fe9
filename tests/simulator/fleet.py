"""A fleet of simulated venues behind the real feeds and the real judge, in a market time moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.bench import Bench
from bot.domain.assets import Asset
from bot.domain.health import SourceHealth
from bot.domain.market import Instrument, Reading, Venue
from bot.domain.verdicts import Verdict
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import MINUTE, SECOND, Budget, Exchange
from bot.feeds.contact import Setting
from bot.feeds.deaf import SLOT
from bot.feeds.http import Limits, open_http
from bot.feeds.lines import Turnstile
from bot.feeds.sources import VenueFeeds, VenueSource, Watch
from bot.health import Health
from bot.judging import judge
from bot.pipeline.judge import Judge
from bot.pipeline.memory import JudgeState, Pace
from bot.running import running
from bot.simulator.faults import Faults
from bot.simulator.forced import Forced, forced
from bot.simulator.scenario import Scenario
from bot.simulator.servers import serve
from bot.stage import wall
from storage.memory import MemoryStore
from storage.streams import LocalStream
from tests.simulator.calling import Hands

PACE = Pace(MINUTE, 3 * MINUTE)
GROUPS = {venue: exchange.group for venue, exchange in EXCHANGES.items()}
PATIENT = timedelta(seconds=10)
TICK = timedelta(milliseconds=20)
WITHIN_S = 20.0
HURRY = 6000.0
"""How much faster than the wall the judge thinks the market is: how soon it looks at the clock again."""
ASKED_AT = 20 * SECOND
"""Within each minute."""
RICH = Budget(10**9, MINUTE)


@dataclass
class Fleet:
    """Moved on with ``minutes`` only; nothing happens by itself but what sockets tell."""

    scenario: Scenario
    faults: Faults
    clock: Hands
    store: MemoryStore
    bench: Bench
    health: Health
    feeds: Sequence[VenueFeeds]
    watch: Watch
    told: Mapping[str, datetime]
    """Until when each venue's sockets have told what was liquidated."""
    _due: dict[str, datetime] = field(default_factory=dict)

    async def minutes(self, count: int, every: timedelta = MINUTE) -> None:
        for _ in range(count):
            begun = self.clock.now
            self.clock.now = begun + ASKED_AT
            await asyncio.gather(*(self._ask(feeds) for feeds in self.feeds))
            self.clock.now = begun + every
            await self.judged()
            for _ in range(every // SLOT):
                await self.watch.look()

    async def judged(self) -> None:
        """Until the step that is due now was made."""
        await eventually(lambda: self.bench.judge.at is not None and self.bench.judge.at >= self.clock.now)

    async def _ask(self, feeds: VenueFeeds) -> None:
        venue, now = feeds.exchange.venue, self.clock.now
        if feeds.book.needed and now >= self._due.get(venue, now):
            wait = await feeds.book.ask()
            self._due[venue] = now + (feeds.exchange.book.every if wait is None else wait)
        if feeds.book.ready:
            for feed in feeds.polls:
                name = f"{venue} {feed.poll.name}"
                if now >= self._due.get(name, now):
                    wait = await feed.run()
                    self._due[name] = now + (feed.poll.every - ASKED_AT if wait is None else wait)

    def sources(self, venue: str) -> dict[str, SourceHealth]:
        return {known.source: known for known in self.health.sources() if known.venue == venue}

    def polled(self, venue: str) -> dict[str, SourceHealth]:
        """Its open interest, as far as health knows: everything that is asked and not listened to."""
        sockets = {socket.name for socket in EXCHANGES[Venue(venue)].sockets}
        return {name: known for name, known in self.sources(venue).items() if name not in sockets}

    def hears(self, venue: str) -> list[str]:
        return [socket.name for socket in EXCHANGES[Venue(venue)].sockets if socket.completeness is not None]

    async def verdicts(self, venue: str) -> set[Verdict]:
        kept = await self.store.journal.quarantined(self.scenario.begins, limit=100_000)
        return {one.verdict for one in kept if one.venue == venue}

    async def coverage(self, asset: Asset) -> float:
        newest = await self.store.journal.snapshot(asset)
        return newest.coverage if newest is not None else 0.0


async def eventually(look: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    async with asyncio.timeout(within_s):
        while not look():  # noqa: ASYNC110 (the program has no event for it)
            await asyncio.sleep(0.005)


def learned(scenario: Scenario, until: datetime, since: timedelta = timedelta(days=3)) -> JudgeState:
    """What a judge knows that has seen the market of ``scenario`` until then, in steps of five minutes."""
    taught, at = Judge(GROUPS, PACE), until - since
    named = {
        c: Instrument(Venue(c.venue), c.symbol, Asset(c.coin), c.inverse, expiry=c.expiry)
        for c in scenario.script.contracts
    }
    while at < until:
        for held in scenario.at(at).holdings:
            taught.trust(Reading(named[held.contract], held.coins, held.price_usd, at, at))
        taught.step(at, snap=False)
        at += 5 * MINUTE
    return taught.state()


@asynccontextmanager
async def fleet(
    scenario: Scenario,
    now: datetime,
    *,
    taught: JudgeState | None = None,
    store: MemoryStore | None = None,
    patience: timedelta = PATIENT,
) -> AsyncIterator[Fleet]:
    """Every venue of ``scenario`` at ``now``, nothing asked yet. Waits of seconds pass in no time.

    A process that starts with a ``store`` goes on where the last one that had it stopped. ``patience`` is
    how long an answer may take.
    """
    clock, faults, seen = Hands(now), Faults(), LocalStream()
    health, store = Health(clock), store or MemoryStore()
    bench = Bench(Judge(GROUPS, PACE), store, health, clock, wall)
    if taught is not None:
        bench.judge.restore(taught)
    else:
        await bench.recover()
    setting = Setting(seen, store.journal, health, clock, sleep=nap, chance=lambda: 0.5)
    told: dict[str, datetime] = {}

    def events(venue: str, since: datetime, until: datetime) -> Sequence[Forced]:
        told[venue] = until
        return [one for one in forced(scenario, since, until) if one.contract.venue == venue]

    async with AsyncExitStack() as lines:
        served = serve(scenario, clock, faults=faults, tick=TICK, events=events)
        addresses = await lines.enter_async_context(served)
        feeds = []
        for venue in sorted(scenario.venues):
            exchange = replace(EXCHANGES[Venue(venue)], budget=RICH)
            source = VenueSource(exchange, addresses[venue].base_url, addresses[venue].ws_url)
            feeds.append(await lines.enter_async_context(_opened(source, setting, clock, patience)))
        watch = Watch([socket for each in feeds for socket in each.sockets], setting)
        whole = Fleet(scenario, faults, clock, store, bench, health, feeds, watch, told)
        await lines.enter_async_context(
            running(judge(bench, seen, speed=HURRY), *(s.run() for each in feeds for s in each.sockets))
        )
        yield whole


async def nap(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.01))


@asynccontextmanager
async def _opened(
    source: VenueSource, setting: Setting, clock: Hands, patience: timedelta
) -> AsyncIterator[VenueFeeds]:
    exchange: Exchange = source.exchange
    async with open_http(
        exchange,
        base_url=source.base_url,
        limits=Limits(total=patience, connect=patience),
        monotonic=lambda: clock().timestamp(),
        sleep=nap,
    ) as http:
        yield VenueFeeds(source, http, setting, None, Turnstile(0.0, setting.monotonic, nap))
