"""Start and size of the real program against the bare imports of its libraries, in one run.

    python -m benchmarks.startup

Start: from the birth of the process (``python -m bot run --config …``, its database is not new) to its
first request at a venue, against the birth of a process to the end of its imports. Size: resident memory
after every venue was polled several times, against that of the imports. A loopback server speaks for all
seven venues, which list a dozen to three hundred contracts. Starts alternate; the figures are ratios of
medians, of wall time and, which a busy machine disturbs least, of CPU time.

``make run`` installs neither pandas nor numpy, which sqlite-utils imports where it finds them: here, where
other benchmarks need them, both sides are kept from it. Both sides have their byte code.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from bot.config import TOP
from bot.simulator.scenario import Coin, Contract, Keyframe, Liquidations, Scenario, Script
from bot.simulator.servers import Address, serve

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = """
import asyncio, sys
import aiohttp, aiohttp.web, yarl
import apscheduler.schedulers.asyncio, apscheduler.triggers.interval, apscheduler.jobstores.base
import msgspec, rapidfuzz.process, rapidfuzz.distance, sqlite_utils, sqlite_utils.migrations
sys.stdout.write("imported\\n")
sys.stdout.flush()
sys.stdin.read()
"""
ROUNDS = 15
PROGRAM = ("-m", "bot", "run", "--config", "config.toml", "--port", "0")
START_GOAL, SIZE_GOAL = 1.3, 1.5
SETTLED_S = 75.0
"""Seven polls of ten seconds and at least one step of the judge."""
OTHERS = 300
"""Coins that venues list besides those watched."""
NAMES: dict[str, tuple[str, float, bool]] = {
    "binance_usdm": ("{}USDT", 1, False),
    "bybit": ("{}USDT", 1, False),
    "okx": ("{}-USDT-SWAP", 0.01, False),
    "hyperliquid": ("{}", 1, False),
    "deribit": ("{}_USDC-PERPETUAL", 1, False),
    "binance_coinm": ("{}USD_PERP", 10, True),
    "coinbase_cde": ("{}P-20DEC30-CDE", 0.01, False),
}
"""How each venue names a coin's contract, its size, and whether it is inverse."""
MOST_COINS = ("binance_usdm", "bybit", "okx", "hyperliquid")


def market(now: datetime) -> Scenario:
    """Quiet: the coins watched on all venues with two weeks of history, many more on the largest."""
    names = [*TOP, *(f"C{number:03}" for number in range(OTHERS))]
    coins, contracts = {}, []
    for place, name in enumerate(names):
        venues = tuple(NAMES) if name in TOP else MOST_COINS
        held = tuple(1e4 + 100 * place for _ in venues)
        coins[name] = Coin(
            venues,
            1.5,
            tuple(
                Keyframe(at, 10.0 + place, 1e-4, sum(held), held)
                for at in (now - timedelta(days=14), now + timedelta(days=1))
            ),
            Liquidations(now, (0.1,), 0.5, 0.1, 0.1, 0.5),
        )
        for venue in venues:
            symbol, size, inverse = NAMES[venue]
            contracts.append(Contract(venue, name, symbol.format(name), 1.0, size, inverse))
    return Scenario(
        Script("Quiet", "", now, now + timedelta(days=1), "quiet", "", coins, tuple(contracts), {"okx": 1.0})
    )


