"""One SQLite file: one thread that writes, a few that read, and every fault told in a sentence."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from queue import LifoQueue
from typing import TypeVar

import msgspec
from sqlite_utils import Database

from bot.errors import StorageError
from storage.sqlite_schema import APPLICATION_ID, known, schema

T = TypeVar("T")
READERS = 4

# https://www.sqlite.org/rescode.html: primary result codes, and what a person can do about each.
_MEANS = {
    sqlite3.SQLITE_NOTADB: "is not a Washout database; give another path under [storage], or move it away",
    sqlite3.SQLITE_CORRUPT: "is damaged; move it away and put a backup in its place",
    sqlite3.SQLITE_BUSY: "is locked by another program; close that program, then start again",
    sqlite3.SQLITE_LOCKED: "is locked by another program; close that program, then start again",
    sqlite3.SQLITE_FULL: "cannot grow because the disk is full; free some space, then start again "
    "(what was stored is safe)",
    sqlite3.SQLITE_READONLY: "cannot be written; give this user the right to write the file and its folder",
    sqlite3.SQLITE_PERM: "cannot be written; give this user the right to write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that it is a file and that this user may read and "
    "write it and its folder",
    sqlite3.SQLITE_IOERR: "could not be read or written; check the disk, its space and its quota, then "
    "start again (what was stored is safe)",
}


def explain(path: Path, fault: sqlite3.Error) -> StorageError:
    """The fault as one sentence that names the file and what to do."""
    code = getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    means = _MEANS.get(code & 0xFF, f"refused what was asked of it ({fault}); please report this")
    return StorageError(f"{path} {means}.")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Within the block every fault of SQLite, and every record that cannot be read, is a ``StorageError``."""
    try:
        yield
    except sqlite3.Error as fault:
        raise explain(path, fault) from fault
    except (msgspec.MsgspecError, zlib.error) as fault:
        raise StorageError(f"{path} holds a damaged record ({fault}); put a backup in its place.") from fault


class Connections:
    """The open file. A job gets a connection of its own thread's kind; a write is one transaction.

    Both kinds raise ``StorageError``. A caller that is cancelled takes back a job that has not begun; one
    that has begun runs to its end.
    """

    def __init__(
        self, path: Path, writer: Database, readers: list[sqlite3.Connection], opened: ExitStack
    ) -> None:
        self.path = path
        self._writer = writer
        self._readers: LifoQueue[sqlite3.Connection] = LifoQueue()
        for reader in readers:
            self._readers.put(reader)
        self._opened = opened
        self._closed = False
        self._write_thread = ThreadPoolExecutor(1, "store-write")
        self._read_threads = ThreadPoolExecutor(len(readers), "store-read")

    @classmethod
    def open(cls, path: Path, busy_timeout: timedelta) -> Connections:
        """Create or upgrade the file and take it for this process alone. Raises ``StorageError``."""
        path = path.resolve()
        with explained(path), ExitStack() as opening:
            opening.enter_context(_only_one(path))
            conn = sqlite3.connect(path, timeout=busy_timeout.total_seconds(), check_same_thread=False)
            opening.callback(conn.close)
            writer = Database(conn, execute_plugins=False)
            _refuse_strangers(path, writer)
            conn.execute(f"pragma application_id = {APPLICATION_ID}")
            conn.execute("pragma journal_mode = wal")
            # Safe against a killed process; a power cut may cost the last moments, never the file.
            conn.execute("pragma synchronous = normal")
            conn.execute("pragma journal_size_limit = 67108864")
            schema.apply(writer)
            readers = []
            for _ in range(READERS):
                reader = sqlite3.connect(
                    f"{path.as_uri()}?mode=ro",
                    uri=True,
                    timeout=busy_timeout.total_seconds(),
                    check_same_thread=False,
                )
                opening.callback(reader.close)  # before the writer, which then tidies up the log
                readers.append(reader)
            return cls(path, writer, readers, opening.pop_all())

    async def write(self, job: Callable[[Database], T]) -> T:
        """Run ``job`` in the one thread that writes. Once awaited, it survives a killed process."""
        return await self._run(self._write_thread, self._in_transaction, job)

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run(self._read_threads, self._in_reader, job)

    def close(self) -> None:
        """Finish what was begun, then let go of the file. It does not await, so nothing can interrupt it."""
        self._closed = True
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        self._opened.close()

    async def _run(
        self, threads: ThreadPoolExecutor, run: Callable[[Callable[..., T]], T], job: Callable[..., T]
    ) -> T:
        if self._closed:
            raise StorageError(f"{self.path} is closed.")
        return await asyncio.get_running_loop().run_in_executor(threads, run, job)

    def _in_transaction(self, job: Callable[[Database], T]) -> T:
        with explained(self.path), self._writer.atomic():
            return job(self._writer)

    def _in_reader(self, job: Callable[[sqlite3.Connection], T]) -> T:
        reader = self._readers.get()
        try:
            with explained(self.path):
                return job(reader)
        finally:
            self._readers.put(reader)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold ``path`` for this process. The kernel lets go when the process dies, however it dies."""
    beside = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as fault:
        raise StorageError(
            f"{path} cannot be stored in its folder ({fault.strerror}); check that the folder exists "
            "and that this user may write in it."
        ) from fault
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            owner = os.read(held, 20).decode("ascii", "replace").strip() or "unknown"
            raise StorageError(
                f"{path} is in use by another Washout (process {owner}); stop that one, or give this one "
                "another path under [storage]."
            ) from fault
        os.ftruncate(held, 0)
        os.write(held, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(held)


def _refuse_strangers(path: Path, db: Database) -> None:
    """Raises ``StorageError`` for a file of another program or of a newer release, which stay untouched."""
    (mark,) = db.execute("pragma application_id").fetchone()
    tables = db.table_names()
    if tables and mark != APPLICATION_ID:
        raise StorageError(f"{path} is another program's database; give another path under [storage].")
    if newer := {step.name for step in schema.applied(db)}.difference(known()):
        raise StorageError(
            f"{path} was written by a newer Washout (it knows {', '.join(sorted(newer))}); upgrade this one, "
            "or give another path under [storage]."
        )
