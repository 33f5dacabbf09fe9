"""Opens the store that the settings name: the one place that knows which engines there are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.engines import DatabaseSettings
from bot.errors import ConfigError, StorageError
from bot.ports import Store
from storage.copy_tables import PROGRESS
from storage.sqlite import open_sqlite

if TYPE_CHECKING:  # imported only where it is used: the extra may be absent, and takes time
    from storage.postgres import Database


@asynccontextmanager
async def open_store(
    settings: Settings,
    scenario: str | None = None,
    roles: Collection[str] | None = None,
    me: str | None = None,
) -> AsyncIterator[Store]:
    """The store of the settings while the block runs; a scenario has one of its own beside the real one.

    ``roles`` are what the process does, for the number of its connections (``None``: everything), and ``me``
    is its name among others that share the store (``None``: a new one).
    Raises ``StorageError``, also where a copy into it is not done yet, and ``ConfigError`` where what is
    needed for it is not installed.
    """
    if settings.database is None:
        async with open_sqlite(sqlite_file(settings, scenario)) as store:
            await _refuse_half_a_copy(store)
            yield store
        return
    database = postgres(settings.database, scenario)
    from storage.postgres import ALL_ROLES, open_postgres

    async with open_postgres(database, ALL_ROLES if roles is None else roles, me=me) as opened:
        await _refuse_half_a_copy(opened)
        yield opened


async def _refuse_half_a_copy(store: Store) -> None:
    if await store.journal.kept(PROGRESS) is not None:
        where = (await store.facts())["where"]
        raise StorageError(
            f"{where} holds a copy that is not done yet: give the command it was begun with (washout copy …)"
            " again, or empty it."
        )


async def remove_play(settings: Settings, scenario: str) -> None:
    """All that was kept of a scenario: the next play of it begins anew."""
    if settings.database is None:
        path = sqlite_file(settings, scenario)
        for suffix in ("", "-wal", "-shm"):
            await asyncio.to_thread(path.with_name(path.name + suffix).unlink, missing_ok=True)
        return
    database = postgres(settings.database, scenario)
    from storage.postgres import drop_schema

    await drop_schema(database)


def postgres(settings: DatabaseSettings, scenario: str | None = None) -> Database:
    """Raises ``ConfigError`` where asyncpg is absent or the password cannot be read."""
    try:
        from storage.postgres import Database
    except ImportError as absent:
        raise ConfigError(
            f"[storage] url needs {absent.name or 'asyncpg'}, which is not installed:"
            " run  pip install 'washout[scale]'"
        ) from None
    schema = None if scenario is None else "washout_" + re.sub("[^a-z0-9]", "_", scenario.lower())
    return Database(settings.url, settings.password.read(), settings.direct_url, schema)


def sqlite_file(settings: Settings, scenario: str | None) -> Path:
    path = settings.storage_path
    return path if scenario is None else path.with_name(f"{path.stem}.{scenario}{path.suffix}")