def environment(folder: Path) -> dict[str, str]:
    """As after ``make run``, from the second start on: byte code is kept, and pandas is not there."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": f"{folder / 'lean'}:{ROOT}", "PYTHONPYCACHEPREFIX": str(folder / "code")}


class Spent(NamedTuple):
    wall_s: float
    cpu_s: float


class Process:
    """A child with pipes, its birth, and its resident memory in MB."""

    def __init__(self, process: asyncio.subprocess.Process, born: float) -> None:
        self.process, self.born = process, born

    @classmethod
    async def start(cls, folder: Path, *arguments: str) -> Process:
        born = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=folder,
            env=environment(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process, born)

    def spent(self) -> Spent:
        """Until now."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        cpu_ns = sum(int(thread.read_text().split()[0]) for thread in threads)
        return Spent(time.perf_counter() - self.born, cpu_ns / 1e9)

    async def line(self, word: str) -> Spent:
        """What was spent from birth until it said ``word``."""
        assert self.process.stdout
        async for line in self.process.stdout:
            if word in line.decode():
                return self.spent()
        raise RuntimeError(f"a process ended without saying {word!r}")

    @property
    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1000

    async def end(self) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        await self.process.communicate()


async def imports(folder: Path) -> tuple[Spent, float]:
    """The libraries alone: what their imports took, and their MB."""
    process = await Process.start(folder, "-c", LIBRARIES)
    took = await process.line("imported")
    size = process.resident_mb
    process.process.kill()
    await process.process.communicate()
    return took, size


class Venues:
    """The clock of the venues' server, which looks at it whenever it is asked: so it sees a first request."""

    def __init__(self) -> None:
        self.watched: Process | None = None
        self.first: Spent | None = None

    def clock(self) -> datetime:
        if self.watched and not self.first:
            self.first = self.watched.spent()
        return datetime.now(UTC)

    async def first_request(self, folder: Path) -> Spent:
        """What was spent from the birth of the program to its first request."""
        self.first = None
        self.watched = process = await Process.start(folder, *PROGRAM)
        while not self.first:
            assert process.process.returncode is None
            await asyncio.sleep(0.005)
        self.watched = None
        await process.end()
        return self.first


async def idle(folder: Path, after: str) -> float:
    """MB of the program once it has said ``after`` and polled every venue a few times."""
    process = await Process.start(folder, *PROGRAM)
    await process.line(after)
    await asyncio.sleep(SETTLED_S)
    size = process.resident_mb
    await process.end()
    return size


def prepare(folder: Path, addresses: dict[str, Address]) -> None:
    lean = folder / "lean"
    lean.mkdir()
    for name in ("pandas", "numpy"):
        (lean / f"{name}.py").write_text("raise ImportError('not among what make run installs')\n")
    tables = [
        f'[venues.{venue}]\nbase_url = "{at.base_url}"\nws_url = "{at.ws_url}"\n'
        for venue, at in addresses.items()
        if venue in NAMES
    ]
    (folder / "config.toml").write_text('[market]\npoll_every = "10s"\n' + "".join(tables))


async def measure() -> None:
    venues = Venues()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with serve(market(datetime.now(UTC)), venues.clock) as addresses:
            prepare(folder, dict(addresses))
            await imports(folder)  # writes the byte code
            sizes = await idle(folder, "past.remembered"), await idle(folder, "Washout is at")
            bare, ours = [], []
            for _ in range(ROUNDS):
                bare.append(await imports(folder))
                ours.append(await venues.first_request(folder))
    print(f"medians of {ROUNDS} starts, alternating; {len(NAMES)} venues; goals {START_GOAL} and {SIZE_GOAL}")
    for place, what in enumerate(("wall", "CPU")):
        alone = statistics.median(took[place] for took, _ in bare)
        report(
            f"first request, {what}", statistics.median(took[place] for took in ours), alone, "s", START_GOAL
        )
    alone = statistics.median(size for _, size in bare)
    for what, size in zip(("the look back", "a restart"), sizes, strict=True):
        report(f"idle after {what}", size, alone, "MB", SIZE_GOAL)


def report(what: str, ours: float, alone: float, unit: str, goal: float) -> None:
    verdict = "ok" if ours <= goal * alone else "MISSED"
    print(f"{what:<24} {ours:6.2f} {unit:2}  imports alone {alone:6.2f}  {ours / alone:.2f} ×  {verdict}")


if __name__ == "__main__":
    asyncio.run(measure())
