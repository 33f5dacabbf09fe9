"""Start and size of the real program against the bare imports of its libraries, in one run.

    python -m benchmarks.startup

Start: from the birth of the process (``python -m bot run --config …``, its database is not new) to its
first request at a venue, against the birth of a process to the end of its imports. Size: resident memory
after every venue was polled several times, against that of the imports. A loopback server speaks for all
seven venues, which list a dozen to three hundred contracts. Starts alternate; figures are ratios of medians.

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
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
    """An hour of history and a quiet day: the coins watched on all venues, many more on the largest."""
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
                for at in (now - timedelta(hours=1), now + timedelta(days=1))
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

    async def line(self, word: str) -> float:
        """Seconds from birth until it said ``word``."""
        assert self.process.stdout
        async for line in self.process.stdout:
            if word in line.decode():
                return time.perf_counter() - self.born
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


async def imports(folder: Path) -> tuple[float, float]:
    """Seconds and MB of the libraries alone."""
    process = await Process.start(folder, "-c", LIBRARIES)
    took = await process.line("imported")
    size = process.resident_mb
    process.process.kill()
    await process.process.communicate()
    return took, size


async def first_request(folder: Path, asked: list[float]) -> float:
    """Seconds from the birth of the program to its first request."""
    asked.clear()
    process = await Process.start(folder, "-m", "bot", "run", "--config", "config.toml", "--port", "0")
    while not asked:
        assert process.process.returncode is None
        await asyncio.sleep(0.002)
    took = asked[0] - process.born
    await process.end()
    return took


async def idle(folder: Path) -> float:
    """MB of the program once it has polled every venue a few times."""
    process = await Process.start(folder, "-m", "bot", "run", "--config", "config.toml", "--port", "0")
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


async def measure(say: Callable[[str], None]) -> None:
    asked: list[float] = []

    def clock() -> datetime:
        asked.append(time.perf_counter())
        return datetime.now(UTC)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with serve(market(datetime.now(UTC)), clock) as addresses:
            prepare(folder, dict(addresses))
            await imports(folder)  # writes the byte code
            size = await idle(folder)  # also the first start of this database, which looks back
            again = await idle(folder)
            bare, ours = [], []
            for _ in range(ROUNDS):
                bare.append(await imports(folder))
                ours.append(await first_request(folder, asked))
    report(say, bare, ours, (size, again))


def report(
    say: Callable[[str], None],
    bare: list[tuple[float, float]],
    ours: list[float],
    sizes: tuple[float, float],
) -> None:
    bare_s = statistics.median(took for took, _ in bare)
    bare_mb = statistics.median(size for _, size in bare)
    start = statistics.median(ours)
    say(f"medians of {ROUNDS} starts, alternating; {len(NAMES)} venues")
    verdict = "ok" if start <= START_GOAL * bare_s else "MISSED"
    say(
        f"until the first request  {start:5.2f} s   imports alone {bare_s:5.2f} s   "
        f"ratio {start / bare_s:.2f} (goal ≤ {START_GOAL})  {verdict}"
    )
    for when, size in zip(("after a first start", "after a restart"), sizes, strict=True):
        verdict = "ok" if size <= SIZE_GOAL * bare_mb else "MISSED"
        say(
            f"idle {when:<19} {size:5.1f} MB  imports alone {bare_mb:5.1f} MB  "
            f"ratio {size / bare_mb:.2f} (goal ≤ {SIZE_GOAL})  {verdict}"
        )


if __name__ == "__main__":
    asyncio.run(measure(print))
