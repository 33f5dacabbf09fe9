"""20,000 observations a second from two collectors through JetStream (three replicas) to a judge.

    python -m benchmarks.fleet_stream [--seconds N] [--rate N]

Three processes. Each collector puts what it "heard" every ten milliseconds, as polls and sockets do; the
judge follows the stream as ``judging.follow`` does, in the order of what was received, puts it to the real
gate and gives it back. Seen is how long after an observation was received the gate has it, and that none is
missing. Beside it the same through the queue of one process, and through that queue into a SQLite file, as
the embedded program records it.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.app_parts import FEEDS, GROUPS, STEP
from bot.bench import Bench
from bot.clusters import StreamsSettings
from bot.domain.assets import Asset
from bot.domain.market import Instrument, Observation, OpenInterest, Venue
from bot.domain.units import Amount, Unit
from bot.health import Health
from bot.judging import PATIENCE_S, follow
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace
from bot.ports_fleet import Outlet
from bot.running import running
from storage.jetstream import open_cluster
from storage.jetstream_seen import JetInlet, open_outlet
from storage.memory import MemoryStore
from storage.sqlite import open_sqlite
from storage.streams import LocalStream
from tests.nats_cluster import NODES, nats_cluster

COINS, EVERY_S = 250, 0.01
IDLE_S, RECORD_EVERY_S = 2.0, 1.0
BEGINS_S = 6.0
"""What came first is counted, but not how late it was: a judge that begins waits 3 s for whoever may be
there, and then hears all that came meanwhile."""
RATE_GOAL, P99_GOAL_S = 20_000, 0.100
COLLECTORS = ("bybit", "okx")


def now() -> datetime:
    return datetime.now(UTC)


async def tell(out: Outlet, venue: str, rate: float, seconds: float) -> int:
    """Put ``rate`` observations a second, whatever becomes of them; returns how many."""
    coins = [Instrument(Venue(venue), f"C{n}USDT", Asset(f"C{n}")) for n in range(COINS)]
    loop, told = asyncio.get_running_loop(), 0
    began = loop.time()
    while (passed := loop.time() - began) < seconds:
        at, due = now(), int(rate * passed) - told
        await out.put(
            [
                OpenInterest(coins[n % COINS], Amount(Decimal(1_000_000 + n), Unit.BASE), at, at, Decimal(10))
                for n in range(told, told + due)
            ]
        )
        told += due
        await asyncio.sleep(EVERY_S)
    return told


class Ear(Bench):
    """A bench that puts what it hears to the gate, and no more. ``late``: how old each thing was then."""

    def __init__(self, late: list[float]) -> None:
        super().__init__(Judge(GROUPS, Pace(STEP, 3 * STEP), FEEDS), MemoryStore(), Health(now), now, now)
        self.late = late

    def hear(self, said: Observation) -> None:
        self.judge.take(said)
        self.late.append(time.time() - said.received.timestamp())

    async def step(self, at: datetime) -> None:
        """None is wanted."""

    async def keep(self) -> None:
        """Nor a memory."""


async def judge(seen: LocalStream, late: list[float], idle_s: float) -> None:
    """Until nothing came for so long."""
    ear, last = Ear(late), time.monotonic()
    while time.monotonic() - last < idle_s:
        if (loan := await seen.take(0.5)) is None:
            continue
        last = time.monotonic()
        for said in loan.item.said:
            ear.hear(said)
        await loan.done()


def collector(servers: Sequence[str], venue: str, rate: float, seconds: float, told: Any) -> None:
    async def run() -> None:
        async with (
            open_cluster(StreamsSettings(servers=tuple(servers), name="bench")) as cluster,
            open_outlet(cluster, venue, now) as out,
        ):
            told.put(await tell(out, venue, rate, seconds))

    asyncio.run(run())


async def through_jetstream(servers: Sequence[str], rate: float, seconds: float) -> tuple[int, list[float]]:
    late: list[float] = []
    spawn = multiprocessing.get_context("spawn")
    told = spawn.Queue()
    async with open_cluster(StreamsSettings(servers=tuple(servers), name="bench")) as cluster:
        await cluster.make_streams()
        inlet = JetInlet(cluster, 0, token=1)
        await inlet.open()
        each = rate / len(COLLECTORS)
        processes = [
            spawn.Process(target=collector, args=(list(servers), venue, each, seconds, told))
            for venue in COLLECTORS
        ]
        for process in processes:
            process.start()
        async with running(follow(Ear(late), inlet, speed=1.0, lost=lambda: False)):
            count = sum([await asyncio.to_thread(told.get, timeout=seconds + 30) for _ in COLLECTORS])
            for process in processes:
                await asyncio.to_thread(process.join, 10)
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S + IDLE_S):
                    while len(late) < count:  # noqa: ASYNC110 - a list that another task fills
                        await asyncio.sleep(0.1)
        return count, late


async def in_one_process(rate: float, seconds: float) -> tuple[int, list[float]]:
    stream = LocalStream()
    late: list[float] = []
    judging = asyncio.create_task(judge(stream, late, idle_s=IDLE_S))
    each = rate / len(COLLECTORS)
    told = await asyncio.gather(*(tell(stream, venue, each, seconds) for venue in COLLECTORS))
    await judging
    return sum(told), late


async def into_sqlite(rate: float, seconds: float, folder: Path) -> tuple[int, list[float], int]:
    """The embedded program's way: one process, its queue, and each second's observations into the file."""
    late: list[float] = []
    async with open_sqlite(folder / "bench.db") as store:
        stream, health = LocalStream(), Health(now)
        bench = Bench(Judge(GROUPS, Pace(STEP, 3 * STEP), FEEDS), store, health, now, now)

        async def hear() -> None:
            recorded, last = time.monotonic(), time.monotonic()
            while time.monotonic() - last < IDLE_S:
                loan = await stream.take(0.5)
                for said in loan.item.said if loan is not None else ():
                    last = time.monotonic()
                    bench.hear(said)
                    late.append(time.time() - said.received.timestamp())
                if loan is not None:
                    await loan.done()
                if bench.full or time.monotonic() - recorded >= RECORD_EVERY_S:
                    await bench.record()
                    recorded = time.monotonic()
            await bench.record()

        began = now()
        hearing = asyncio.create_task(hear())
        each = rate / len(COLLECTORS)
        told = await asyncio.gather(*(tell(stream, venue, each, seconds) for venue in COLLECTORS))
        await hearing
        kept = len(await store.journal.readings(began - STEP, now()))
    return sum(told), late, kept


def shown(name: str, told: int, late: list[float], seconds: float) -> float:
    begins = int(len(late) * BEGINS_S / seconds)
    ordered = sorted(late[begins:])
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    print(
        f"{name:<36} {len(late) / seconds:>8,.0f} a second, {told - len(late)} lost;"
        f" p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms, at most {1000 * ordered[-1]:.0f} ms"
        f" ({1000 * max(late[:begins]):.0f} ms in the first {BEGINS_S:.0f} s)"
    )
    return p99 if told == len(late) else float("inf")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--rate", type=float, default=float(RATE_GOAL))
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, nats_cluster(Path(folder)) as nats:
        print(
            f"{NODES} NATS servers and {len(COLLECTORS)} collectors, one judge; {chosen.rate:,.0f} a second"
        )
        told, late = asyncio.run(through_jetstream(nats.servers, chosen.rate, chosen.seconds))
        p99 = shown("JetStream, 3 replicas, 3 processes", told, late, chosen.seconds)
    told, late = asyncio.run(in_one_process(chosen.rate, chosen.seconds))
    shown("the queue of one process", told, late, chosen.seconds)
    with tempfile.TemporaryDirectory() as folder:
        told, late, kept = asyncio.run(into_sqlite(chosen.rate, chosen.seconds, Path(folder)))
    shown("one process, recorded in SQLite", told, late, chosen.seconds)
    print(f"{'':<36} {kept:,} readings in the file")
    return 0 if p99 <= P99_GOAL_S else 1


if __name__ == "__main__":
    sys.exit(main())
