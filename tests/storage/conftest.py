"""Every store is opened here; the contract runs over all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.ports import Store
from storage.memory import MemoryStore
from storage.postgres import open_postgres
from storage.sqlite import open_sqlite
from tests.postgres import Server


@pytest_asyncio.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "postgres":
        server: Server = request.getfixturevalue("postgres")
        database = await server.database()
        async with open_postgres(database) as opened:
            yield opened
        await server.give_back(database)
    else:
        async with open_sqlite(tmp_path / "washout.db") as opened:
            yield opened
