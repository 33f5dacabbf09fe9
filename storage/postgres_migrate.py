"""Brings a database up to this release, also beside busy processes of the release before.

Each migration is a transaction of its own, recorded with it: one that is cut off between two of them goes on
with the next. Who migrates holds an advisory lock of its session meanwhile, so of many that start at once one
does it. It goes past a pooler, as other locks do.

``alter table`` waits for whoever uses the table, and everybody who comes later waits behind it; and one that
alters two tables may hold what another waits for. So a migration waits a moment only, shorter than
PostgreSQL takes to look for a deadlock: it is the migration that gives way then, and not the process at
work. Rolled back, it is tried again a little later.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

import asyncpg

from bot.errors import StorageError
from storage.postgres_connections import LOCK_TIMEOUT, PATIENCE, Connection
from storage.postgres_schema import Migration, known

log = logging.getLogger(__name__)

OLDEST_SERVER = 140000
"""idle_session_timeout, on which the locks rest, came with PostgreSQL 14."""
_KEY = 0x57415348
"""Of the advisory lock that whoever migrates holds ("WASH")."""
_TURN_S = 0.1
_PAUSE_S = (0.25, 4.0)
"""At first and at most, between two attempts at a busy table."""
_MIGRATOR = (
    "select coalesce(host(client_addr) || ', ', '') || 'session ' || pid from pg_locks"
    " join pg_stat_activity using (pid) where locktype = 'advisory' and granted and objsubid = 1"
    " and database = (select oid from pg_database where datname = current_database())"
    " and classid = 0 and objid = $1::bigint::oid"
)
_Busy = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)


async def migrate(
    db: Any,
    where: str,
    schema: str | None = None,
    *,
    steps: Sequence[Migration] | None = None,
    patience: timedelta = PATIENCE,
) -> None:
    """Create or upgrade the tables of ``schema`` (``None``: the connection's own) by ``steps`` (all there
    are).

    ``db`` is a session for this alone: the lock goes with it. ``patience`` is how long tables may be busy.
    Raises ``StorageError`` for a server that is too old, a schema this program cannot work with, tables that
    were changed by hand or do not come free, and another process that does not come to an end with this.
    """
    steps = known() if steps is None else steps
    version = int(await db.fetchval("show server_version_num"))
    if version < OLDEST_SERVER:
        raise StorageError(f"{where} is version {version // 10_000}; Washout needs PostgreSQL 14 or newer.")
    until = monotonic() + patience.total_seconds()
    while await _behind(db, where, steps):
        if await db.fetchval("select pg_try_advisory_lock($1)", _KEY):
            await _upgrade(db, where, schema, steps, until)
            return
        if monotonic() > until:
            who = await db.fetchval(_MIGRATOR, _KEY) or "just gone"
            raise StorageError(
                f"{where} is being upgraded by another process ({who}), which has not come to an end within"
                f" {patience.total_seconds():g} s; see to that one, then start again."
            )
        await asyncio.sleep(_TURN_S * random.uniform(0.5, 1))  # noqa: S311


async def _behind(db: Connection, where: str, steps: Sequence[Migration]) -> bool:
    if await db.fetchval("select to_regclass('migrations')") is None:
        return True
    return bool(await pending(db, where, steps))


async def _upgrade(db: Any, where: str, schema: str | None, steps: Sequence[Migration], until: float) -> None:
    if schema is not None:
        await db.execute(f'create schema if not exists "{schema}"')
    await db.execute(
        "create table if not exists migrations (number integer primary key, name text not null,"
        " works_from integer not null, checksum text not null, at timestamptz not null default now())"
    )
    for step in await pending(db, where, steps):
        tries, pause_s = 0, _PAUSE_S[0]
        while True:
            try:
                await _apply(db, step)
                break
            except _Busy as fault:
                tries += 1
                if monotonic() > until:
                    raise StorageError(
                        f"{where} cannot be upgraded ({step.name}): other processes use its tables without a"
                        f" pause ({tries} attempts, the last: {fault}); start again when they have less to"
                        " do, or stop them."
                    ) from fault
                log.info(
                    "%s waits for busy tables", step.name, extra={"event": "storage.upgrade", "tries": tries}
                )
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311
            pause_s = min(2 * pause_s, _PAUSE_S[1])


async def _apply(db: Any, step: Migration) -> None:
    """Wholly or not at all."""
    async with db.transaction():
        await db.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        await db.execute(step.sql)
        await db.execute(
            "insert into migrations (number, name, works_from, checksum) values ($1, $2, $3, $4)",
            step.number,
            step.name,
            step.works_from,
            step.checksum,
        )


async def pending(db: Connection, where: str, steps: Sequence[Migration]) -> list[Migration]:
    """What is still to be applied. A newer schema is fine as long as it says that this program works with it.

    Raises ``StorageError``.
    """
    rows = await db.fetch("select number, name, works_from, checksum from migrations")
    applied = {row["number"]: row for row in rows}
    ours = {step.number: step for step in steps}
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
