"""Copies all of the state from one store into an empty one, and checks that it is the same.

Rows go over table by table in the order of their keys. How far a copy has come is kept in the target, in the
same transaction as the rows, so a copy that was cut off goes on where it stood.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, Protocol

import msgspec

from bot.errors import StorageError, UsageError
from storage.copy_tables import TABLES, Table

PAGE = 5_000
"""Rows in one transaction."""
GONE_WITHIN = timedelta(seconds=8)
"""Longer than PostgreSQL keeps the sessions and locks of a process that was killed."""
_LOOK_S = 0.2

Row = tuple[Any, ...]


class Progress(msgspec.Struct, frozen=True):
    """``table`` is the place in ``TABLES``, ``after`` the key of the last row that went over."""

    source: str
    table: int = 0
    after: tuple[Any, ...] | None = None


class Side(Protocol):
    """One of the two stores. Every method raises ``StorageError``."""

    @property
    def where(self) -> str: ...
    async def others(self) -> Sequence[str]:
        """Who of ours uses it besides, as far as can be seen; a file is held by one alone."""

    async def page(self, table: Table, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Rows whose key is larger than ``after``, in order of it; values are Python's own."""

    async def put(self, table: Table, rows: Sequence[Row], progress: bytes) -> None:
        """Both or neither."""

    async def progress(self) -> bytes | None: ...

    async def finish(self) -> None:
        """No number is given twice, and nothing speaks of a copy any more."""


async def copy(
    source: Side,
    target: Side,
    say: Callable[[str], None],
    page: int = PAGE,
    *,
    gone_within: timedelta = GONE_WITHIN,
) -> None:
    """Copy everything, or go on with it. ``say`` gets a line now and then.

    Nobody else may write meanwhile: who is there at the beginning or at the end, and not gone within
    ``gone_within``, is named. Raises ``UsageError`` for that and for a target that is not empty,
    ``StorageError`` where both are not the same at the end.
    """
    await _alone((source, target), gone_within)
    at = await _begin(source, target)
    for number, table in enumerate(TABLES):
        if number < at.table:
            continue
        after, copied = at.after if number == at.table else None, 0
        while rows := await source.page(table, after, page):
            after = rows[-1][: table.key]
            progress = Progress(source.where, number, _plain(table, after))
            await target.put(table, rows, msgspec.msgpack.encode(progress))
            copied += len(rows)
            say(f"{table.name}: {copied:,} rows")
    say("comparing …")
    for table in TABLES:
        there, here = await _digest(source, table, page), await _digest(target, table, page)
        if there != here:
            raise StorageError(
                f"{table.name} is not the same in {source.where} ({there[0]:,} rows) and in {target.where}"
                f" ({here[0]:,} rows): something wrote meanwhile. Stop it, empty the copy, and begin anew."
            )
        if here[0]:
            say(f"{table.name}: {here[0]:,} rows are the same, sha256 {here[1][:16]}")
    await _alone((source, target), gone_within)
    await target.finish()


async def _alone(sides: Sequence[Side], gone_within: timedelta) -> None:
    until = monotonic() + gone_within.total_seconds()
    for side in sides:
        while others := await side.others():
            if monotonic() > until:
                raise UsageError(
                    f"{side.where} is in use by {', '.join(others)}: stop every Washout there, then give the"
                    " same command again"
                )
            await asyncio.sleep(_LOOK_S)


async def _begin(source: Side, target: Side) -> Progress:
    kept = await target.progress()
    if kept is not None:
        found = msgspec.msgpack.decode(kept, type=Progress)
        if found.source != source.where:
            raise UsageError(
                f"{target.where} holds a copy of {found.source} that is not done yet: go on with that,"
                " or empty it"
            )
        table = TABLES[found.table]
        return Progress(found.source, found.table, _rich(table, found.after))
    for table in TABLES:
        if await target.page(table, None, 1):
            raise UsageError(f"{target.where} is not empty (it has {table.name}): copy into a new one")
    return Progress(source.where)


async def _digest(side: Side, table: Table, page: int) -> tuple[int, str]:
    count, digest, after = 0, hashlib.sha256(), None
    while rows := await side.page(table, after, page):
        count += len(rows)
        after = rows[-1][: table.key]
        digest.update(msgspec.msgpack.encode(rows))
    return count, digest.hexdigest()


def _plain(table: Table, key: Sequence[Any]) -> tuple[Any, ...]:
    """As SQLite has it, and so with nothing that MessagePack does not tell apart."""
    kinds = list(table.columns.values())[: table.key]
    return tuple(kind.write(value) for kind, value in zip(kinds, key, strict=True))


def _rich(table: Table, key: Sequence[Any] | None) -> tuple[Any, ...] | None:
    if key is None:
        return None
    kinds = list(table.columns.values())[: table.key]
    return tuple(kind.read(value) for kind, value in zip(kinds, key, strict=True))
