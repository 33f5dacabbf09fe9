"""All of the state in one SQLite file. docs/storage.md has the tables, the retention and the backups."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from bot.ports import Held
from storage.locks import LocalLocks
from storage.sqlite_archive import SqliteArchive
from storage.sqlite_chat_log import SqliteChatLog
from storage.sqlite_chats import SqliteChats
from storage.sqlite_claims import SqliteClaims
from storage.sqlite_connections import Connections
from storage.sqlite_journal import SqliteJournal
from storage.sqlite_posts import SqlitePosts
from storage.sqlite_schema import known
from storage.sqlite_statistics import SqliteStatistics
from storage.sqlite_subscriptions import SqliteSubscriptions
from storage.sqlite_waves import SqliteNotices, SqliteWaves


class SqliteStore:
    """See ``bot.ports.Store``. Opened by ``open_sqlite``."""

    def __init__(self, file: Connections) -> None:
        self.file = file
        self.journal = SqliteJournal(file)
        self.waves = SqliteWaves(file)
        self.archive = SqliteArchive(file)
        self.statistics = SqliteStatistics(file)
        self.subscriptions = SqliteSubscriptions(file)
        self.posts = SqlitePosts(file)
        self.chats = SqliteChats(file, self.subscriptions)
        self.notices = SqliteNotices(file)
        self.chat = SqliteChatLog(file)
        self.claims = SqliteClaims(file)
        self.locks = LocalLocks()

    def under(self, held: Held) -> SqliteStore:
        return self

    async def facts(self) -> Mapping[str, str]:
        """``store``, ``where``, ``size`` (file and log) and ``schema``."""
        path = self.file.path
        parts = (path, path.with_name(path.name + "-wal"))
        size = await asyncio.to_thread(lambda: sum(p.stat().st_size for p in parts if p.exists()))
        return {
            "store": f"SQLite {sqlite3.sqlite_version}",
            "where": str(path),
            "size": f"{size / 1e6:.1f} MB",
            "schema": known()[-1],
        }


@asynccontextmanager
async def open_sqlite(
    path: Path | str, *, busy_timeout: timedelta = timedelta(seconds=5)
) -> AsyncIterator[SqliteStore]:
    """Create or upgrade the file and hold it, alone, while the block runs. Posts in nobody's hand are due.

    Raises ``StorageError``: not a database, another program's, a newer release's, in use, damaged, full or
    not writable. ``busy_timeout`` is how long another program's lock on the file is waited for.
    """
    opening = asyncio.ensure_future(asyncio.to_thread(Connections.open, Path(path), busy_timeout))
    try:
        file = await asyncio.shield(opening)
    except asyncio.CancelledError:
        (await opening).close()
        raise
    store = SqliteStore(file)
    try:
        await store.posts.take_back()
        yield store
    finally:
        file.close()
