"""Readings lie in partitions of a day: made ahead, filled by COPY, dropped whole, whoever reads meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio
from msgspec.structs import replace

from storage.postgres import Database, PostgresStore, open_postgres
from storage.rules import MICROSECOND
from tests.postgres import Server
from tests.storage.samples import DAY, MINUTE, NOW, reading

FOREVER_S = 30


@pytest_asyncio.fixture
async def pg(database: Database) -> AsyncIterator[PostgresStore]:
    async with open_postgres(database) as opened:
        yield opened


async def test_readings_lie_in_a_partition_a_day_that_goes_whole(
    postgres: Server, database: Database, pg: PostgresStore
) -> None:
    days = "select string_agg(right(inhrelid::regclass::text, 8), ' ' order by 1) from pg_inherits where"
    days += " inhparent = 'readings'::regclass"
    await pg.journal.record([reading(NOW - 4 * DAY), reading(NOW)])
    assert await postgres.ask(database, days) == "20251006 20251010 20251011"  # and one ahead
    assert await pg.journal.trim(NOW) == 1
    assert await postgres.ask(database, days) == "20251010 20251011"
    assert await pg.journal.readings(NOW - 9 * DAY, NOW) == [reading(NOW)]


async def test_a_poll_of_thousands_is_recorded_whole_and_once(pg: PostgresStore) -> None:
    whole = [reading(NOW + n * MICROSECOND, coins=n / 7) for n in range(1, 4_001)]
    told = [replace(one, price_usd=None, new_beginning=n % 2 == 0) for n, one in enumerate(whole)]
    told[1::3] = whole[1::3]
    await pg.journal.record(told[:2_000])
    await pg.journal.record(told)
    assert await pg.journal.readings(NOW, NOW + MINUTE) == told


async def test_processes_that_need_the_same_partition_at_once_all_get_it(
    database: Database, pg: PostgresStore
) -> None:
    async with open_postgres(database) as other:
        await asyncio.gather(
            *(
                store.journal.record([reading(NOW + n * DAY, coins=float(n))])
                for n in range(6)
                for store in (pg, other)
            )
        )
    assert len(await pg.journal.readings(NOW - DAY, NOW + 9 * DAY)) == 6


async def test_a_backup_that_reads_for_hours_holds_up_nobody(
    postgres: Server, database: Database, pg: PostgresStore
) -> None:
    """pg_dump locks every table against changes to its form until it is through."""
    await pg.journal.record([reading(NOW - 4 * DAY), reading(NOW)])
    reading_on = await asyncpg.connect(database.url)
    async with reading_on.transaction():
        await reading_on.execute("lock table readings, liquidations, readings_20251006 in access share mode")
        async with asyncio.timeout(FOREVER_S):
            await pg.journal.record([reading(NOW + 5 * DAY)])
            assert await pg.journal.trim(NOW) == 1
            assert await pg.journal.readings(NOW - 9 * DAY, NOW) == [reading(NOW)]
    await reading_on.close()
    await pg.journal.trim(NOW)
    assert await postgres.ask(database, "select to_regclass('readings_20251006')") is None
