"""A pool of connections to PostgreSQL: jobs survive its restart, and none is done twice.

A job that fails because the server is away is tried again until it is back, or ``PATIENCE`` is over.
Whether a transaction whose answer was lost went through cannot be known from here; so a job is either
written so that a second time changes nothing, or it leaves a mark in the same transaction (``once``), which
is looked for first.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, Protocol, TypeVar

import asyncpg

from bot.errors import LockLost
from bot.ports import Held
from storage.postgres_faults import DAMAGED, KNOWN, Again, again, explain

log = logging.getLogger(__name__)

T = TypeVar("T")
PATIENCE = timedelta(seconds=60)
"""Longer than a restart, or a managed server's change to its standby, takes."""
LIMIT_S = 20.0
"""No job of every day takes nearly so long: a connection that does not answer by then is given up."""
TIDYING_LIMIT_S = 600.0
CONNECT_S = 5.0
LOCK_TIMEOUT = "500ms"
"""Of what nobody else may use meanwhile: half of PostgreSQL's own deadlock_timeout."""
CONTENDED = 20
"""So often the same is tried where others write at the same place."""


class Connection(Protocol):
    """What a job may do with a connection: as asyncpg's."""

    async def execute(self, sql: str, *values: object) -> str: ...
    async def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None: ...
    async def fetch(self, sql: str, *values: object) -> list[Any]: ...
    async def fetchrow(self, sql: str, *values: object) -> Any: ...
    async def fetchval(self, sql: str, *values: object) -> Any: ...
    async def copy_records_to_table(
        self, table: str, *, records: Iterable[Sequence[object]], columns: Sequence[str]
    ) -> str: ...
    async def copy_to_table(
        self,
        table: str,
        *,
        source: AsyncIterable[bytes],
        columns: Sequence[str],
        format: str,  # noqa: A002 - asyncpg's name
    ) -> str: ...


Job = Callable[[Connection], Awaitable[T]]


class Connections:
    """Every method raises ``StorageError``, and ``LockLost`` where it writes ``under`` a lock that went."""

    def __init__(
        self, pool: Any, where: str, patience: timedelta = PATIENCE, held: Held | None = None
    ) -> None:
        self.where = where
        self._pool = pool
        self.patience_s = patience.total_seconds()
        self._held = held

    def under(self, held: Held) -> Connections:
        """The same pool, for what only the holder of that lock may write."""
        return Connections(self._pool, self.where, timedelta(seconds=self.patience_s), held)

    async def read(self, job: Job[T], *, limit_s: float = LIMIT_S) -> T:
        """Run ``job`` without a transaction: each statement of it sees what was committed by then."""
        return await persist(self.where, self.patience_s, lambda: self._on_a_connection(job, limit_s))

    async def rows(self, make: Callable[[Any], T], sql: str, *values: object) -> list[T]:
        """What ``make`` makes of each row."""

        async def look(db: Connection) -> list[T]:
            return [make(row) for row in await db.fetch(sql, *values)]

        return await self.read(look)

    async def row(self, make: Callable[[Any], T], sql: str, *values: object) -> T | None:
        """What ``make`` makes of the only row; ``None`` where there is none."""
        found = await self.rows(make, sql, *values)
        return found[0] if found else None

    async def write(self, job: Job[T], *, limit_s: float = LIMIT_S) -> T:
        """Run ``job`` in one transaction; done twice, it must be as done once."""
        run = self._in_transaction(job)
        return await persist(self.where, self.patience_s, lambda: self._on_a_connection(run, limit_s))

    async def once(self, job: Job[T]) -> T:
        """Run ``job`` in one transaction, and never again once that is through."""
        mark = random.getrandbits(63)
        results: list[T] = []

        async def marked(db: Connection) -> T:
            if results and await db.fetchval("select true from done where mark = $1", mark):
                return results[0]
            del results[:]
            await db.execute("insert into done (mark) values ($1)", mark)
            result = await job(db)
            results.append(result)
            return result

        return await self.write(marked)

    async def once_said(self, sql: str, *values: object) -> None:
        """As ``once``, for one statement: the rest of one that begins with ``with``, its mark in front."""
        if self._held is not None:
            await self.once(lambda db: db.execute(f"with {sql}", *values))
            return
        mark, tried = random.getrandbits(63), False
        marked = f"with marked as (insert into done (mark) values (${len(values) + 1})), {sql}"  # noqa: S608

        async def say(db: Connection) -> None:
            nonlocal tried
            if tried and await db.fetchval("select true from done where mark = $1", mark):
                return
            tried = True
            await db.execute(marked, *values, mark)

        await self.read(say)

    def _in_transaction(self, job: Job[T]) -> Job[T]:
        async def run(db: Any) -> T:
            transaction = db.transaction()
            await transaction.start()
            try:
                if self._held is not None:
                    await _still_held(db, self._held)
                result = await job(db)
            except (asyncpg.PostgresError, LockLost):
                await transaction.rollback()
                raise
            await transaction.commit()
            return result

        return run

    async def _on_a_connection(self, job: Job[T], limit_s: float) -> T:
        db = await self._pool.acquire()
        try:
            async with asyncio.timeout(limit_s):
                return await job(db)
        except BaseException as fault:
            # Only a server that answered is known to have undone what was begun.
            if not isinstance(fault, (asyncpg.PostgresError, LockLost)):
                db.terminate()
            raise
        finally:
            await self._pool.release(db)


async def persist(where: str, patience_s: float, attempt: Callable[[], Awaitable[T]]) -> T:
    """Try again what may help, as long as it may. Raises ``StorageError``."""
    began, tries, pause_s = monotonic(), 0, 0.05
    while True:
        try:
            result = await attempt()
        except KNOWN as fault:
            tries += 1
            match again(fault):
                case Again.SOON if tries <= CONTENDED:
                    await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311
                case Again.WHEN_BACK if monotonic() - began < patience_s:
                    if tries == 1:
                        log.warning("%s", explain(where, fault), extra={"event": "storage.away"})
                    await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311
                    pause_s = min(2 * pause_s, 1.0)
                case _:
                    raise explain(where, fault) from fault
        except DAMAGED as fault:
            raise explain(where, fault) from fault
        else:
            if tries and monotonic() - began > 1:
                log.info("%s is back", where, extra={"event": "storage.back"})
            return result


async def _still_held(db: Connection, held: Held) -> None:
    """Whoever takes the lock over waits for the end of this transaction. Raises ``LockLost``."""
    if not await db.fetchval(
        "select true from locks where name = $1 and token = $2 and holder = $3 for share",
        held.name,
        held.token,
        held.holder,
    ):
        raise LockLost(f"{held.name} is held by another process now.")
