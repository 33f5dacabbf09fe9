"""Every venue at full size against the real program: 9,000 contracts a minute, 5,000 liquidations a second.

    python -m benchmarks.fleet [--seconds STEADY]

The venues are local servers in two processes of their own, which speak each venue's wire format over HTTP and
sockets; the program is a process of its own too (``bot.app.run`` with a probe beside it). After a start and a
quiet stretch the sockets tell 300,000 liquidations within a minute, as on 10 October 2025. Seen from outside:
what the journal holds of them, how late the steps are, how long the event loop is held, CPU and memory.

The event loop's holding is told in wall time and in CPU time of its thread: the latter is what the program
does, the former also what other processes of the machine take.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import multiprocessing
import os
import re
import signal
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from benchmarks._venues import HEARD, PEAK_S, VENUES, a_venue, venues_serving
from bot.exchanges import EXCHANGES

ROOT = Path(__file__).resolve().parents[1]
WAITING = "washout_observations_waiting"
MEASURED_EVERY_S = 0.005
START_S = 150.0
STEADY_S = 180.0
DRAIN_S = 90.0
UNITS = 1e6
LAG_GOAL_S, HELD_GOAL_S, CPU_GOAL, SIZE_GOAL_MB = 1.0, 0.050, 0.6, 250.0


# --- the program ---------------------------------------------------------------------------------------


class Probe:
    """How long the event loop was held between two looks of a task that wants one every few milliseconds."""

    def __init__(self) -> None:
        self.wall_s: list[float] = []
        self.cpu_s: list[float] = []
        self.when: list[float] = []

    async def look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before, spent = loop.time(), time.thread_time()
            await asyncio.sleep(MEASURED_EVERY_S)
            held = loop.time() - before - MEASURED_EVERY_S
            if held > 0.01:
                self.wall_s.append(held)
                self.cpu_s.append(time.thread_time() - spent)
                self.when.append(time.time())

    def written(self) -> str:
        return json.dumps({"wall": self.wall_s, "cpu": self.cpu_s, "when": self.when})


async def program(folder: Path) -> None:
    """The program as ``python -m bot run`` makes it, with a probe in its event loop."""
    import logging

    from bot.app import run
    from bot.config import load

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    gc.collect()
    gc.freeze()
    probe = Probe()
    looking = asyncio.create_task(probe.look())
    await run(load(folder / "config.toml", EXCHANGES.values()), None, 1.0, 0)
    looking.cancel()
    (folder / "probe.json").write_text(probe.written())


@dataclass
class Running:
    """The program's process, seen from outside."""

    process: asyncio.subprocess.Process
    folder: Path
    address: str = ""

    def cpu_s(self) -> float:
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    @property
    def resident_mb(self) -> float:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found
        return int(found[1]) / 1000

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:  # noqa: S310
            return str(answer.read().decode())

    async def figures(self) -> dict[str, float]:
        told = await asyncio.to_thread(self.get, "/metrics")
        rows = (line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def rows(self, sql: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "data/washout.db", timeout=30)) as db:
            return db.execute(sql, values).fetchall()


@asynccontextmanager
async def running_program(folder: Path) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.fleet", "--program", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=(folder / "log.txt").open("w"),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout
        line = (await process.stdout.readline()).decode()
        found = re.search(r"http://[\d.:]+", line)
        assert found, (folder / "log.txt").read_text()[-3000:]
        yield Running(process, folder, found[0])
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 60)


def configure(folder: Path, ports: dict[str, int]) -> None:
    tables = [
        f'[venues.{venue}]\nenabled = true\nbase_url = "http://127.0.0.1:{port}/{venue}"\n'
        f'ws_url = "ws://127.0.0.1:{port}/{venue}"\n'
        for venue, port in ports.items()
    ]
    market = f'[market]\nassets = "all"\nvenues = {json.dumps(list(ports))}\n'
    (folder / "config.toml").write_text(market + "".join(tables), "utf-8")


# --- what is seen --------------------------------------------------------------------------------------


@dataclass
class Seen:
    waiting: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)

    async def watch(self, one: Running) -> None:
        """The stream's length and how late the newest step is, several times a second."""
        newest = ""
        while True:
            self.waiting.append((await one.figures())[WAITING])
            told = await asyncio.to_thread(one.rows, "select max(at) from snapshots")
            now = time.time()
            if told[0][0] is not None and told[0][0] != newest:
                if newest:
                    self.late_s.append(now - told[0][0] / UNITS)
                newest = told[0][0]
            await asyncio.sleep(0.1)


