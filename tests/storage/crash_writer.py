"""Writes to the store at ``argv[1]`` until it is killed, and tells on a line each what was awaited."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from storage.sqlite import open_sqlite
from tests.storage.samples import HOME, MINUTE, NOW, liquidation, reading, snapshot, wave


async def main(path: str) -> None:
    async with open_sqlite(path) as store:
        number = 0
        while True:
            number += 1
            at = NOW + number * MINUTE
            await store.journal.record([reading(at)])
            await store.journal.snap([snapshot(at)])
            await store.journal.hear([liquidation(at)])
            await store.waves.save(wave(revision=number))
            await store.posts.want("1a", [HOME], revision=number, loud=1, size=1)
            for post in await store.posts.claim("local", at, timedelta(0), 1):
                await store.posts.shown(post, revision=number, message="m", loud=True, now=at)
            await store.chat.say("bot", at, text=str(number))
            print(number, flush=True)  # noqa: T201


asyncio.run(main(sys.argv[1]))
