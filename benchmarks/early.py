"""From a burst of liquidations to the first alert on the wire: how soon, through the whole program.

    python -m benchmarks.early [--bursts 100]

Six venues in a process of their own tell, coin after coin, a burst that takes two hundredths of its open
interest within half a second. The program is ``python -m bot run`` in a process of its own
with Telegram as its face; each coin has one subscribed chat. Measured is the time from the liquidation that
crossed the threshold (which the wave itself states: ``opened``) to the message at a local Bot API.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import msgspec

from benchmarks._venues import free_port, listening
from benchmarks.fleet import ROOT
from bot.app_parts import FEEDS, FRESH_POLLS, GROUPS, STEP
from bot.bench import KEPT_AS
from bot.domain.assets import Asset
from bot.domain.market import Instrument, Liquidation, Position, Reading, Venue
from bot.domain.posts import Destination, Subscription
from bot.domain.units import Amount, Unit
from bot.pipeline.horizons import last_step
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace
from bot.simulator.everything import everything
from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Scenario
from bot.simulator.servers import serve
from storage.sqlite import open_sqlite
from tests.telegram.rules import TOKEN
from tests.telegram.server import BotApi
from tests.telegram.server import serve as bot_api

GOAL_S = 2.0
VENUES = ["bybit", "okx", "gate", "bitfinex", "aster", "binance_usdm"]
SETTLED_S = 150.0
"""Two rounds of every poll and two steps, so that the market is known."""
APART_S = 0.7
BURST_S = 0.5
OF_OPEN_INTEREST = 0.02
IN_PIECES = 20
"""Liquidations of each venue in one burst."""
TICK = timedelta(milliseconds=20)
FIRST_CHAT = 1000


def coins(bursts: int) -> list[str]:
    return [f"C{number:03}" for number in range(bursts)]


def market(bursts: int, now: datetime) -> Scenario:
    prices = {coin: 10.0 + place for place, coin in enumerate(coins(bursts))}
    return everything(prices, VENUES, peak=now + timedelta(days=15))


@dataclass
class Bursts:
    """A coin's burst every ``APART_S`` seconds from ``start`` on."""

    scenario: Scenario
    bursts: int
    start: Synchronized[float]
    plan: list[Forced] = field(default_factory=list)

    def events(self, venue: str, since: datetime, until: datetime) -> Sequence[Forced]:
        if not self.start.value:
            return ()
        if not self.plan:
            self.plan = self._all()
        return [e for e in self.plan if e.contract.venue == venue and since < e.at <= until]

    def _all(self) -> list[Forced]:
        begins = datetime.fromtimestamp(self.start.value, UTC)
        plan = []
        for place, coin in enumerate(coins(self.bursts)):
            at = begins + timedelta(seconds=place * APART_S)
            for venue in VENUES:
                contract = next(c for c in self.scenario.listed(venue) if c.coin == coin and not c.expiry)
                held = self.scenario.holding(contract, at)
                lost = held.coins / contract.share * OF_OPEN_INTEREST / IN_PIECES
                for piece in range(IN_PIECES):
                    moment = at + timedelta(seconds=BURST_S * piece / IN_PIECES)
                    number = 10**9 + place * 1000 + piece
                    plan.append(Forced(contract, Position.LONG, lost, held.price_usd, moment, number))
        return plan


def venues_process(bursts: int, port: int, start: Synchronized[float]) -> None:
    async def main() -> None:
        scenario = market(bursts, datetime.now(UTC))
        events = Bursts(scenario, bursts, start).events
        async with serve(scenario, lambda: datetime.now(UTC), port=port, events=events, tick=TICK):
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(main())


def learned(scenario: Scenario, now: datetime) -> bytes:
    """What a judge knows that has watched and listened for more than a day."""
    judge = Judge(GROUPS, Pace(STEP, FRESH_POLLS * STEP, 0.6), FEEDS)
    named: dict[Contract, Instrument] = {
        c: Instrument(Venue(c.venue), c.symbol, Asset(c.coin), c.inverse, expiry=c.expiry)
        for c in scenario.script.contracts
    }
    at, number = last_step(now, STEP) - timedelta(hours=30), 0
    while at <= now:
        for held in scenario.at(at).holdings:
            judge.trust(Reading(named[held.contract], held.coins, held.price_usd, at, at))
        for venue in VENUES:
            told, number = named[scenario.listed(venue)[0]], number + 1
            one = Amount(Decimal("0.01"), Unit.BASE)
            judge.take(Liquidation(told, Position.LONG, one, Decimal(10), at, at, str(number)))
        judge.step(at, snap=False)
        at += timedelta(minutes=10)
    return msgspec.msgpack.encode(judge.state())


