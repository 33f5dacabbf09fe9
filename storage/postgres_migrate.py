"""Brings a database up to this release, also when several processes start at once."""

from __future__ import annotations

from typing import Any

from bot.errors import StorageError
from storage.postgres_connections import Connection
from storage.postgres_schema import Migration, known

OLDEST_SERVER = 140000
"""idle_session_timeout, on which the locks rest, came with PostgreSQL 14."""
_KEY = 0x57415348
"""Of the advisory lock that whoever migrates holds ("WASH")."""


async def migrate(db: Any, where: str, schema: str | None = None) -> None:
    """Create or upgrade the tables of ``schema`` (``None``: the connection's own), all at once or not at all.

    Raises ``StorageError`` for a server that is too old, a schema this program cannot work with, and tables
    that were changed by hand.
    """
    version = int(await db.fetchval("show server_version_num"))
    if version < OLDEST_SERVER:
        raise StorageError(f"{where} is version {version // 10_000}; Washout needs PostgreSQL 14 or newer.")
    async with db.transaction():
        await db.execute("select pg_advisory_xact_lock($1)", _KEY)
        if schema is not None:
            await db.execute(f'create schema if not exists "{schema}"')
        await db.execute(
            "create table if not exists migrations (number integer primary key, name text not null,"
            " works_from integer not null, checksum text not null, at timestamptz not null default now())"
        )
        for step in await pending(db, where):
            await db.execute(step.sql)
            await db.execute(
                "insert into migrations (number, name, works_from, checksum) values ($1, $2, $3, $4)",
                step.number,
                step.name,
                step.works_from,
                step.checksum,
            )


async def pending(db: Connection, where: str) -> list[Migration]:
    """What is still to be applied. A newer schema is fine as long as it says that this program works with it.

    Raises ``StorageError``.
    """
    rows = await db.fetch("select number, name, works_from, checksum from migrations")
    applied = {row["number"]: row for row in rows}
    ours = {step.number: step for step in known()}
    for number, row in sorted(applied.items()):
        if number in ours and row["checksum"] != ours[number].checksum:
            raise StorageError(
                f"{where} was made with another {row['name']} than this program has; it is of a version that"
                " was never released: give another database under [storage]."
            )
        if row["works_from"] > max(ours):
            raise StorageError(
                f"{where} was upgraded by a newer Washout ({row['name']}) that this one cannot work beside;"
                " upgrade this one."
            )
    return [step for number, step in ours.items() if number not in applied]
