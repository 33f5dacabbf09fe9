"""Tables cut by the day: partitions made ahead, dropped whole, and filled by COPY."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import asyncpg

from storage.postgres_connections import LOCK_TIMEOUT, TIDYING_LIMIT_S, Connection, Connections

T = TypeVar("T")
DAY = timedelta(days=1)
_KEY = 0x57415349
"""Of the advisory lock that whoever makes partitions holds."""


class Partitions:
    """The days of one table that are known to be there."""

    def __init__(self, file: Connections, table: str) -> None:
        self._file, self._table = file, table
        self._known: set[date] = set()
        self._border = datetime.min.replace(tzinfo=UTC)
        """Rows before it are gone; where the table itself says so, it may be further on."""

    async def make(self, times: Iterable[datetime]) -> None:
        """For every day of ``times``, and for the day after them before anybody writes into it."""
        days = {at.date() for at in times if at >= self._border}
        if days:
            days.add(max(days) + DAY)
        if missing := sorted(days - self._known):
            await self._file.write(lambda db: self._make(db, missing))
            self._known.update(missing)

    async def _make(self, db: Connection, days: Sequence[date]) -> None:
        await db.execute("select pg_advisory_xact_lock($1)", _KEY)
        for day in days:
            name = f"{self._table}_{day:%Y%m%d}"
            if await db.fetchval("select to_regclass($1)", name) is None:
                # Made first, then attached: so nobody who reads or writes is in the way, or stands in line.
                await db.execute(f"create table {name} (like {self._table} including all)")
                await db.execute(
                    f"alter table {self._table} attach partition {name}"
                    f" for values from ('{day} 00:00+00') to ('{day + DAY} 00:00+00')"
                )

    async def pour(
        self,
        columns: Sequence[str],
        rows: Sequence[T],
        time: Callable[[T], datetime],
        packed: Callable[[Sequence[T]], AsyncIterable[bytes]] | None = None,
    ) -> None:
        """COPY what is not there yet and is not gone. Usually nothing is there, so that is tried first.

        ``time`` is what the partition's own column holds of a row, ``packed`` makes rows what COPY takes as
        binary; without it they are tuples.
        """
        times = set(map(time, rows))
        if not times:
            return
        await self.make(times)
        oldest, some_there = min(times), False

        async def write(db: Connection) -> None:
            nonlocal some_there
            # Held to the end of the transaction, or a row might come in behind the border.
            begin = await db.fetchval("select at from borders where name = $1 for share", self._table)
            self._border = begin
            new = rows if oldest >= begin else [row for row in rows if time(row) >= begin]

            async def copy(table: str) -> None:
                if packed is None:
                    tuples: Any = new
                    await db.copy_records_to_table(table, records=tuples, columns=columns)
                else:
                    await db.copy_to_table(table, source=packed(new), columns=columns, format="binary")

            if some_there:
                await self._merge(db, columns, copy)
                return
            try:
                await copy(self._table)
            except asyncpg.UniqueViolationError:
                some_there = True
                raise

        await self._file.write(write)

    async def _merge(
        self, db: Connection, columns: Sequence[str], copy: Callable[[str], Awaitable[None]]
    ) -> None:
        names = ", ".join(columns)
        await db.execute(f"create temporary table poured (like {self._table}) on commit drop")
        await copy("poured")
        await db.execute(
            f"insert into {self._table} ({names}) select {names} from poured on conflict do nothing"  # noqa: S608
        )

    async def drop(self, before: datetime) -> None:
        """Those that end by then. One that somebody reads for longer is dropped the next time."""
        for day in await self.days():
            if day + DAY <= before.date():
                await self._file.write(lambda db, day=day: self._drop(db, day))  # type: ignore[misc]
                self._known.discard(day)

    async def _drop(self, db: Connection, day: date) -> None:
        await db.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        await db.execute(
            f"do $$ begin drop table if exists {self._table}_{day:%Y%m%d};"
            " exception when lock_not_available then null; end $$"
        )

    async def days(self) -> list[date]:
        """Oldest first."""
        rows = await self._file.read(
            lambda db: db.fetch(
                "select right(inhrelid::regclass::text, 8) as day from pg_inherits"
                " where inhparent = $1::text::regclass order by 1",
                self._table,
            )
        )
        return [datetime.strptime(row["day"], "%Y%m%d").date() for row in rows]  # noqa: DTZ007

    async def advance(self, border: datetime, also: str | None = None) -> int:
        """Move the table's border (rows before it are gone) to ``border``; returns how many rows went.

        A day at a time; ``also`` is done first with what goes, between ``$1`` and ``$2``.
        """
        days, went = await self.days(), 0
        first = datetime.min.replace(tzinfo=border.tzinfo)
        steps = [at for day in days if (at := first.combine(day + DAY, first.timetz())) < border]
        for until in [*steps, border]:
            went += await self._file.write(
                lambda db, until=until: self._advance(db, until, also),  # type: ignore[misc]
                limit_s=TIDYING_LIMIT_S,
            )
        await self.drop(border)
        return went

    async def _advance(self, db: Connection, until: datetime, also: str | None) -> int:
        since = await db.fetchval("select at from borders where name = $1 for update", self._table)
        if since >= until:
            return 0
        if also is not None:
            await db.execute(also, since, until)
        column = "received" if self._table == "readings" else "at"
        went: int = await db.fetchval(
            f"select count(*) from {self._table} where {column} >= $1 and {column} < $2",  # noqa: S608
            since,
            until,
        )
        await db.execute("update borders set at = $2 where name = $1", self._table, until)
        return went
