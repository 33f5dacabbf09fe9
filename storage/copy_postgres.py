"""PostgreSQL, as a copy reads and writes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from storage.copy import Row
from storage.copy_tables import PROGRESS, TABLES, Table
from storage.postgres import PROGRAM, Database, PostgresStore, open_postgres
from storage.postgres_connections import TIDYING_LIMIT_S, Connection
from storage.postgres_partitions import Partitions

_PARTITIONED = ("readings", "liquidations")
_SESSIONS = (
    "select distinct application_name from pg_stat_activity where datname = current_database()"
    " and application_name like $1 || ' %' and application_name <> current_setting('application_name')"
)


class PostgresSide:
    """See ``storage.copy.Side``."""

    def __init__(self, store: PostgresStore) -> None:
        self._file, self._locks = store.file, store.locks
        self._days = {name: Partitions(self._file, name) for name in _PARTITIONED}

    @property
    def where(self) -> str:
        return self._file.where

    async def others(self) -> Sequence[str]:
        """Whose sessions are there or whose locks are held. What comes through a pooler has no name."""
        plays: dict[str, list[str]] = defaultdict(list)
        for lock in await self._locks.holders():
            plays[lock.holder].append(lock.name)
        named = await self._file.rows(lambda row: row[0].removeprefix(f"{PROGRAM} "), _SESSIONS, PROGRAM)
        return [f"{who} ({', '.join(plays[who]) or 'no lock'})" for who in sorted({*named, *plays})]

    async def page(self, table: Table, after: Sequence[Any] | None, limit: int) -> list[Row]:
        names = [f'"{name}"' for name in table.columns]
        key = ", ".join(names[: table.key])
        places = ", ".join(f"${n + 2}" for n in range(table.key))
        beyond = f"where ({key}) > ({places})" if after is not None else ""
        told = f"({table.postgres}) as told" if table.postgres else table.name
        sql = f"select {', '.join(names)} from {told} {beyond} order by {key} limit $1"  # noqa: S608
        return await self._file.rows(tuple, sql, limit, *(after or ()))

    async def put(self, table: Table, rows: Sequence[Row], progress: bytes) -> None:
        names = list(table.columns)
        if table.name in self._days:
            time = 0 if table.name == "readings" else 1
            await self._days[table.name].make({row[time] for row in rows})

        async def write(db: Connection) -> None:
            if table.name == "borders":
                await db.executemany("update borders set at = $2 where name = $1", rows)
            else:
                await db.copy_records_to_table(table.name, records=rows, columns=names)
            sql = "insert into states values ($1, $2) on conflict (name) do update set state = excluded.state"
            await db.execute(sql, PROGRESS, progress)

        await self._file.write(_once(write, progress), limit_s=TIDYING_LIMIT_S)

    async def progress(self) -> bytes | None:
        sql = "select state from states where name = $1"
        return await self._file.row(lambda row: bytes(row[0]), sql, PROGRESS)

    async def finish(self) -> None:
        async def write(db: Connection) -> None:
            for table in TABLES:
                if table.counter:
                    await db.execute(
                        f"select setval(pg_get_serial_sequence('{table.name}', '{table.counter}'),"  # noqa: S608
                        f" coalesce(max({table.counter}), 0) + 1, false) from {table.name}"
                    )
            await db.execute("delete from states where name = $1", PROGRESS)

        await self._file.write(write, limit_s=TIDYING_LIMIT_S)


def _once(write: Any, progress: bytes) -> Any:
    """The progress itself says whether it was done already."""

    async def run(db: Connection) -> None:
        kept = await db.fetchval("select state from states where name = $1", PROGRESS)
        if kept != progress:
            await write(db)

    return run


@asynccontextmanager
async def open_postgres_side(database: Database) -> AsyncIterator[PostgresSide]:
    """Raises ``StorageError``."""
    async with open_postgres(database, ["judge"]) as store:
        yield PostgresSide(store)
