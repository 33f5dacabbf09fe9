"""A copy is the same, there and back, also when it was cut off half way."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.domain.statistics import Statistics, VenueStatistics
from bot.domain.waves import FollowUp
from bot.errors import StorageError, UsageError
from storage.copy import Row, copy
from storage.copy_postgres import open_postgres_side
from storage.copy_sides import SqliteSide, open_sqlite_side
from storage.copy_tables import TABLES, Table
from storage.postgres import Database, open_postgres
from storage.sqlite import open_sqlite
from storage.sqlite_backup import backup_to
from tests.postgres import Server
from tests.storage.make_release import fill
from tests.storage.samples import (
    BINANCE,
    BTC,
    BTCUSDT,
    DAY,
    GROUP,
    HOME,
    HOUR,
    MINUTE,
    NOW,
    reading,
    snapshot,
    subscription,
)

AT_ONCE = timedelta(0)
ROOT = Path(__file__).resolve().parents[2]


@pytest_asyncio.fixture
async def full(tmp_path: Path) -> Path:
    """A file with something in every table."""
    path = tmp_path / "full.db"
    async with open_sqlite(path) as store:
        await fill(store)
        await store.journal.record([reading(NOW + n * MINUTE) for n in range(50)])
        await store.journal.snap([snapshot(NOW - n * HOUR) for n in range(50)])
        rows = (VenueStatistics(BINANCE, 100.0, 20.0, 1e7, 0.11),)
        await store.statistics.record([Statistics(BTC, NOW, rows, 19.9e6, NOW)])
        await store.archive.keep(BTCUSDT, NOW - HOUR, NOW, [])
        await store.archive.learn(BTC, b"lesson", [], [], NOW - DAY)
        await store.waves.plan([FollowUp(NOW, "1a", HOUR)])
        await store.subscriptions.add(subscription(HOME))
        await store.chats.leave(HOME, NOW)
        await store.subscriptions.add(subscription(HOME))
        await store.posts.want("1b", [HOME, GROUP], revision=1, loud=1, size=2.5, now=NOW)
    return path


async def everything(side: Any) -> dict[str, list[Row]]:
    return {table.name: await side.page(table, None, 10_000) for table in TABLES}


async def test_there_and_back_is_the_same(full: Path, database: Database, tmp_path: Path) -> None:
    said: list[str] = []
    async with open_sqlite_side(full) as here, open_sqlite_side(tmp_path / "back.db") as back:
        async with open_postgres_side(database) as there:
            await copy(here, there, said.append, page=7)
            await copy(there, back, said.append)
        before, after = await everything(here), await everything(back)
    assert before == after
    empty = [name for name, rows in before.items() if not rows]
    assert empty == ["past_liquidations"]
    assert any("readings" in line and "same" in line for line in said)
    async with open_postgres(database) as store:
        assert (await store.subscriptions.add(subscription(HOME, frozenset({BTC})))).id == 4
        assert (await store.chat.say("bot", NOW)).number == 2
        await store.journal.record([reading(NOW + HOUR)])


async def test_every_column_of_every_table_is_copied(postgres: Server, database: Database) -> None:
    """What is only between processes is not: who holds or answers what, which writes were made."""
    async with open_postgres(database) as store:
        rows = await store.file.rows(
            tuple,
            "select relname, array_agg(attname::text) from pg_class"
            " join pg_attribute on attrelid = pg_class.oid where relkind in ('r', 'p')"
            " and not relispartition and attnum > 0 and not attisdropped"
            " and relnamespace = 'public'::regnamespace group by 1",
        )
    between = {"claims", "done", "locks", "subscription_changes", "migrations"}
    there = {name: set(columns) for name, columns in rows if name not in between}
    assert {table.name: set(table.columns) for table in TABLES} == there


class CutOff(Exception):
    pass


class Failing(SqliteSide):
    """Is cut off after so many pages."""

    left = 0

    async def put(self, table: Table, rows: Sequence[Row], progress: bytes) -> None:
        if not self.left:
            raise CutOff
        self.left -= 1
        await super().put(table, rows, progress)


async def test_a_copy_that_was_cut_off_goes_on_where_it_stood(full: Path, tmp_path: Path) -> None:
    async with open_sqlite_side(full) as here, open_sqlite_side(tmp_path / "new.db") as new:
        failing = Failing(new._file)
        for pages in (3, 20, 1_000):
            failing.left = pages
            try:
                await copy(here, failing, lambda _: None, page=5)
            except CutOff:
                assert pages < 1_000
        assert await everything(here) == await everything(new)
        assert await new.progress() is None


def copying(source: object, target: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "bot", "copy", str(source), str(target)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


async def test_a_copy_that_was_killed_goes_on_and_is_the_same(full: Path, database: Database) -> None:
    """Wherever it was just then."""
    for lines in random.choices(range(1, 15), k=2):  # noqa: S311
        with copying(full, database.url) as process:
            assert process.stdout is not None
            for _ in range(lines):
                await asyncio.to_thread(process.stdout.readline)
            process.kill()
        assert process.returncode in (0, -signal.SIGKILL)
    async with open_sqlite_side(full) as here, open_postgres_side(database) as there:
        if process.returncode:
            await copy(here, there, lambda _: None)
        assert await everything(here) == await everything(there)
        assert await there.progress() is None


async def test_who_uses_a_side_is_named(full: Path, database: Database) -> None:
    async with (
        open_sqlite_side(full) as here,
        open_postgres_side(database) as there,
        open_postgres(database, ["page"], me="machine:1:a"),
        open_postgres(database, ["judge"], me="machine:2:b") as judge,
        judge.locks.hold("judge.0"),
    ):
        with pytest.raises(UsageError, match=r"by machine:1:a \(no lock\), machine:2:b \(judge\.0\): stop"):
            await copy(here, there, lambda _: None, gone_within=AT_ONCE)
        assert await there.progress() is None
        with pytest.raises(StorageError, match="in use by another Washout"):
            async with open_sqlite_side(full):
                raise AssertionError("it opened")


async def test_who_comes_while_it_is_copied_is_named_in_the_end(
    full: Path, database: Database, tmp_path: Path
) -> None:
    class Visited(SqliteSide):
        async def put(self, table: Table, rows: Sequence[Row], progress: bytes) -> None:
            if table.name == "chat":
                await coming.enter_async_context(open_postgres(database, ["page"], me="machine:1:a"))
            await super().put(table, rows, progress)

    async with open_sqlite_side(full) as here, open_postgres_side(database) as there:
        await copy(here, there, lambda _: None)
        async with open_sqlite_side(tmp_path / "back.db") as back:
            async with AsyncExitStack() as coming:
                with pytest.raises(UsageError, match="in use by machine:1:a"):
                    await copy(there, Visited(back._file), lambda _: None, gone_within=AT_ONCE)
            await copy(there, back, lambda _: None)
            assert await everything(here) == await everything(back)


async def test_only_an_empty_store_or_the_same_copy_is_copied_into(
    full: Path, database: Database, tmp_path: Path
) -> None:
    async with open_postgres(database) as store:
        await store.journal.keep("mine", b"")
    async with open_sqlite_side(full) as here, open_postgres_side(database) as there:
        with pytest.raises(UsageError, match="is not empty"):
            await copy(here, there, lambda _: None)
    backup_to(full, tmp_path / "other.db")
    async with open_sqlite_side(full) as here, open_sqlite_side(tmp_path / "new.db") as new:
        failing = Failing(new._file)
        failing.left = 1
        with pytest.raises(CutOff):
            await copy(here, failing, lambda _: None)
        async with open_sqlite_side(tmp_path / "other.db") as other:
            with pytest.raises(UsageError, match=r"holds a copy of .*full\.db that is not done"):
                await copy(other, new, lambda _: None)


async def test_what_differs_in_the_end_is_told(full: Path, tmp_path: Path) -> None:
    class Forgetful(SqliteSide):
        async def put(self, table: Table, rows: Sequence[Row], progress: bytes) -> None:
            await super().put(table, rows[:-1] if table.name == "readings" else rows, progress)

    async with open_sqlite_side(full) as here, open_sqlite_side(tmp_path / "new.db") as new:
        with pytest.raises(StorageError, match="readings is not the same"):
            await copy(here, Forgetful(new._file), lambda _: None)


async def test_a_backup_of_a_file_in_use_opens_with_all_that_is_in_it(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "washout.db") as store:
        await store.journal.keep("state", b"kept")
        size = await asyncio.to_thread(backup_to, tmp_path / "washout.db", tmp_path / "backup.db")
        await store.journal.keep("state", b"later")
    assert size > 0
    async with open_sqlite(tmp_path / "backup.db") as restored:
        assert await restored.journal.kept("state") == b"kept"


async def test_a_damaged_file_makes_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "washout.db"
    async with open_sqlite(path) as store:
        await store.journal.snap([snapshot(NOW + n * MINUTE) for n in range(500)])
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xa5" * 4096 * 20)
    with pytest.raises(StorageError, match="damaged"):
        backup_to(path, tmp_path / "backup.db")
    assert not (tmp_path / "backup.db").exists()
