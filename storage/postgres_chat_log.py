"""What was said in the local chat, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bot.domain.cards import Card
from bot.domain.posts import ChatMessage
from storage.postgres_connections import Connection, Connections


def _message(row: tuple[int, bytes]) -> ChatMessage:
    return msgspec.structs.replace(msgspec.msgpack.decode(row[1], type=ChatMessage), number=row[0])


class PostgresChatLog:
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
        body = msgspec.msgpack.encode(said)
        sql = "insert into chat (body) values ($1) returning number"
        number = await self._file.once(lambda db: db.fetchval(sql, body))
        return msgspec.structs.replace(said, number=number)

    async def amend(self, number: int, at: datetime, card: Card) -> ChatMessage | None:
        async def write(db: Connection) -> ChatMessage | None:
            row = await db.fetchrow("select number, body from chat where number = $1 for update", number)
            if row is None:
                return None
            old = _message(row)
            new = msgspec.structs.replace(old, at=at, card=card, revision=old.revision + 1)
            await db.execute(
                "update chat set body = $2 where number = $1", number, msgspec.msgpack.encode(new)
            )
            return new

        return await self._file.once(write)

    async def said(self, *, after: int = 0, limit: int = 200) -> Sequence[ChatMessage]:
        sql = "select number, body from chat where number > $1 order by number desc limit $2"
        return (await self._file.rows(_message, sql, after, limit))[::-1]
