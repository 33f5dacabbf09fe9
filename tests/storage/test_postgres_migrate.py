"""Tables are upgraded beside processes that use them: who works goes on, each migration is made once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from bot.errors import StorageError
from storage.postgres import Database, drop_schema
from storage.postgres_migrate import migrate
from storage.postgres_schema import Migration
from tests.postgres import Server

FOREVER_S = 60


def steps() -> Iterator[Migration]:
    for number, sql in enumerate(
        (
            "create table a (id int); insert into a values (1);"
            " create table b (id int); insert into b values (1)",
            "alter table a add column more int; alter table b add column more int",
            "alter table b add column most int",
        ),
        start=1,
    ):
        yield Migration(number, f"{number:04}_step", 1, sql, str(number))


STEPS = tuple(steps())
MADE = "select string_agg(number::text, ' ' order by number) from migrations"


@pytest_asyncio.fixture
async def database(postgres: Server) -> AsyncIterator[Database]:
    """With a schema of its own for these tables."""
    made = await postgres.database()
    apart = replace(made, schema="upgraded")
    yield apart
    await drop_schema(apart)
    await postgres.give_back(made)


@asynccontextmanager
async def session(database: Database) -> AsyncIterator[Any]:
    db = await asyncpg.connect(**database.direct())
    try:
        yield db
    finally:
        db.terminate()


async def upgrade(database: Database, to: int = 3, patience_s: float = FOREVER_S) -> None:
    """As a process does that knows the migrations up to ``to``."""
    async with session(database) as db:
        patience = timedelta(seconds=patience_s)
        await migrate(db, database.where, database.schema, steps=STEPS[:to], patience=patience)


async def waited_for(db: Any, table: str) -> None:
    """Until somebody waits for a lock on ``table``."""
    sql = "select true from pg_locks where not granted and relation = $1::text::regclass"
    async with asyncio.timeout(FOREVER_S):
        while not await db.fetchval(sql, table):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_who_is_at_work_is_never_ended_for_an_upgrade_that_locks_the_other_way_round(
    database: Database,
) -> None:
    await upgrade(database, 1)
    async with session(database) as older, session(database) as witness:
        async with older.transaction():
            await older.execute("update b set id = 2")
            upgrading = asyncio.create_task(upgrade(database, 2))
            await waited_for(witness, "b")
            await older.execute("update a set id = 2")  # the upgrade has it, and waits for b
        await upgrading
        assert await witness.fetchrow("select a.id, b.id, a.more, b.more from a, b") == (2, 2, None, None)


async def test_nobody_stands_behind_an_upgrade_that_waits(database: Database) -> None:
    await upgrade(database, 1)
    async with session(database) as slow, session(database) as quick:
        async with slow.transaction():
            await slow.execute("select from b")
            upgrading = asyncio.create_task(upgrade(database, 3))
            for _ in range(2):  # it comes back, and gives way again
                await waited_for(slow, "b")
                async with asyncio.timeout(FOREVER_S):
                    await quick.execute("update a set id = id + 1")
        await upgrading
        assert await quick.fetchval("select id from a") == 3
        assert await quick.fetchval(MADE) == "1 2 3"


async def test_many_that_start_at_once_beside_a_busy_one_make_each_migration_once(database: Database) -> None:
    async with session(database) as older:
        await asyncio.gather(*(upgrade(database, 1) for _ in range(8)))
        async with older.transaction():
            await older.execute("select from b")
            starting = [asyncio.create_task(upgrade(database)) for _ in range(8)]
            await waited_for(older, "b")
        await asyncio.gather(*starting)
        assert await older.fetchval(MADE) == "1 2 3"


async def test_one_that_ends_between_two_migrations_is_gone_on_with(database: Database) -> None:
    """Its connection breaks, as the kernel breaks that of a killed process."""
    await upgrade(database, 1)
    async with session(database) as older, session(database) as dying:
        async with older.transaction():
            await older.execute("select from b")
            two = (STEPS[0], STEPS[1]._replace(sql="alter table a add column more int"), STEPS[2])
            upgrading = asyncio.create_task(migrate(dying, database.where, database.schema, steps=two))
            await waited_for(older, "b")
            dying.terminate()
            with pytest.raises(asyncpg.InterfaceError):
                await upgrading
            assert await older.fetchval(MADE) == "1 2"
        await upgrade(database)
        assert await older.fetchval(MADE) == "1 2 3"


async def test_tables_that_never_come_free_are_told(database: Database) -> None:
    await upgrade(database, 1)
    async with session(database) as older, older.transaction():
        await older.execute("select from b")
        with pytest.raises(StorageError, match=r"cannot be upgraded \(0002_step\): other processes"):
            await upgrade(database, patience_s=0)
        assert await older.fetchval(MADE) == "1"
        assert await older.fetchval("select count(*) from pg_attribute where attname = 'more'") == 0


async def test_one_that_comes_to_no_end_with_its_upgrade_is_named(database: Database) -> None:
    await upgrade(database, 1)
    async with session(database) as stuck, session(database) as older:
        async with older.transaction():
            await older.execute("select from b")
            upgrading = asyncio.create_task(migrate(stuck, database.where, database.schema, steps=STEPS))
            await waited_for(older, "b")
            who = rf"another process \(127\.0\.0\.1, session {stuck.get_server_pid()}\)"
            with pytest.raises(StorageError, match=who):
                await upgrade(database, patience_s=0)
            await upgrade(database, 1)  # who needs nothing waits for nobody
        await upgrading
