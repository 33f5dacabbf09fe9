"""10,000 Discord servers over four shard processes at once: how soon all are known, and what each weighs.

    python -m benchmarks.fleet_guilds [--guilds N]

The gateway is a local one that lets all identify in the same moment; each process is the real face over a
store in memory, in servers greeted long ago, and stays until all know theirs.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from bot.domain.charts import Chart
from bot.health import Health
from handlers.desk import About, Desk
from handlers.discord_face import open_discord
from handlers.discord_face.shards import Alone, Shards
from storage.memory import MemoryStore
from tests.discord_face.payloads import guild
from tests.discord_face.records import TOKEN
from tests.discord_face.server import Discord

GUILDS, PROCESSES = 10_000, 4
FIRST_ID = 5_000_000


class Known(NamedTuple):
    """When a process knew all its servers, in seconds since the start of all and since it began to log in."""

    place: int
    after_s: float
    login_s: float
    before_mb: float
    mb: float


def now() -> datetime:
    return datetime.now(UTC)


async def draw(_: Chart) -> bytes:
    return b""


def resident_mb() -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1000


def shard(place: int, api: str, gateway: str, guilds: int, start: float, seen: Any, all_seen: Any) -> None:
    async def run() -> None:
        store, before_mb = MemoryStore(), resident_mb()
        for number in range(guilds):
            await store.journal.keep(f"discord.met.{FIRST_ID + number}", b"yes")
        desk = Desk(store, Health(now), now, About(version="0", started=now()), wall=now)
        began = time.monotonic()
        ours = Shards(place, place, PROCESSES)
        opening = open_discord(TOKEN, desk, draw, api_base=api, gateway=gateway, gate=Alone(), shards=ours)
        async with opening as face:

            def all_known() -> bool:
                client = face.client
                return client is not None and sum(not one.unavailable for one in client.guilds) == guilds

            while not all_known():  # noqa: ASYNC110 - the library tells of each, not of the last
                await asyncio.sleep(0.05)
            knew = time.monotonic()
            seen.put(Known(place, knew - start, knew - began, before_mb, resident_mb()))
            await asyncio.to_thread(all_seen.wait)

    asyncio.run(run())


async def measure(guilds: int) -> list[Known]:
    spawn, each = multiprocessing.get_context("spawn"), guilds // PROCESSES
    discord, seen, all_seen = Discord(), spawn.Queue(), spawn.Event()
    ids = [str(FIRST_ID + number) for number in range(each)]
    (_, ready), *_ = discord.gateway.ready
    discord.gateway.ready = [
        ("READY", {**ready, "guilds": [{"id": name, "unavailable": True} for name in ids]}),
        *(("GUILD_CREATE", guild(id=name)) for name in ids),
    ]
    async with discord.serve() as api:
        start = time.monotonic()
        given = (api, discord.gateway.url, each, start, seen, all_seen)
        processes = [spawn.Process(target=shard, args=(place, *given)) for place in range(PROCESSES)]
        for process in processes:
            process.start()
        found = [await asyncio.to_thread(seen.get, timeout=120) for _ in processes]
        all_seen.set()
        for process in processes:
            await asyncio.to_thread(process.join, 20)
    return sorted(found)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--guilds", type=int, default=GUILDS)
    chosen = options.parse_args()
    for one in asyncio.run(measure(chosen.guilds)):
        print(
            f"shard {one.place} of {PROCESSES}: {chosen.guilds // PROCESSES} servers known"
            f" {one.after_s:.1f} s after the start of all, {one.login_s:.1f} s after it began to log in;"
            f" {one.mb:.0f} MB resident, {one.before_mb:.0f} MB before"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
