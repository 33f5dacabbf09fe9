"""100,000 subscriptions in PostgreSQL, matched by four processes: start-up, memory, how long a wave takes.

    python -m benchmarks.fleet_matching

Each process is as the judge of one of four partitions is: it reads everybody's wishes once, and from then on
what changed. Every other match follows a change of one chat. PostgreSQL is that of the tests, beside them.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import time
from typing import Any

import asyncpg
import msgspec

from benchmarks.fleet_guilds import resident_mb
from benchmarks.matching import CHATS, subscription, wave
from bot.pipeline.route import listeners
from storage.postgres import Database, open_postgres
from storage.rules import assets_key
from tests.postgres import serve

PROCESSES, MATCHES = 4, 40


async def subscribe(database: Database) -> None:
    """All at once: what is measured is not how they came."""
    rows = [
        (s.destination.platform, s.destination.chat, "", assets_key(s), msgspec.msgpack.encode(s))
        for s in (subscription(number) for number in range(CHATS))
    ]
    db: Any = await asyncpg.connect(database.url)
    await db.copy_records_to_table(
        "subscriptions", records=rows, columns=["platform", "chat", "topic", "assets", "body"]
    )
    await db.close()


def judge(url: str, place: int, told: Any) -> None:
    async def run() -> None:
        before_mb, big, took = resident_mb(), wave(), list[float]()
        began = time.perf_counter()
        async with open_postgres(Database(url)) as store:
            wishes = len(await store.subscriptions.wishes())
            start_s = time.perf_counter() - began
            for number in range(MATCHES):
                if number % 2:
                    await store.subscriptions.add(subscription(CHATS + MATCHES * place + number))
                began = time.perf_counter()
                chosen = listeners(big, await store.subscriptions.wishes())
                took.append(1e3 * (time.perf_counter() - began))
            told.put((start_s, before_mb, resident_mb(), sorted(took), wishes, len(chosen)))

    asyncio.run(run())


def main() -> int:
    spawn = multiprocessing.get_context("spawn")
    told = spawn.Queue()
    with serve() as server:
        database = asyncio.run(server.database())
        asyncio.run(subscribe(database))
        processes = [
            spawn.Process(target=judge, args=(database.url, place, told)) for place in range(PROCESSES)
        ]
        for process in processes:
            process.start()
        seen = [told.get(timeout=120) for _ in processes]
        for process in processes:
            process.join(10)
    print(f"{CHATS:,} subscriptions in PostgreSQL, {PROCESSES} processes that start and match side by side")
    for start_s, before_mb, after_mb, took, wishes, chosen in seen:
        print(
            f"    {wishes:,} wishes known after {start_s:.1f} s, {after_mb:.0f} MB ({before_mb:.0f} before);"
            f" {chosen:,} chats matched in {took[len(took) // 2]:.0f} ms, at most {took[-1]:.0f} ms"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
