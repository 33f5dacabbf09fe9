"""The pages to read over a day with the fall of 10 October, as programs fetch them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp

from bot.domain.waves import Wave
from handlers.desk import About, Desk
from handlers.web import Door, Site
from storage.memory import MemoryStore
from tests.handlers.october import BANNER, MINUTE, NOW, ONSET, SeenVenues, snapshots
from tests.local import local_chat


async def october(*waves: Wave) -> Site:
    """A day with the fall of 10 October and the waves that were made of it."""
    store = MemoryStore()
    await store.journal.snap(snapshots(NOW - timedelta(hours=25), NOW, MINUTE))
    for found in waves:
        await store.waves.save(found)
    about = About(version="0.4.0", started=ONSET, banner=BANNER)
    desk = Desk(store, SeenVenues(), lambda: NOW, about, wall=lambda: NOW)
    return Site(chat=local_chat(store), desk=desk, door=Door(wall=lambda: NOW))


@asynccontextmanager
async def visiting(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    async with site.listen(port=0) as url, aiohttp.ClientSession(url) as session:
        yield session


async def got(session: aiohttp.ClientSession, path: str) -> str:
    async with session.get(path) as response:
        assert response.status == 200
        return await response.text()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())
