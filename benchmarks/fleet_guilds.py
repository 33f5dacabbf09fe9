"""10,000 Discord servers over four shard processes: how soon all are known, and what each process weighs.

    python -m benchmarks.fleet_guilds [--guilds N]

The gateway is a local one; each process is the real face over a store in memory, in servers greeted long ago.
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
from typing import Any

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


def now() -> datetime:
    return datetime.now(UTC)


async def draw(_: Chart) -> bytes:
    return b""


def resident_mb() -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1000


def shard(place: int, api: str, gateway: str, guilds: int, seen: Any) -> None:
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
            seen.put((time.monotonic() - began, before_mb, resident_mb()))

    asyncio.run(run())


async def measure(guilds: int) -> list[tuple[float, float, float]]:
    """Of each process: seconds until all its servers are known, MB before and after."""
    spawn, each = multiprocessing.get_context("spawn"), guilds // PROCESSES
    discord, seen = Discord(), spawn.Queue()
    ids = [str(FIRST_ID + number) for number in range(each)]
    (_, ready), *_ = discord.gateway.ready
    discord.gateway.ready = [
        ("READY", {**ready, "guilds": [{"id": name, "unavailable": True} for name in ids]}),
        *(("GUILD_CREATE", guild(id=name)) for name in ids),
    ]
    async with discord.serve() as api:
        found = []
        for place in range(PROCESSES):  # one after the other, as IDENTIFY allows
            process = spawn.Process(target=shard, args=(place, api, discord.gateway.url, each, seen))
            process.start()
            found.append(await asyncio.to_thread(seen.get, timeout=120))
            await asyncio.to_thread(process.join, 20)
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--guilds", type=int, default=GUILDS)
    chosen = options.parse_args()
    for place, (took_s, before_mb, after_mb) in enumerate(asyncio.run(measure(chosen.guilds))):
        print(
            f"shard {place} of {PROCESSES}: {chosen.guilds // PROCESSES} servers known after {took_s:.1f} s;"
            f" {after_mb:.0f} MB resident, {before_mb:.0f} MB before"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
