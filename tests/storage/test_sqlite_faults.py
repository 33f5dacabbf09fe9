"""What can go wrong with a file, and that nothing acknowledged is lost."""

# ruff: noqa: ASYNC240 (a test may wait for its own small files)

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import StorageError
from storage.sqlite import open_sqlite
from storage.sqlite_connections import Connections, explain
from tests.storage.samples import BTC, DAY, HOME, MINUTE, NOW, liquidation, reading, snapshot, subscription

REPOSITORY = Path(__file__).resolve().parents[2]
SOON = timedelta(milliseconds=20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "washout.db"


async def refusal(path: Path) -> str:
    """The one sentence with which the file is refused."""
    with pytest.raises(StorageError) as refused:
        async with open_sqlite(path, busy_timeout=SOON):
            raise AssertionError("it opened")
    sentence = str(refused.value)
    assert str(path) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def foreign(path: Path, sql: str) -> None:
    conn = sqlite3.connect(path)
    conn.executescript(sql)
    conn.close()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"dear diary, " * 400)
    assert "not a Washout database" in await refusal(path)
    assert path.read_bytes() == b"dear diary, " * 400


async def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    foreign(path, "create table bookmarks (url text)")
    before = path.read_bytes()
    assert "another program's" in await refusal(path)
    assert path.read_bytes() == before


async def test_a_database_of_a_newer_release_is_refused_and_left_alone(path: Path) -> None:
    async with open_sqlite(path):
        pass
    foreign(
        path,
        "insert into _sqlite_migrations (migration_set, name, applied_at)"
        " values ('washout', 'm9999_future', '2031-01-01')",
    )
    before = path.read_bytes()
    sentence = await refusal(path)
    assert "newer Washout" in sentence
    assert "m9999_future" in sentence
    assert path.read_bytes() == before


async def test_two_bots_never_share_a_file(path: Path) -> None:
    async with open_sqlite(path) as store:
        assert f"process {os.getpid()}" in await refusal(path)
        await store.journal.keep("still", b"mine")
    async with open_sqlite(path) as store:
        assert await store.journal.kept("still") == b"mine"


async def test_another_program_that_holds_the_file_is_named_as_the_reason(path: Path) -> None:
    async with open_sqlite(path):
        pass
    other = sqlite3.connect(path)
    other.execute("begin exclusive")
    assert "locked by another program" in await refusal(path)
    other.close()


async def test_a_path_that_is_a_folder_is_refused(path: Path) -> None:
    path.mkdir()
    assert "cannot be opened" in await refusal(path)


async def test_a_folder_that_cannot_be_made_is_refused(path: Path) -> None:
    path.write_text("a file where a folder should be")
    assert "its folder" in await refusal(path / "washout.db")


async def test_a_missing_folder_is_made(path: Path) -> None:
    deep = path.parent / "data" / "deep" / "washout.db"
    async with open_sqlite(deep):
        assert deep.exists()


async def test_a_damaged_file_is_told_as_damaged(path: Path) -> None:
    async with open_sqlite(path) as store:
        await store.journal.snap([snapshot(NOW + n * MINUTE) for n in range(500)])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xa5" * (size - 4096 * 3))
    with pytest.raises(StorageError, match="is damaged"):
        async with open_sqlite(path) as store:
            await store.journal.snapshot(BTC)


async def test_a_record_that_cannot_be_read_is_told_as_damaged(path: Path) -> None:
    async with open_sqlite(path) as store:
        await store.subscriptions.add(subscription())
        await store.file.write(lambda db: db.execute("update subscriptions set body = x'c1'"))
        with pytest.raises(StorageError, match="damaged"):
            await store.subscriptions.all()


async def test_a_full_disk_loses_nothing_stored_and_space_heals_it(path: Path) -> None:
    async with open_sqlite(path) as store:
        await store.chat.say("you", NOW, text="before")
        await store.file.write(lambda db: db.execute("pragma max_page_count = 1").fetchone())
        with pytest.raises(StorageError, match="disk is full"):
            await store.chat.say("you", NOW, text="x" * 100_000)
        with pytest.raises(StorageError, match="disk is full"):
            await store.journal.record([reading(NOW + n * MINUTE) for n in range(9_000)])
        assert [said.text for said in await store.chat.said()] == ["before"]
        await store.file.write(lambda db: db.execute("pragma max_page_count = 1000000").fetchone())
        await store.journal.record([reading()])
        assert await store.journal.readings(NOW - MINUTE, NOW) == [reading()]


