"""What can go wrong with a database, and that nothing acknowledged is lost and nothing done twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from bot.domain.chats import SettingsChange
from bot.domain.posts import Destination
from bot.errors import StorageError
from storage.postgres import Database, PostgresStore, open_postgres
from storage.postgres_connections import Connection
from storage.postgres_faults import Again, again, explain
from storage.postgres_schema import known
from storage.postgres_subscriptions import touch
from tests.postgres import GUARDED, PASSWORD, Proxy, Server
from tests.storage.samples import (
    DAY,
    GROUP,
    HOME,
    MINUTE,
    NOW,
    WEEKLY,
    names,
    quarantined,
    reading,
    subscription,
    weekly_of_another_release,
)

AT_ONCE = timedelta(0)
HOLD = timedelta(minutes=1)
POOLER_SAYS = (
    "unsupported startup parameter: idle_in_transaction_session_timeout",
    "server login has been failing, try again later (server_login_retry)",
)
"""PgBouncer 1.18, both with one SQLSTATE."""
FAULTS = sorted(
    (
        kind
        for kind in vars(asyncpg.exceptions).values()
        if isinstance(kind, type)
        and issubclass(kind, asyncpg.PostgresError)
        and getattr(kind, "sqlstate", None)
    ),
    key=lambda kind: kind.__name__,
)


@pytest_asyncio.fixture
async def pg(database: Database) -> AsyncIterator[PostgresStore]:
    async with open_postgres(database) as opened:
        yield opened


async def refusal(database: Database) -> str:
    """The one sentence with which the database is refused."""
    with pytest.raises(StorageError) as refused:
        async with open_postgres(database, patience=AT_ONCE):
            raise AssertionError("it opened")
    sentence = str(refused.value)
    assert database.where in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def elsewhere(postgres: Server, name: str) -> Database:
    return Database(postgres.url(name))


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_every_fault_of_the_server_is_one_sentence_that_names_it(kind: type[asyncpg.PostgresError]) -> None:
    sentence = str(explain("PostgreSQL at db/washout", kind("what it says\nand more")))
    assert sentence.startswith("PostgreSQL at db/washout ")
    assert sentence.endswith(".")
    assert "\n" not in sentence


async def test_a_standby_is_told_as_one_that_takes_no_writes(postgres: Server, database: Database) -> None:
    name = database.url.rpartition("/")[2]
    await postgres.ask(
        elsewhere(postgres, "postgres"), f"alter database {name} set default_transaction_read_only = on"
    )
    try:
        async with open_postgres(database, patience=AT_ONCE) as store:
            with pytest.raises(StorageError, match="takes no writes"):
                await store.journal.keep("a", b"b")
    finally:
        await postgres.ask(
            elsewhere(postgres, "postgres"), f"alter database {name} reset default_transaction_read_only"
        )


def test_what_is_tried_again_is_what_time_may_heal() -> None:
    heal = {kind for kind in FAULTS if again(kind("")) is Again.WHEN_BACK}
    assert {
        asyncpg.AdminShutdownError,
        asyncpg.CannotConnectNowError,
        asyncpg.ReadOnlySQLTransactionError,
    } <= heal
    assert {asyncpg.TooManyConnectionsError, asyncpg.ConnectionFailureError} <= heal
    soon = {kind for kind in FAULTS if again(kind("")) is Again.SOON}
    assert {asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.UniqueViolationError} <= soon
    for fatal in (asyncpg.InvalidPasswordError, asyncpg.DiskFullError, asyncpg.UndefinedTableError):
        assert again(fatal("")) is Again.NEVER
    refused, away = map(asyncpg.ProtocolViolationError, POOLER_SAYS)
    assert (again(refused), again(away)) == (Again.NEVER, Again.WHEN_BACK)
    assert "is reached through a pooler" in str(explain("PostgreSQL at db/washout", refused))
    assert again(ConnectionRefusedError()) is again(TimeoutError()) is Again.WHEN_BACK


async def test_a_server_that_is_not_there_is_told_as_such() -> None:
    assert "cannot be reached" in await refusal(Database("postgresql://washout@127.0.0.1:1/washout"))


async def test_a_database_that_is_not_there_is_told_as_such(postgres: Server) -> None:
    assert "has no such database" in await refusal(elsewhere(postgres, "nowhere"))


async def test_a_user_without_rights_is_told_as_such(postgres: Server, database: Database) -> None:
    await postgres.ask(database, "create role stranger login")
    name = database.url.rpartition("/")[2]
    assert "the owner of the database" in await refusal(Database(postgres.url(name, user="stranger")))
    await postgres.ask(database, "drop role stranger")


async def test_many_processes_that_start_at_once_make_the_tables_once(postgres: Server) -> None:
    await postgres.ask(elsewhere(postgres, "postgres"), "create database together")
    new = elsewhere(postgres, "together")

    async def start(number: int) -> None:
        async with open_postgres(new, ["page"]) as store:
            await store.journal.keep(f"state {number}", b"")

    await asyncio.gather(*(start(number) for number in range(8)))
    assert await postgres.ask(new, "select count(*) from migrations") == len(known())
    assert await postgres.ask(new, "select count(*) from states") == 8


async def put_migration(postgres: Server, database: Database, works_from: int) -> None:
    await postgres.ask(
        database,
        f"insert into migrations values (9999, '9999_future', {works_from}, 'x')",
    )


async def test_a_schema_of_the_next_release_is_worked_with(postgres: Server, database: Database) -> None:
    await put_migration(postgres, database, known()[-1].number)
    async with open_postgres(database) as store:
        await store.journal.keep("state", b"old and new side by side")
    await postgres.ask(database, "delete from migrations where number = 9999")


async def test_a_schema_that_is_too_new_is_refused(postgres: Server, database: Database) -> None:
    await put_migration(postgres, database, known()[-1].number + 1)
    assert "newer Washout (9999_future)" in await refusal(database)
    await postgres.ask(database, "delete from migrations where number = 9999")


async def test_tables_made_with_another_migration_of_that_name_are_refused(
    postgres: Server, database: Database
) -> None:
    await postgres.ask(database, "update migrations set checksum = 'another' where number = 1")
    assert "another 0001_state" in await refusal(database)
    await postgres.ask(database, f"update migrations set checksum = '{known()[0].checksum}' where number = 1")


async def test_a_digest_chosen_with_another_release_is_due_again_when_it_was_told(pg: PostgresStore) -> None:
    await pg.chats.choose(WEEKLY, SettingsChange(destination=GROUP, at=NOW, who="ann", what="digest"))
    body = weekly_of_another_release()
    await pg.file.write(lambda db: db.execute("update chat_settings set body = $1", body))
    [chosen] = await pg.chats.digests(NOW + DAY)
    assert chosen == WEEKLY
    await pg.chats.digested(chosen, NOW + 2 * DAY)
    assert await pg.chats.digests(NOW + DAY) == []
    assert [one.digest_due for one in await pg.chats.digests(NOW + 2 * DAY)] == [NOW + 2 * DAY]


def test_every_migration_leaves_the_release_before_at_work() -> None:
    assert [step.number for step in known()] == list(range(1, len(known()) + 1))
    for step in known()[1:]:
        assert step.works_from < step.number, f"{step.name} locks out every program that runs beside it"


async def test_a_record_that_cannot_be_read_is_told_as_damaged(postgres: Server, database: Database) -> None:
    async with open_postgres(database) as store:
        await store.subscriptions.add(subscription())
        await postgres.ask(database, r"update subscriptions set body = '\xc1'")
        with pytest.raises(StorageError, match="damaged"):
            await store.subscriptions.all()


async def test_a_closed_store_says_so(database: Database) -> None:
    async with open_postgres(database, patience=AT_ONCE) as store:
        pass
    with pytest.raises(StorageError):
        await store.journal.kept("a")


async def test_a_caller_that_is_cancelled_leaves_the_others_their_connections(database: Database) -> None:
    async with open_postgres(database, ["collect"]) as store:
        asleep = asyncio.Event()

        async def sleep(db: Connection) -> None:
            asleep.set()
            await db.execute("select pg_sleep(60)")

        job = asyncio.create_task(store.file.write(sleep))
        await asleep.wait()
        job.cancel()
        await asyncio.wait({job})
        await store.journal.keep("state", b"there is one again")


async def test_what_raw_evidence_holds_comes_back_though_no_text_may(pg: PostgresStore) -> None:
    told = quarantined(what="a\0b", raw='{"\0": "\ud800"}')
    await pg.journal.quarantine([told])
    assert await pg.journal.quarantined(NOW) == [told]


async def test_a_transaction_whose_answer_was_lost_is_not_done_again(
    postgres: Server, database: Database
) -> None:
    name = database.url.rpartition("/")[2]
    async with Proxy(postgres.port) as network, open_postgres(database) as witness:
        through = Database(postgres.url(name, port=network.port))
        async with open_postgres(through, ["collect"]) as store:

            async def say(db: Connection) -> int:
                number: int = await db.fetchval("insert into chat (body) values ('x') returning number")
                network.lose_an_answer()  # the one to the commit is the next
                return number

            number = await store.file.once(say)
            assert await witness.file.rows(tuple, "select number from chat") == [(number,)]


async def test_a_restart_of_the_server_loses_and_doubles_nothing(
    postgres: Server, database: Database
) -> None:
    """Everybody who writes simply waits; crash and orderly stop alike."""
    async with open_postgres(database) as store:
        said, shown, stop = 0, 0, asyncio.Event()
        progress: asyncio.Queue[str] = asyncio.Queue()

        async def say() -> None:
            nonlocal said
            while not stop.is_set():
                said += 1
                await store.chat.say("bot", NOW, text=str(said))
                await store.journal.record([reading(NOW + said * MINUTE)])
                progress.put_nowait("said")

        async def show() -> None:
            nonlocal shown
            while not stop.is_set():
                shown += 1
                await store.posts.want("1a", [HOME], revision=shown, loud=1, size=1, now=NOW)
                (post,) = await store.posts.claim("local", NOW, HOLD, 9)
                await store.posts.shown(post, revision=shown, message="m", loud=True, now=NOW)
                progress.put_nowait("shown")

        async with asyncio.TaskGroup() as group:
            group.create_task(say())
            group.create_task(show())
            for how in (signal.SIGINT, signal.SIGQUIT):
                await asyncio.to_thread(postgres.stop, how)
                progress = asyncio.Queue()
                await asyncio.to_thread(postgres.start)
                seen: Counter[str] = Counter()
                while min(seen["said"], seen["shown"]) < 5:
                    seen[await progress.get()] += 1
            stop.set()
        chat = await store.chat.said(limit=1_000_000)
        assert [line.text for line in chat] == [str(n) for n in range(1, said + 1)]
        readings = await store.journal.readings(NOW, NOW + said * MINUTE)
        assert readings == [reading(NOW + n * MINUTE) for n in range(1, said + 1)]
        log = await store.posts.log(NOW, limit=1_000_000)
        assert [line.revision for line in log] == list(range(shown, 0, -1))


async def test_a_server_that_stays_away_ends_the_patience(postgres: Server, database: Database) -> None:
    async with open_postgres(database, patience=timedelta(milliseconds=300)) as store:
        await asyncio.to_thread(postgres.stop)
        try:
            with pytest.raises(StorageError, match="cannot be reached"):
                await store.journal.keep("state", b"")
        finally:
            await asyncio.to_thread(postgres.start)
        await store.journal.keep("state", b"it is back")


async def test_two_processes_never_claim_the_same_post(database: Database, pg: PostgresStore) -> None:
    everyone = [Destination("local", str(n)) for n in range(300)]
    await pg.posts.want("1a", everyone, revision=1, loud=1, size=1, now=NOW)
    async with open_postgres(database) as other:
        claims = await asyncio.gather(
            *(store.posts.claim("local", NOW, HOLD, 7) for store in (pg, other) for _ in range(40))
        )
    claimed = [name for posts in claims for name in names(list(posts))]
    assert len(claimed) == len(set(claimed)) == 300


async def test_every_process_sees_what_others_subscribe(database: Database, pg: PostgresStore) -> None:
    async with open_postgres(database) as other:
        assert await pg.subscriptions.wishes() == await other.subscriptions.wishes() == {}
        mine = await other.subscriptions.add(subscription())
        assert {w: set(to) for w, to in (await pg.subscriptions.wishes()).items()} == {mine.wish: {HOME}}
        await other.chats.leave(HOME, NOW)
        assert await pg.subscriptions.wishes() == {}


async def test_a_change_that_was_under_way_at_the_last_look_is_seen_at_the_next(
    database: Database, pg: PostgresStore
) -> None:
    """It began before another that was through by then, and ended after it."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(db: Connection) -> None:
        await touch(db, ("local", "home"))
        body = msgspec.msgpack.encode(subscription())
        columns = "platform, chat, topic, assets, body"
        await db.execute(f"insert into subscriptions ({columns}) values ('local', 'home', '', '*', $1)", body)
        begun.set()
        await go_on.wait()

    async with open_postgres(database) as other:
        early = asyncio.create_task(other.file.write(slowly))
        await begun.wait()
        await other.subscriptions.add(subscription(GROUP))
        (having,) = (await pg.subscriptions.wishes()).values()
        assert set(having) == {GROUP}
        go_on.set()
        await early
        (having,) = (await pg.subscriptions.wishes()).values()
        assert set(having) == {GROUP, HOME}


async def test_no_fault_tells_the_password(postgres: Server, caplog: pytest.LogCaptureFixture) -> None:
    url = f"postgresql://{GUARDED}@127.0.0.1:1/washout"
    with pytest.raises(StorageError) as refused:
        async with open_postgres(Database(url, PASSWORD), patience=timedelta(milliseconds=50)):
            raise AssertionError("it opened")
    said = f"{refused.value!r} {refused.value.__cause__!r} {caplog.text} {Database(url, PASSWORD).where}"
    assert PASSWORD not in said
    assert PASSWORD not in repr(Database(url, PASSWORD))
