"""Only one holder at any time, whatever happens to the one before: killed, cut off, or standing still."""

# ruff: noqa: ASYNC220 (a test may wait for its own small process)

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.domain.posts import Post
from bot.errors import LockLost
from storage.postgres import Database, PostgresStore, open_postgres
from storage.postgres_locks import Timing
from tests.postgres import Proxy, Server
from tests.storage.samples import HOME, NOW, wave

REPOSITORY = Path(__file__).resolve().parents[2]
TAKEN_OVER_S = 10
QUICK = Timing(*(timedelta(milliseconds=ms) for ms in (100, 700, 1_000)))
FOREVER_S = 60


@pytest_asyncio.fixture
async def other(database: Database) -> AsyncIterator[PostgresStore]:
    async with open_postgres(database, timing=QUICK) as opened:
        yield opened


async def lost(store: PostgresStore) -> None:
    """Every writing role meets the same wall, and reading goes on."""
    post = Post(subject="1a", destination=HOME, wanted=1, loud=1, not_before=NOW)
    for write in (
        store.journal.keep("state", b"old"),
        store.waves.save(wave()),
        store.posts.claim("local", NOW, timedelta(minutes=1), 9),
        store.posts.shown(post, revision=1, message="m", loud=True, now=NOW),
        store.posts.later(post, NOW),
    ):
        with pytest.raises(LockLost, match="judge is held by another process now"):
            await write
    assert await store.waves.get("1a") is None
    assert await store.posts.log(NOW) == []


async def test_a_killed_holder_is_followed_within_ten_seconds(database: Database) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.lock_holder", database.url],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        token = int(await asyncio.to_thread(holder.stdout.readline))
        holder.kill()
    async with (
        open_postgres(database) as store,
        asyncio.timeout(TAKEN_OVER_S),
        store.locks.hold("judge") as held,
    ):
        assert held.token == token + 1


async def test_a_holder_that_is_cut_off_knows_before_another_follows_within_ten_seconds(
    postgres: Server, database: Database
) -> None:
    name = database.url.rpartition("/")[2]
    async with Proxy(postgres.port) as network, open_postgres(database) as second:
        cut_off = Database(postgres.url(name, port=network.port))
        async with open_postgres(cut_off) as first, first.locks.hold("judge") as old:
            assert old.holds
            network.cut()
            async with asyncio.timeout(TAKEN_OVER_S), second.locks.hold("judge") as new:
                assert not old.holds
                assert old.lost.is_set()
                assert new.token == old.token + 1
                network.mend()
                await lost(first.under(old))
                await second.under(new).journal.keep("state", b"new")
        assert await second.journal.kept("state") == b"new"


async def test_a_holder_and_its_sessions_are_named_as_their_process_is(
    postgres: Server, database: Database
) -> None:
    async with open_postgres(database, me="machine:1:a") as store, store.locks.hold("judge") as held:
        (seen,) = await store.locks.holders()
        assert held.holder == seen.holder == "machine:1:a"
        sessions = "select string_agg(distinct application_name, ', ') from pg_stat_activity"
        named = await postgres.ask(database, f"{sessions} where application_name like 'washout %'")
        assert named == "washout machine:1:a"


async def test_a_short_cut_costs_nobody_a_lock(postgres: Server, database: Database) -> None:
    name = database.url.rpartition("/")[2]
    timing = Timing(beat=timedelta(milliseconds=50), sure=timedelta(seconds=30), idle=timedelta(seconds=40))
    async with Proxy(postgres.port) as network:
        url = postgres.url(name, port=network.port)
        async with open_postgres(Database(url), timing=timing) as store, store.locks.hold("judge") as held:
            network.cut()
            await network.held_up.wait()  # a question goes unanswered
            network.mend()
            await store.under(held).journal.keep("state", b"still")
            assert held.holds


async def test_a_holder_that_stood_still_is_refused_by_its_token(
    postgres: Server, database: Database, other: PostgresStore
) -> None:
    """Its session is ended without a word, as the server's own clock does, and it has not asked since."""
    patient = Timing(beat=timedelta(hours=1), sure=timedelta(hours=2), idle=timedelta(hours=3))
    async with open_postgres(database, timing=patient) as store, store.locks.hold("judge") as old:
        mine = store.under(old)
        await mine.journal.keep("state", b"mine")
        await postgres.ask(
            database,
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
            " and database = (select oid from pg_database where datname = current_database())",
        )
        async with other.locks.hold("judge") as new:
            assert old.holds  # as far as it knows
            assert new.token == old.token + 1
            await lost(mine)
            assert await store.journal.kept("state") == b"mine"
            await store.journal.keep("state", b"of nobody's role")


async def test_who_lost_a_lock_can_have_it_again_with_a_larger_token(
    postgres: Server, database: Database, other: PostgresStore
) -> None:
    async with other.locks.hold("judge") as first:
        await postgres.ask(
            database, "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
        )
        async with asyncio.timeout(FOREVER_S):
            await first.lost.wait()
    async with asyncio.timeout(FOREVER_S), other.locks.hold("judge") as second:
        assert second.token > first.token
        await other.under(second).journal.keep("state", b"again")
        await lost(other.under(first))


async def test_a_write_in_hand_is_through_before_the_next_holder_begins(
    database: Database, other: PostgresStore
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async with open_postgres(database, timing=QUICK) as store, store.locks.hold("judge") as old:
        file = store.file.under(old)

        async def slow(db: object) -> None:
            begun.set()
            await go_on.wait()

        writing = asyncio.create_task(file.write(slow))
        await begun.wait()
        store.locks._hang_up()  # the session is gone while the write is not through

        async def follow() -> int:
            async with other.locks.hold("judge") as new:
                return new.token

        following = asyncio.create_task(follow())
        done, _ = await asyncio.wait({following}, timeout=1.5)
        assert not done
        go_on.set()
        await writing
        async with asyncio.timeout(FOREVER_S):
            assert await following == old.token + 1


async def test_locks_come_back_after_a_restart_of_the_server(
    postgres: Server, database: Database, other: PostgresStore
) -> None:
    async with other.locks.hold("judge") as held:
        await asyncio.to_thread(postgres.stop)
        async with asyncio.timeout(FOREVER_S):
            await held.lost.wait()
        await asyncio.to_thread(postgres.start)
    async with asyncio.timeout(FOREVER_S), other.locks.hold("judge") as again:
        assert again.token == held.token + 1
