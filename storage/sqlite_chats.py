"""What chats chose and who changed it, what they were spared, and their comings and goings, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlite_utils import Database

from bot.domain.chats import ChatSettings, SettingsChange, whole
from bot.domain.posts import Destination, Subscription
from storage.rules import EPOCH, micros, moment
from storage.sqlite_connections import Connections
from storage.sqlite_subscriptions import SqliteSubscriptions

_CHAT = "platform = ? and chat = ?"


def _log(db: Database, change: SettingsChange) -> None:
    to = change.destination
    db.execute(
        "insert into settings_log (platform, chat, topic, at, who, what) values (?, ?, ?, ?, ?, ?)",
        [to.platform, to.chat, to.topic, micros(change.at), change.who, change.what],
    )


def _settings(chat: Destination, body: bytes, digest_due: int | None) -> ChatSettings:
    """The row says whose they are: a chat may have got another id since."""
    due = None if digest_due is None else moment(digest_due)
    chosen = msgspec.msgpack.decode(body, type=ChatSettings)
    return msgspec.structs.replace(chosen, destination=chat, digest_due=due)


def _move_subscriptions(db: Database, table: str, chat: list[str], new_chat: str) -> None:
    rows = db.execute(f"select id, body from {table} where {_CHAT} order by id", chat).fetchall()  # noqa: S608
    for number, body in rows:
        moved = msgspec.msgpack.decode(body, type=Subscription)
        to = msgspec.structs.replace(moved.destination, chat=new_chat)
        moved = msgspec.structs.replace(moved, destination=to)
        db.execute(
            f"update or ignore {table} set chat = ?, body = ? where id = ?",  # noqa: S608
            [new_chat, msgspec.msgpack.encode(moved), number],
        )


class SqliteChats:
    """See ``bot.ports.Chats``. Every method raises ``StorageError``; each change is one transaction."""

    def __init__(self, file: Connections, subscriptions: SqliteSubscriptions) -> None:
        self._file = file
        self._subscriptions = subscriptions

    async def settings(self, destination: Destination) -> ChatSettings:
        chat = whole(destination)

        def look(db: sqlite3.Connection) -> ChatSettings:
            row = db.execute(
                f"select body, digest_due from chat_settings where {_CHAT}",  # noqa: S608
                (chat.platform, chat.chat),
            ).fetchone()
            return _settings(chat, *row) if row else ChatSettings(destination=chat)

        return await self._file.read(look)

    async def choose(self, settings: ChatSettings, change: SettingsChange) -> None:
        place = [settings.destination.platform, settings.destination.chat]

        def write(db: Database) -> None:
            due = settings.digest_due and micros(settings.digest_due)
            db.execute(
                "insert into chat_settings values (?, ?, ?, ?)"
                " on conflict do update set body = excluded.body, digest_due = excluded.digest_due",
                [*place, msgspec.msgpack.encode(settings), due],
            )
            _log(db, change)
            db.execute(f"update posts set silent_until = 0 where {_CHAT} and silent_until > 0", place)  # noqa: S608

        await self._file.write(write)

    async def note(self, change: SettingsChange) -> None:
        await self._file.write(lambda db: _log(db, change))

    async def changes(self, destination: Destination, limit: int = 10) -> Sequence[SettingsChange]:
        def look(db: sqlite3.Connection) -> list[SettingsChange]:
            rows = db.execute(
                f"select platform, chat, topic, at, who, what from settings_log where {_CHAT}"  # noqa: S608
                " order by at desc, id desc limit ?",
                (destination.platform, destination.chat, limit),
            )
            return [
                SettingsChange(
                    destination=Destination(platform, chat, topic), at=moment(at), who=who, what=what
                )
                for platform, chat, topic, at, who, what in rows
            ]

        return await self._file.read(look)

    async def leave(self, destination: Destination, now: datetime) -> None:
        place = [destination.platform, destination.chat]

        def write(db: Database) -> None:
            db.execute(
                "insert or replace into left_subscriptions select id, platform, chat, topic, assets, body, ?"  # noqa: S608
                f" from subscriptions where {_CHAT}",
                [micros(now), *place],
            )
            for table in ("subscriptions", "posts", "held"):
                db.execute(f"delete from {table} where {_CHAT}", place)  # noqa: S608
            db.execute(f"update chat_settings set digest_due = null where {_CHAT}", place)  # noqa: S608

        await self._file.write(write)
        self._subscriptions.touch((destination.platform, destination.chat))

    async def back(self, destination: Destination, now: datetime) -> int:
        """What was chosen meanwhile stays."""
        place = [destination.platform, destination.chat]

        def write(db: Database) -> int:
            restored = db.execute(
                "insert or ignore into subscriptions (id, platform, chat, topic, assets, body)"  # noqa: S608
                f" select id, platform, chat, topic, assets, body from left_subscriptions where {_CHAT}",
                place,
            ).rowcount
            db.execute(f"delete from left_subscriptions where {_CHAT}", place)  # noqa: S608
            row = db.execute(f"select body, digest_due from chat_settings where {_CHAT}", place).fetchone()  # noqa: S608
            if row and row[1] is None and _settings(destination, *row).digest is not None:
                since = [micros(EPOCH), *place]
                db.execute(f"update chat_settings set digest_due = ? where {_CHAT}", since)  # noqa: S608
            return restored

        restored = await self._file.write(write)
        self._subscriptions.touch((destination.platform, destination.chat))
        return restored

    async def rename(self, old: Destination, new_chat: str) -> None:
        if new_chat == old.chat:
            return
        place = [old.platform, old.chat]

        def write(db: Database) -> None:
            for table in ("subscriptions", "left_subscriptions"):
                _move_subscriptions(db, table, place, new_chat)
            for table in ("chat_settings", "settings_log", "held"):
                db.execute(f"update or ignore {table} set chat = ? where {_CHAT}", [new_chat, *place])  # noqa: S608
            db.execute(
                f"update or ignore posts set chat = ?, message = null, not_before = ? where {_CHAT}",  # noqa: S608
                [new_chat, micros(EPOCH), *place],
            )
            for table in ("subscriptions", "left_subscriptions", "chat_settings", "held", "posts"):
                db.execute(f"delete from {table} where {_CHAT}", place)  # noqa: S608

        await self._file.write(write)
        self._subscriptions.touch((old.platform, old.chat), (old.platform, new_chat))

    async def hold(self, destination: Destination, subject: str, now: datetime) -> None:
        to = destination
        await self._file.write(
            lambda db: db.execute(
                "insert or ignore into held values (?, ?, ?, ?, ?)",
                [to.platform, to.chat, to.topic, subject, micros(now)],
            )
        )

    async def held(self, platform: str) -> Mapping[Destination, Sequence[str]]:
        def look(db: sqlite3.Connection) -> dict[Destination, list[str]]:
            found: dict[Destination, list[str]] = {}
            for chat, topic, subject in db.execute(
                "select chat, topic, subject from held where platform = ? order by at, chat, topic, subject",
                (platform,),
            ):
                found.setdefault(Destination(platform, chat, topic), []).append(subject)
            return found

        return await self._file.read(look)

    async def digests(self, now: datetime) -> Sequence[ChatSettings]:
        def look(db: sqlite3.Connection) -> list[ChatSettings]:
            rows = db.execute(
                "select platform, chat, body, digest_due from chat_settings where digest_due <= ?"
                " order by digest_due, platform, chat",
                (micros(now),),
            )
            return [_settings(Destination(platform, chat), *rest) for platform, chat, *rest in rows]

        return await self._file.read(look)

    async def digested(self, settings: ChatSettings, due: datetime | None) -> None:
        place = [settings.destination.platform, settings.destination.chat]

        def write(db: Database) -> None:
            row = db.execute(f"select body, digest_due from chat_settings where {_CHAT}", place).fetchone()  # noqa: S608
            if row and _settings(settings.destination, *row) == settings:
                at = due and micros(due)
                db.execute(f"update chat_settings set digest_due = ? where {_CHAT}", [at, *place])  # noqa: S608

        await self._file.write(write)

    async def summed_up(self, destination: Destination, subjects: Sequence[str]) -> None:
        to = destination
        await self._file.write(
            lambda db: db.conn.executemany(
                "delete from held where platform = ? and chat = ? and topic = ? and subject = ?",
                [(to.platform, to.chat, to.topic, subject) for subject in subjects],
            )
        )
