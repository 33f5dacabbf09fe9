"""Who wants to hear what, in SQLite, with the wishes of all chats at hand in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlite_utils import Database

from bot.domain.posts import Destination, Subscription, Wish
from storage.audience import RELOAD, Audience, Chat
from storage.rules import assets_key
from storage.sqlite_connections import Connections

_ALL = "select id, body from subscriptions order by id"
_HERE = "platform = ? and chat = ? and topic = ?"


def _subscription(row: tuple[int, bytes]) -> Subscription:
    return msgspec.structs.replace(msgspec.msgpack.decode(row[1], type=Subscription), id=row[0])


def _place(destination: Destination) -> list[str]:
    return [destination.platform, destination.chat, destination.topic]


class SqliteSubscriptions:
    """See ``bot.ports.Subscriptions``. Every method raises ``StorageError``.

    Whoever else writes the table says so with ``touch``.
    """

    def __init__(self, file: Connections) -> None:
        self._file = file
        self._audience = Audience(())
        self._stale: set[Chat] | None = None
        """Chats that changed since the audience was read; ``None`` before it ever was."""
        self._reading = asyncio.Lock()

    def touch(self, *chats: Chat) -> None:
        """These chats have other subscriptions now."""
        if self._stale is not None:
            self._stale.update(chats)

    async def wishes(self) -> Mapping[Wish, Collection[Destination]]:
        """Read whole the first time (a second for 300,000), afterwards only the chats that changed."""
        async with self._reading:
            stale, self._stale = self._stale, set()
            try:
                if stale is None or len(stale) > RELOAD:
                    self._audience = await self._file.read(
                        lambda db: Audience(map(_subscription, db.execute(_ALL)))
                    )
                else:
                    for chat in stale:
                        self._audience.put(chat, await self._of_chat(chat))
            except BaseException:
                self._stale = None
                raise
            return self._audience.having

    async def _of_chat(self, chat: Chat) -> list[Subscription]:
        sql = "select id, body from subscriptions where platform = ? and chat = ? order by id"
        return await self._file.read(lambda db: list(map(_subscription, db.execute(sql, chat))))

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

        added = await self._file.write(write)
        self.touch((subscription.destination.platform, subscription.destination.chat))
        return added

    async def remove(self, destination: Destination, subscription_id: int | None = None) -> int:
        removed = await self._file.write(
            lambda db: (
                db.execute(
                    f"delete from subscriptions where {_HERE} and id = coalesce(?, id)",  # noqa: S608
                    [*_place(destination), subscription_id],
                ).rowcount
            )
        )
        self.touch((destination.platform, destination.chat))
        return removed

    async def of(self, destination: Destination) -> Sequence[Subscription]:
        """In order of id."""
        sql = f"select id, body from subscriptions where {_HERE} order by id"  # noqa: S608
        place = _place(destination)
        return await self._file.read(lambda db: list(map(_subscription, db.execute(sql, place))))

    async def all(self) -> Sequence[Subscription]:
        """In order of id."""
        return await self._file.read(lambda db: list(map(_subscription, db.execute(_ALL))))
