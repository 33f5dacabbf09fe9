"""All of the state in one PostgreSQL database. docs/storage.md has the tables and the retention."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg

from bot.errors import StorageError
from bot.ports import Held
from storage.places import named, process_name
from storage.postgres_archive import PostgresArchive
from storage.postgres_chat_log import PostgresChatLog
from storage.postgres_chats import PostgresChats
from storage.postgres_claims import PostgresClaims
from storage.postgres_connections import CONNECT_S, PATIENCE, Connection, Connections, persist
from storage.postgres_faults import KNOWN, explain
from storage.postgres_journal import PostgresJournal
from storage.postgres_locks import USUAL, PostgresLocks, Timing
from storage.postgres_migrate import migrate
from storage.postgres_posts import PostgresPosts
from storage.postgres_schema import known
from storage.postgres_statistics import PostgresStatistics
from storage.postgres_subscriptions import Listeners, PostgresSubscriptions
from storage.postgres_waves import PostgresNotices, PostgresWaves

CONNECTIONS = {"collect": 1, "judge": 3, "deliver": 6, "talk": 3, "page": 3}
"""Of each role, at most; a process has as many as its roles together, and one more for its locks."""
ALL_ROLES = tuple(CONNECTIONS)
PROGRAM = "washout"
"""Sessions are named after it and the process they are of."""
_CLOSING_S = 5.0
_TOLD = "idle_in_transaction_session_timeout"
_SESSION = {
    # A process that vanished in the middle of a write holds nobody up for longer.
    _TOLD: "5s",
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "client_connection_check_interval": "2s",
    "jit": "off",
}


@dataclass(frozen=True, slots=True)
class Database:
    """Where it is. ``direct_url`` leads past a pooler that ``url`` leads to, and is needed only beside one.

    ``schema`` keeps tables apart that share a database; ``None`` is the user's own, usually ``public``.
    """

    url: str
    password: str | None = field(default=None, repr=False)
    direct_url: str | None = None
    schema: str | None = None

    @property
    def where(self) -> str:
        return named(self.url) + (f", schema {self.schema}" if self.schema else "")

    def direct(self, me: str = "") -> dict[str, Any]:
        """Arguments of asyncpg for a connection whose session is its own, and says whose: ``me``."""
        settings = _SESSION | {"application_name": f"{PROGRAM} {me}".rstrip()}
        settings |= {"search_path": f'"{self.schema}"'} if self.schema else {}
        options = {"timeout": CONNECT_S, "server_settings": settings}
        return {"dsn": self.direct_url or self.url, "password": self.password, **options}

    def pooled(self, me: str = "") -> dict[str, Any]:
        """Arguments of asyncpg for a connection that may share its session with others.

        A pooler passes no settings of a session on, and statements are prepared for one transaction alone.
        """
        if self.direct_url is None or self.schema is not None:
            return self.direct(me)
        options = {"timeout": CONNECT_S, "statement_cache_size": 0}
        return {"dsn": self.url, "password": self.password, **options}


class PostgresStore:
    """See ``bot.ports.Store``. Opened by ``open_postgres``."""

    def __init__(self, file: Connections, locks: PostgresLocks, listeners: Listeners) -> None:
        self.file = file
        self.locks = locks
        self._listeners = listeners
        self.journal = PostgresJournal(file)
        self.waves = PostgresWaves(file)
        self.archive = PostgresArchive(file)
        self.statistics = PostgresStatistics(file)
        self.subscriptions = PostgresSubscriptions(file, listeners)
        self.posts = PostgresPosts(file)
        self.chats = PostgresChats(file)
        self.notices = PostgresNotices(file)
        self.chat = PostgresChatLog(file)
        self.claims = PostgresClaims(file)

    def under(self, held: Held) -> PostgresStore:
        return PostgresStore(self.file.under(held), self.locks, self._listeners)

    async def facts(self) -> Mapping[str, str]:
        """``store``, ``where``, ``size`` (of the whole database) and ``schema``."""

        async def look(db: Connection) -> tuple[str, int]:
            version = await db.fetchval("show server_version")
            return version, await db.fetchval("select pg_database_size(current_database())")

        version, size = await self.file.read(look)
        return {
            "store": f"PostgreSQL {version.split()[0]}",
            "where": self.file.where,
            "size": f"{size / 1e6:.1f} MB",
            "schema": known()[-1].name,
        }


async def drop_schema(database: Database) -> None:
    """Everything in the schema of its own. Raises ``StorageError``."""
    try:
        async with _connected(database) as db:
            await db.execute(f'drop schema if exists "{database.schema}" cascade')
    except KNOWN as fault:
        raise explain(database.where, fault) from fault


@asynccontextmanager
async def _connected(database: Database, me: str = "") -> AsyncIterator[Any]:
    db = await asyncpg.connect(**database.direct(me))
    try:
        yield db
    finally:
        await db.close(timeout=_CLOSING_S)


async def _migrated(database: Database, patience: timedelta, me: str) -> None:
    async with _connected(database, me) as db:
        if await db.fetchval(f"show {_TOLD}") != _SESSION[_TOLD]:
            raise StorageError(
                f"{database.where} is reached through a pooler that keeps a session's settings to itself: let"
                " direct_url under [storage] lead past it."
            )
        await migrate(db, database.where, database.schema, patience=patience)


async def _pool(database: Database, roles: Collection[str], me: str) -> Any:
    most = sum(CONNECTIONS[role] for role in roles)
    return await asyncpg.create_pool(min_size=1, max_size=most, reset=_keep_session, **database.pooled(me))


async def _keep_session(_: object) -> None:
    """In place of asyncpg's own tidying at each release: nothing here changes a session."""


@asynccontextmanager
async def open_postgres(
    database: Database,
    roles: Collection[str] = ALL_ROLES,
    *,
    patience: timedelta = PATIENCE,
    timing: Timing = USUAL,
    me: str | None = None,
) -> AsyncIterator[PostgresStore]:
    """Create or upgrade the tables and hold connections while the block runs, side by side with others.

    Raises ``StorageError``: not reachable, password, rights, too old, busy, or a newer release's.
    ``patience`` is how long a server that is away is waited for, and tables to upgrade that are busy. ``me``
    is what this process is called as a holder of locks (``None``: a new name).
    """
    me = me or process_name()
    where, patience_s = database.where, patience.total_seconds()
    await persist(where, patience_s, lambda: _migrated(database, patience, me))
    pool = await persist(where, patience_s, lambda: _pool(database, roles, me))
    file = Connections(pool, where, patience)
    locks = PostgresLocks(database.direct(me), file, timing, me)
    try:
        yield PostgresStore(file, locks, Listeners())
    finally:
        await locks.close()
        try:
            async with asyncio.timeout(_CLOSING_S):
                await pool.close()
        except TimeoutError:
            pool.terminate()