async def test_a_file_that_may_only_be_read_says_so(path: Path) -> None:
    async with open_sqlite(path) as store:
        await store.file.write(lambda db: db.execute("pragma query_only = 1"))
        with pytest.raises(StorageError, match="cannot be written"):
            await store.journal.keep("a", b"b")


def test_a_fault_without_advice_still_names_the_file() -> None:
    assert "/data/w.db refused" in str(explain(Path("/data/w.db"), sqlite3.OperationalError("no such table")))


async def test_readers_cannot_write(path: Path) -> None:
    async with open_sqlite(path) as store:
        with pytest.raises(StorageError, match="cannot be written"):
            await store.file.read(lambda db: db.execute("delete from chat"))


async def test_a_closed_store_says_so(path: Path) -> None:
    async with open_sqlite(path) as store:
        pass
    with pytest.raises(StorageError, match="closed"):
        await store.journal.kept("a")


async def test_writes_that_were_begun_are_finished_at_the_end(path: Path) -> None:
    async with open_sqlite(path) as store:
        go_on = threading.Event()
        slow = asyncio.create_task(store.file.write(lambda _: go_on.wait(10)))
        say = [asyncio.create_task(store.chat.say("bot", NOW, text=str(n))) for n in range(50)]
        await asyncio.sleep(0)  # let every task hand in its job
        go_on.set()
    assert await slow
    assert [said.number for said in await asyncio.gather(*say)] == list(range(1, 51))
    async with open_sqlite(path) as store:
        assert [said.text for said in await store.chat.said()] == [str(n) for n in range(50)]


async def test_cancelling_an_opening_lets_go_of_the_file(path: Path) -> None:
    async def hold() -> None:
        async with open_sqlite(path):
            await asyncio.Event().wait()

    for rounds in range(5):
        task = asyncio.create_task(hold())
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with open_sqlite(path) as store:
        assert await store.chat.said() == []


async def test_a_trim_lets_others_write_in_between(path: Path) -> None:
    async with open_sqlite(path) as store:
        await store.journal.hear([liquidation(NOW - (40 + day) * DAY) for day in range(30)])
        trim = asyncio.create_task(store.journal.trim(NOW))
        await store.chat.say("you", NOW, text="hello")
        assert not trim.done()
        assert await trim == 30


async def test_everything_acknowledged_survives_a_killed_process(path: Path) -> None:
    for _ in range(2):
        known = await _write_and_kill(path)
        async with open_sqlite(path) as store:
            said = await store.chat.said(limit=10_000)
            assert len(said) >= known
            for number in range(1, known + 1):
                assert await store.journal.snapshot(BTC, NOW + number * MINUTE) == snapshot(
                    NOW + number * MINUTE
                )
                assert await store.waves.get("1a", number) is not None
            readings = await store.journal.readings(NOW, NOW + known * MINUTE)
            assert readings == [reading(NOW + n * MINUTE) for n in range(1, known + 1)]
            forced = await store.journal.liquidated(BTC, NOW, NOW + (known + 1) * MINUTE, DAY)
            assert sum(each.count for each in forced) == known
            (post,) = await store.posts.of("1a")
            assert post.shown >= known
            assert post.destination == HOME
            assert {line.revision for line in await store.posts.log(NOW)} >= set(range(1, known + 1))
        for part in path.parent.iterdir():
            part.unlink()


async def _write_and_kill(path: Path) -> int:
    """Let another process write, kill it in the middle, and return the last number it told."""
    writer = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "tests.storage.crash_writer", str(path)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    with writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == 25:
                writer.kill()
        return max(25, int(line))


def test_opening_and_closing_leaves_no_log_behind(path: Path) -> None:
    Connections.open(path, SOON).close()
    assert {part.name for part in path.parent.iterdir()} == {"washout.db", "washout.db.lock"}
