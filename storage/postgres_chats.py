"""What chats chose and who changed it, what they were spared, and their comings and goings, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from bot.domain.chats import ChatSettings, SettingsChange, whole
from bot.domain.posts import Destination, Subscription
from storage.postgres_connections import Connection, Connections
from storage.postgres_subscriptions import touch

_CHAT = "platform = $1 and chat = $2"
_LOG = "insert into settings_log (platform, chat, topic, at, who, what) values ($1, $2, $3, $4, $5, $6)"


def _settings(chat: Destination, body: bytes, digest_due: datetime | None) -> ChatSettings:
    """The row says whose they are: a chat may have got another id since."""
    chosen = msgspec.msgpack.decode(body, type=ChatSettings)
    return msgspec.structs.replace(chosen, destination=chat, digest_due=digest_due)


def _change(row: tuple[str, str, str, datetime, str, str]) -> SettingsChange:
    platform, chat, topic, at, who, what = row
    return SettingsChange(destination=Destination(platform, chat, topic), at=at, who=who, what=what)


async def _log(db: Connection, change: SettingsChange) -> None:
    to = change.destination
    await db.execute(_LOG, to.platform, to.chat, to.topic, change.at, change.who, change.what)


async def _move_subscriptions(db: Connection, table: str, place: tuple[str, str], new_chat: str) -> None:
    rows = await db.fetch(f"select id, body from {table} where {_CHAT} order by id for update", *place)  # noqa: S608
    for number, body in rows:
        moved = msgspec.msgpack.decode(body, type=Subscription)
        to = msgspec.structs.replace(moved.destination, chat=new_chat)
        await db.execute(
            f"update {table} as moved set chat = $2, body = $3 where id = $1 and not exists (select 1"  # noqa: S608
            f" from {table} as there where there.platform = moved.platform and there.chat = $2"
            " and there.topic = moved.topic and there.assets = moved.assets)",
            number,
            new_chat,
            msgspec.msgpack.encode(msgspec.structs.replace(moved, destination=to)),
        )


_MOVES = (
    (
        "update chat_settings as moved set chat = $3 where platform = $1 and chat = $2 and not exists"
        " (select 1 from chat_settings as there where there.platform = $1 and there.chat = $3)"
    ),
    "update settings_log set chat = $3 where platform = $1 and chat = $2",
    (
        "update held as moved set chat = $3 where platform = $1 and chat = $2 and not exists"
        " (select 1 from held as there where there.platform = $1 and there.chat = $3"
        " and there.topic = moved.topic and there.subject = moved.subject)"
    ),
    (
        "update posts as moved set chat = $3, message = null, not_before = 'epoch'"
        " where platform = $1 and chat = $2 and not exists"
        " (select 1 from posts as there where there.platform = $1 and there.chat = $3"
        " and there.topic = moved.topic and there.subject = moved.subject)"
    ),
)
"""Of whole rows; what the new chat has already stays."""


class PostgresChats:
    """See ``bot.ports.Chats``. Every method raises ``StorageError``; each change is one transaction."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def settings(self, destination: Destination) -> ChatSettings:
        chat = whole(destination)
        sql = f"select body, digest_due from chat_settings where {_CHAT}"  # noqa: S608
        chosen = await self._file.row(lambda row: _settings(chat, *row), sql, chat.platform, chat.chat)
        return chosen or ChatSettings(destination=chat)

    async def choose(self, settings: ChatSettings, change: SettingsChange) -> None:
        place = settings.destination.platform, settings.destination.chat

        async def write(db: Connection) -> None:
            await db.execute(
                "insert into chat_settings values ($1, $2, $3, $4) on conflict (platform, chat)"
                " do update set body = excluded.body, digest_due = excluded.digest_due",
                *place,
                msgspec.msgpack.encode(settings),
                settings.digest_due,
            )
            await _log(db, change)
            await db.execute(
                f"update posts set silent_until = 'epoch' where {_CHAT} and silent_until > 'epoch'",  # noqa: S608
                *place,
            )

        await self._file.once(write)

    async def note(self, change: SettingsChange) -> None:
        await self._file.once(lambda db: _log(db, change))

    async def changes(self, destination: Destination, limit: int = 10) -> Sequence[SettingsChange]:
        return await self._file.rows(
            _change,
            f"select platform, chat, topic, at, who, what from settings_log where {_CHAT}"  # noqa: S608
            " order by at desc, id desc limit $3",
            destination.platform,
            destination.chat,
            limit,
        )

    async def leave(self, destination: Destination, now: datetime) -> None:
        place = destination.platform, destination.chat

        async def write(db: Connection) -> None:
            await touch(db, place)
            await db.execute(
                "delete from left_subscriptions as old using subscriptions as new"
                " where new.platform = $1 and new.chat = $2 and (old.id = new.id or (old.platform = $1"
                " and old.chat = $2 and old.topic = new.topic and old.assets = new.assets))",
                *place,
            )
            await db.execute(
                "insert into left_subscriptions (id, platform, chat, topic, assets, body, left_at)"  # noqa: S608
                f" select id, platform, chat, topic, assets, body, $3 from subscriptions where {_CHAT}",
                *place,
                now,
            )
            for table in ("subscriptions", "posts", "held"):
                await db.execute(f"delete from {table} where {_CHAT}", *place)  # noqa: S608
            await db.execute(f"update chat_settings set digest_due = null where {_CHAT}", *place)  # noqa: S608

        await self._file.write(write)

    async def back(self, destination: Destination, now: datetime) -> int:
        """What was chosen meanwhile stays."""
        place = destination.platform, destination.chat

        async def write(db: Connection) -> int:
            await touch(db, place)
            done = await db.execute(
                "insert into subscriptions (id, platform, chat, topic, assets, body)"  # noqa: S608
                f" select id, platform, chat, topic, assets, body from left_subscriptions where {_CHAT}"
                " on conflict do nothing",
                *place,
            )
            await db.execute(f"delete from left_subscriptions where {_CHAT}", *place)  # noqa: S608
            row = await db.fetchrow(
                f"select body, digest_due from chat_settings where {_CHAT} for update",  # noqa: S608
                *place,
            )
            if row and row[1] is None and _settings(destination, *row).digest is not None:
                await db.execute(f"update chat_settings set digest_due = 'epoch' where {_CHAT}", *place)  # noqa: S608
            return int(done.rpartition(" ")[2])

        return await self._file.once(write)

    async def rename(self, old: Destination, new_chat: str) -> None:
        if new_chat == old.chat:
            return
        place = old.platform, old.chat

        async def write(db: Connection) -> None:
            await touch(db, place, (old.platform, new_chat))
            for table in ("subscriptions", "left_subscriptions"):
                await _move_subscriptions(db, table, place, new_chat)
            for move in _MOVES:
                await db.execute(move, *place, new_chat)
            for table in ("subscriptions", "left_subscriptions", "chat_settings", "held", "posts"):
                await db.execute(f"delete from {table} where {_CHAT}", *place)  # noqa: S608

        await self._file.write(write)

    async def hold(self, destination: Destination, subject: str, now: datetime) -> None:
        to = destination
        sql = "insert into held values ($1, $2, $3, $4, $5) on conflict do nothing"
        await self._file.write(lambda db: db.execute(sql, to.platform, to.chat, to.topic, subject, now))

    async def held(self, platform: str) -> Mapping[Destination, Sequence[str]]:
        sql = "select chat, topic, subject from held where platform = $1 order by at, chat, topic, subject"
        found: dict[Destination, list[str]] = {}
        for chat, topic, subject in await self._file.rows(tuple, sql, platform):
            found.setdefault(Destination(platform, chat, topic), []).append(subject)
        return found

    async def summed_up(self, destination: Destination, subjects: Sequence[str]) -> None:
        to = destination
        sql = (
            "delete from held where platform = $1 and chat = $2 and topic = $3 and subject = any($4::text[])"
        )
        await self._file.write(lambda db: db.execute(sql, to.platform, to.chat, to.topic, list(subjects)))

    async def digests(self, now: datetime) -> Sequence[ChatSettings]:
        sql = (
            "select platform, chat, body, digest_due from chat_settings where digest_due <= $1"
            " order by digest_due, platform, chat"
        )
        return await self._file.rows(lambda row: _settings(Destination(row[0], row[1]), *row[2:]), sql, now)

    async def digested(self, settings: ChatSettings, due: datetime | None) -> None:
        place = settings.destination.platform, settings.destination.chat

        async def write(db: Connection) -> None:
            row = await db.fetchrow(
                f"select body, digest_due from chat_settings where {_CHAT} for update",  # noqa: S608
                *place,
            )
            if row and _settings(settings.destination, *row) == settings:
                await db.execute(f"update chat_settings set digest_due = $3 where {_CHAT}", *place, due)  # noqa: S608

        await self._file.write(write)
