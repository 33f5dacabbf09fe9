"""What was said in the local chat, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlite_utils import Database

from bot.domain.cards import Card
from bot.domain.posts import ChatMessage
from storage.sqlite_connections import Connections


def _message(row: tuple[int, bytes]) -> ChatMessage:
    return msgspec.structs.replace(msgspec.msgpack.decode(row[1], type=ChatMessage), number=row[0])


class SqliteChatLog:
    """See ``bot.ports.ChatLog``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def say(
        self,
        who: str,
        at: datetime,
        *,
        text: str = "",
        card: Card | None = None,
        reply_to: int | None = None,
    ) -> ChatMessage:
        said = ChatMessage(number=0, who=who, at=at, text=text, card=card, reply_to=reply_to)

        def write(db: Database) -> ChatMessage:
            row = db.execute("insert into chat (body) values (?)", [msgspec.msgpack.encode(said)])
            return msgspec.structs.replace(said, number=row.lastrowid)

        return await self._file.write(write)

    async def amend(self, number: int, at: datetime, card: Card) -> ChatMessage | None:
        def write(db: Database) -> ChatMessage | None:
            row = db.execute("select number, body from chat where number = ?", [number]).fetchone()
            if row is None:
                return None
            old = _message(row)
            new = msgspec.structs.replace(old, at=at, card=card, revision=old.revision + 1)
            db.execute("update chat set body = ? where number = ?", [msgspec.msgpack.encode(new), number])
            return new

        return await self._file.write(write)

    async def said(self, *, after: int = 0, limit: int = 200) -> Sequence[ChatMessage]:
        def look(db: sqlite3.Connection) -> list[ChatMessage]:
            rows = db.execute(
                "select number, body from chat where number > ? order by number desc limit ?", (after, limit)
            ).fetchall()
            return [_message(row) for row in reversed(rows)]

        return await self._file.read(look)