@dataclass
class Figures:
    """What one run gave."""

    contracts: int = 0
    steady_cpu: float = 0.0
    peak_cpu: float = 0.0
    steady_mb: float = 0.0
    most_mb: float = 0.0
    told: int = 0
    kept: int = 0
    waiting: float = 0.0
    late_s: Sequence[float] = ()
    held: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By stretch: the longest in CPU time, and in wall time."""


async def measure(steady_s: float) -> Figures:
    start: Synchronized[float] = multiprocessing.get_context("spawn").Value("d", 0.0)
    got, seen = Figures(told=a_venue() * len(HEARD)), Seen()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with venues_serving(start) as ports:
            configure(folder, ports)
            async with running_program(folder) as one:
                await asyncio.sleep(START_S)
                report_states(one)
                began = time.time()
                got.steady_cpu, got.steady_mb = await spent(one, steady_s), one.resident_mb
                peak_at = start.value = time.time() + 1
                watching = asyncio.create_task(seen.watch(one))
                got.peak_cpu = await spent(one, PEAK_S + 5)
                got.most_mb = one.resident_mb
                await asyncio.sleep(DRAIN_S)
                watching.cancel()
                got.kept = one.rows("select count(*) from liquidations where at >= ?", (peak_at - 1) * UNITS)[
                    0
                ][0]
                got.contracts = one.rows("select count(*) from markets")[0][0]
                ended = time.time()
                got.most_mb = max(got.most_mb, one.resident_mb)
        got.waiting, got.late_s = max(seen.waiting), seen.late_s
        stretches = {"start": (0.0, began), "steady": (began, peak_at), "peak and after": (peak_at, ended)}
        got.held = held(folder / "probe.json", stretches)
    return got


def report_states(one: Running) -> None:
    told = json.loads(one.get("/healthz"))["sources"]
    print("sources:", dict(Counter(source["state"] for source in told)))
    for source in told:
        if source["state"] not in ("fresh", "waiting"):
            print("  ", source["venue"], source["source"], source["state"], source["why"])


async def spent(one: Running, seconds: float) -> float:
    """CPU of the program as a share of one core."""
    began, before = time.time(), one.cpu_s()
    await asyncio.sleep(seconds)
    return (one.cpu_s() - before) / (time.time() - began)


def held(probe: Path, stretches: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    told = json.loads(probe.read_text())
    looks = list(zip(told["when"], told["cpu"], told["wall"], strict=True))
    longest = {}
    for name, (since, until) in stretches.items():
        within = [(cpu, wall, at) for at, cpu, wall in looks if since <= at < until]
        longest[name] = max((w[0] for w in within), default=0.0), max((w[1] for w in within), default=0.0)
        for cpu, wall, at in sorted(within, reverse=True)[:4]:
            print(f"  {name}: held {1000 * cpu:.0f} ms of CPU, {1000 * wall:.0f} ms in all, at {clock(at)}")
    return longest


def clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


def told(got: Figures) -> bool:
    """Print every figure with its goal; were all met?"""
    late = sorted(got.late_s)
    lag = late[-1] if late else float("inf")
    steady, peak = got.held["steady"][0], got.held["peak and after"][0]
    rows = [
        ("lost between socket and journal", f"{got.told - got.kept} of {got.told}", got.kept == got.told),
        ("detector behind the clock", f"{lag:.2f} s at worst of {len(late)} steps", lag <= LAG_GOAL_S),
        ("event loop held, steady (CPU)", f"{1000 * steady:.0f} ms", steady <= HELD_GOAL_S),
        ("event loop held, peak (CPU)", f"{1000 * peak:.0f} ms", peak <= HELD_GOAL_S),
        ("one core, steady", f"{got.steady_cpu:.0%}", got.steady_cpu <= CPU_GOAL),
        ("resident, at most", f"{got.most_mb:.0f} MB", got.most_mb <= SIZE_GOAL_MB),
    ]
    print(f"{len(VENUES)} venues, {got.contracts} contracts; {got.peak_cpu:.0%} of a core at the peak,")
    print(f"{got.waiting:.0f} observations waiting at most; loop held in wall time: {got.held}")
    for what, figure, met in rows:
        print(f"{what:<34} {figure:<32} {'ok' if met else 'MISSED'}")
    return all(met for _, _, met in rows)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--program")
    options.add_argument("--seconds", type=float, default=STEADY_S)
    chosen = options.parse_args()
    if chosen.program:
        asyncio.run(program(Path(chosen.program)))
        return 0
    return 0 if told(asyncio.run(measure(chosen.seconds))) else 1


if __name__ == "__main__":
    sys.exit(main())
