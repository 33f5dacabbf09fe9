"""Holds the lock ``judge`` of the database at ``argv[1]`` until it is killed; says so on a line."""

from __future__ import annotations

import asyncio
import sys

from storage.postgres import Database, open_postgres


async def main(url: str) -> None:
    async with open_postgres(Database(url)) as store, store.locks.hold("judge") as held:
        print(held.token, flush=True)  # noqa: T201
        await held.lost.wait()


asyncio.run(main(sys.argv[1]))
