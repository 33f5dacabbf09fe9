"""``washout copy`` and ``washout backup``: the state in another place."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.config import Settings
from bot.engines import DatabaseSettings, database_url
from bot.errors import UsageError
from bot.opening import postgres
from bot.platforms import Token
from storage.copy import Side
from storage.copy import copy as copy_all
from storage.copy_sides import open_sqlite_side
from storage.sqlite_backup import backup_to


async def copy(settings: Settings, source: str, target: str) -> int:
    """Prints a line for every few thousand rows; 0 when both are the same.

    Passwords are found as that of ``[storage]``. Raises ``UsageError``, ``ConfigError`` and ``StorageError``.
    """
    if "://" not in source and not await asyncio.to_thread(Path(source).is_file):
        raise UsageError(f"{source} does not exist")
    async with _side(settings, source) as here, _side(settings, target) as there:
        if here.where == there.where:
            raise UsageError(f"{target} is what is copied from")
        await copy_all(here, there, _say)
    _say(f"{there.where} now holds all that {here.where} holds.")
    return 0


@asynccontextmanager
async def _side(settings: Settings, place: str) -> AsyncIterator[Side]:
    if "://" not in place:
        async with open_sqlite_side(Path(place)) as file:
            yield file
        return
    try:
        url = database_url(place)
    except ValueError:
        raise UsageError(
            "a database is named as postgresql://user@host:port/database, without its password: that is found"
            " as [storage] password_env and password_file say"
        ) from None
    known = settings.database or DatabaseSettings(url, None, Token("WASHOUT_DATABASE_PASSWORD"))
    database = postgres(DatabaseSettings(url, None, known.password))
    from storage.copy_postgres import open_postgres_side

    async with open_postgres_side(database) as opened:
        yield opened


def backup(settings: Settings, target: Path) -> int:
    """Raises ``UsageError`` where there is nothing to copy or something in the way, and ``StorageError``."""
    if settings.database is not None:
        raise UsageError("the state is in PostgreSQL: pg_dump makes backups of it (see docs/storage.md)")
    if not settings.storage_path.is_file():
        raise UsageError(f"{settings.storage_path} does not exist")
    if target.exists():
        raise UsageError(f"{target} exists already; give another name")
    size = backup_to(settings.storage_path, target)
    _say(f"{target} is a whole copy of {settings.storage_path}, {size / 1e6:.1f} MB")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
