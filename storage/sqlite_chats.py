"""Subscriptions and the local chat, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlite_utils import Database

from bot.domain.cards import Card
from bot.domain.posts import ChatMessage, Destination, Subscription
from storage.rules import assets_key
from storage.sqlite_connections import Connections

_HERE = "platform = ? and chat = ? and topic = ?"


def _subscription(row: tuple[int, bytes]) -> Subscription:
    return msgspec.structs.replace(msgspec.msgpack.decode(row[1], type=Subscription), id=row[0])


def _place(destination: Destination) -> list[str]:
    return [destination.platform, destination.chat, destination.topic]


class SqliteSubscriptions:
    """See ``bot.ports.Subscriptions``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def add(self, subscription: Subscription) -> Subscription:
        """One that replaces another keeps its id."""

        def write(db: Database) -> Subscription:
            place = [*_place(subscription.destination), assets_key(subscription)]
            body = msgspec.msgpack.encode(subscription)
            # An upsert would use up a number each time; numbers are what people type.
            changed = db.execute(
                f"update subscriptions set body = ? where {_HERE} and assets = ?",  # noqa: S608
                [body, *place],
            )
            if not changed.rowcount:
                db.execute(
                    "insert into subscriptions (platform, chat, topic, assets, body) values (?, ?, ?, ?, ?)",
                    [*place, body],
                )
            (number,) = db.execute(
                f"select id from subscriptions where {_HERE} and assets = ?",  # noqa: S608
                place,
            ).fetchone()
            return msgspec.structs.replace(subscription, id=number)

        return await self._file.write(write)

    async def remove(self, destination: Destination, subscription_id: int | None = None) -> int:
        return await self._file.write(
            lambda db: (
                db.execute(
                    f"delete from subscriptions where {_HERE} and id = coalesce(?, id)",  # noqa: S608
                    [*_place(destination), subscription_id],
                ).rowcount
            )
        )

    async def of(self, destination: Destination) -> Sequence[Subscription]:
        """In order of id."""
        sql = f"select id, body from subscriptions where {_HERE} order by id"  # noqa: S608
        place = _place(destination)
        return await self._file.read(lambda db: list(map(_subscription, db.execute(sql, place))))

    async def all(self) -> Sequence[Subscription]:
        """In order of id."""
        sql = "select id, body from subscriptions order by id"
        return await self._file.read(lambda db: list(map(_subscription, db.execute(sql))))

    async def rename(self, old: Destination, new_chat: str) -> None:
        """Every topic of the chat moves; what the new chat has already chosen for itself stays."""

        def write(db: Database) -> None:
            rows = db.execute(
                "select id, body from subscriptions where platform = ? and chat = ? order by id",
                [old.platform, old.chat],
            ).fetchall()
            for number, body in rows:
                moved = msgspec.msgpack.decode(body, type=Subscription)
                to = msgspec.structs.replace(moved.destination, chat=new_chat)
                moved = msgspec.structs.replace(moved, destination=to)
                db.execute(
                    "update or ignore subscriptions set chat = ?, body = ? where id = ?",
                    [new_chat, msgspec.msgpack.encode(moved), number],
                )
            if new_chat != old.chat:
                db.execute(
                    "delete from subscriptions where platform = ? and chat = ?", [old.platform, old.chat]
                )

        await self._file.write(write)


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