async def prepare(folder: Path, scenario: Scenario, bursts: int, port: int, telegram: str) -> None:
    """A program that has run before, watches these coins, and has a chat for each of them."""
    now = datetime.now(UTC)
    async with open_sqlite(folder / "data/washout.db") as store:
        await store.journal.keep(KEPT_AS, learned(scenario, now))
        for place, coin in enumerate(coins(bursts)):
            chat = Destination("telegram", str(FIRST_CHAT + place))
            wanted = Subscription(destination=chat, assets=frozenset({Asset(coin)}), created=now)
            await store.subscriptions.add(wanted)
    tables = "".join(
        f'[venues.{venue}]\nbase_url = "http://127.0.0.1:{port}/{venue}"\n'
        f'ws_url = "ws://127.0.0.1:{port}/{venue}"\n'
        for venue in VENUES
    )
    (folder / "config.toml").write_text(
        f'[market]\nassets = "all"\nvenues = {json.dumps(VENUES)}\n{tables}'
        f'[telegram]\ntoken_env = "BENCH_TOKEN"\napi_base = "{telegram}"\n',
        "utf-8",
    )


async def alerts(folder: Path) -> dict[str, float]:
    """When each coin's wave was opened, in seconds of the epoch."""
    async with open_sqlite(folder / "data/washout.db") as store:
        waves = await store.waves.recent(limit=10_000)
    return {str(wave.asset): wave.opened.timestamp() for wave in waves}


def first_sent(api: BotApi) -> dict[str, float]:
    """When each coin's chat was first written to."""
    off, sent = time.time() - time.monotonic(), dict[str, float]()
    for call in api.calls:
        if call.method.startswith("send") and call.chat:
            place = int(call.chat) - FIRST_CHAT
            sent.setdefault(f"C{place:03}", call.began + off)
    return sent


async def measure(bursts: int) -> bool:
    start: Synchronized[float] = (spawn := multiprocessing.get_context("spawn")).Value("d", 0.0)
    port = free_port()
    venues = spawn.Process(target=venues_process, args=(bursts, port, start), daemon=True)
    venues.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        try:
            await listening(port)
            async with bot_api() as api:
                for place in range(bursts):
                    api.chat(FIRST_CHAT + place)
                await prepare(folder, market(bursts, datetime.now(UTC)), bursts, port, api.address)
                await play(folder, bursts, start)
                sent = first_sent(api)
        finally:
            venues.terminate()
            venues.join()
        opened = await alerts(folder)
    return told(bursts, opened, sent, start.value)


async def play(folder: Path, bursts: int, start: Synchronized[float]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", "--config", "config.toml", "--port", "0"),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BENCH_TOKEN": TOKEN},
        stdout=(folder / "log.txt").open("w"),
    )
    try:
        await asyncio.sleep(SETTLED_S)
        start.value = time.time() + 1
        await asyncio.sleep(bursts * APART_S + 10)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        await process.wait()


def told(bursts: int, opened: dict[str, float], sent: dict[str, float], start: float) -> bool:
    both = sorted(opened.keys() & sent.keys())
    after = sorted(sent[coin] - opened[coin] for coin in both)
    begun = sorted(sent[coin] - start - int(coin[1:]) * APART_S for coin in both)
    print(f"{len(both)} of {bursts} bursts alerted")
    if not both:
        return False
    for what, seconds in (("threshold crossed → wire", after), ("first of the burst → wire", begun)):
        print(
            f"{what}: p50 {at(seconds, 0.5):.3f} s, p99 {at(seconds, 0.99):.3f} s, worst {seconds[-1]:.3f} s"
        )
    return len(both) == bursts and at(after, 0.99) <= GOAL_S


def at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bursts", type=int, default=100)
    met = asyncio.run(measure(options.parse_args().bursts))
    print("ok" if met else "MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
