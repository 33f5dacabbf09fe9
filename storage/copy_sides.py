"""Both databases, as a copy reads and writes them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from storage.copy import Row
from storage.copy_tables import PROGRESS, Table
from storage.sqlite_connections import Connections

_BUSY = timedelta(seconds=5)
_SPLIT = {
    "snapshots": {
        "snapshots": ("asset", "tier", "at", "coins", "price_usd", "coverage", "log_index"),
        "snapshot_details": ("asset", "at", "body"),
    }
}
"""What one row of a table is in SQLite, where that is more than one."""
_NAMES = {"reports": "told_reports"}


class SqliteSide:
    """See ``storage.copy.Side``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    @property
    def where(self) -> str:
        return str(self._file.path)

    async def others(self) -> Sequence[str]:
        return ()

    async def page(self, table: Table, after: Sequence[Any] | None, limit: int) -> list[Row]:
        names, kinds = list(table.columns), list(table.columns.values())
        key = ", ".join(f'"{name}"' for name in names[: table.key])
        places = ", ".join("?" for _ in range(table.key))
        beyond = f"where ({key}) > ({places})" if after is not None else ""
        columns = ", ".join(f'"{name}"' for name in names)
        told = f"({table.sqlite})" if table.sqlite else table.name
        sql = f"select {columns} from {told} {beyond} order by {key} limit ?"  # noqa: S608
        asked = [kind.write(value) for kind, value in zip(kinds, after or (), strict=False)]

        def look(db: sqlite3.Connection) -> list[Row]:
            return [
                tuple(None if v is None else kind.read(v) for kind, v in zip(kinds, row, strict=True))
                for row in db.execute(sql, [*asked, limit])
            ]

        return await self._file.read(look)

    async def put(self, table: Table, rows: Sequence[Row], progress: bytes) -> None:
        names, kinds = list(table.columns), list(table.columns.values())

        def write(db: Database) -> None:
            flat = [
                dict(
                    zip(
                        names,
                        (None if v is None else kind.write(v) for kind, v in zip(kinds, row, strict=True)),
                        strict=True,
                    )
                )
                for row in rows
            ]
            parts = _SPLIT.get(table.name, {_NAMES.get(table.name, table.name): names})
            for name, columns in parts.items():
                listed = ", ".join(f'"{column}"' for column in columns)
                places = ", ".join(f":{column}" for column in columns)
                db.conn.executemany(f"insert into {name} ({listed}) values ({places})", flat)  # noqa: S608
            db.conn.execute("insert or replace into states values (?, ?)", (PROGRESS, progress))

        await self._file.write(write)

    async def progress(self) -> bytes | None:
        def look(db: sqlite3.Connection) -> bytes | None:
            row = db.execute("select state from states where name = ?", (PROGRESS,)).fetchone()
            return row and bytes(row[0])

        return await self._file.read(look)

    async def finish(self) -> None:
        """Numbers that are never given twice go on by themselves, after the largest there is."""
        await self._file.write(lambda db: db.execute("delete from states where name = ?", [PROGRESS]))


@asynccontextmanager
async def open_sqlite_side(path: Path) -> AsyncIterator[SqliteSide]:
    """Raises ``StorageError``, also while a bot runs on the file."""
    file = await asyncio.to_thread(Connections.open, path, _BUSY)
    try:
        yield SqliteSide(file)
    finally:
        file.close()
