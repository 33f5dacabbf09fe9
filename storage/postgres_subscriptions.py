"""Who wants to hear what, in PostgreSQL, with the wishes of all chats at hand in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

import msgspec

from bot.domain.posts import Destination, Subscription, Wish
from storage.audience import RELOAD, Audience, Chat
from storage.postgres_connections import Connection, Connections
from storage.rules import assets_key

_HERE = "platform = $1 and chat = $2 and topic = $3"
# With it comes the oldest transaction still under way: whatever that and later ones change is not seen yet.
_CHANGED = (
    "select pg_snapshot_xmin(pg_current_snapshot())::text, platform, chat"
    " from (select) as now left join subscription_changes on changed >= $1::text::xid8"
)


def _subscription(row: tuple[int, bytes]) -> Subscription:
    return msgspec.structs.replace(msgspec.msgpack.decode(row[1], type=Subscription), id=row[0])


def _place(destination: Destination) -> tuple[str, str, str]:
    return destination.platform, destination.chat, destination.topic


async def touch(db: Connection, *chats: Chat) -> None:
    """These chats have other subscriptions when this transaction is through: every process will look."""
    await db.executemany(
        "insert into subscription_changes values ($1, $2, pg_current_xact_id(), now())"
        " on conflict (platform, chat) do update set changed = excluded.changed, at = excluded.at",
        sorted(chats),
    )


class Listeners:
    """What a process knows of everybody's wishes, and as of which transaction."""

    def __init__(self) -> None:
        self.audience = Audience(())
        self.seen: str | None = None
        """``None`` before they were ever read."""
        self.reading = asyncio.Lock()


class PostgresSubscriptions:
    """See ``bot.ports.Subscriptions``. Every method raises ``StorageError``.

    Whoever else writes the table says so with ``touch``.
    """

    def __init__(self, file: Connections, listeners: Listeners) -> None:
        self._file = file
        self._listeners = listeners

    async def wishes(self) -> Mapping[Wish, Collection[Destination]]:
        """Read whole the first time, afterwards only the chats that changed, whoever changed them."""
        known = self._listeners
        async with known.reading:
            rows = await self._file.rows(tuple, _CHANGED, known.seen or "0")
            stale = [(platform, chat) for _, platform, chat in rows if platform is not None]
            if known.seen is None or len(stale) > RELOAD:
                known.audience = Audience(await self.all())
            elif stale:
                await self._look_again(stale)
            known.seen = rows[0][0]
            return known.audience.having

    async def _look_again(self, stale: Sequence[Chat]) -> None:
        columns = list(map(list, zip(*stale, strict=True)))
        found: dict[Chat, list[Subscription]] = {chat: [] for chat in stale}
        for each in await self._all_of(
            "join unnest($1::text[], $2::text[]) as stale (platform, chat) using (platform, chat)", *columns
        ):
            found[each.destination.platform, each.destination.chat].append(each)
        for chat, subscriptions in found.items():
            self._listeners.audience.put(chat, subscriptions)

    async def add(self, subscription: Subscription) -> Subscription:
        """One that replaces another keeps its id."""
        to = subscription.destination
        place = (*_place(to), assets_key(subscription))
        body = msgspec.msgpack.encode(subscription)

        async def write(db: Connection) -> int:
            await touch(db, (to.platform, to.chat))
            # An upsert would use up a number each time; numbers are what people type.
            changed = f"update subscriptions set body = $5 where {_HERE} and assets = $4 returning id"  # noqa: S608
            new = (
                "insert into subscriptions (platform, chat, topic, assets, body)"
                " values ($1, $2, $3, $4, $5) returning id"
            )
            number: int = await db.fetchval(changed, *place, body) or await db.fetchval(new, *place, body)
            return number

        return msgspec.structs.replace(subscription, id=await self._file.write(write))

    async def remove(self, destination: Destination, subscription_id: int | None = None) -> int:
        async def write(db: Connection) -> int:
            await touch(db, (destination.platform, destination.chat))
            done = await db.execute(
                f"delete from subscriptions where {_HERE} and id = coalesce($4, id)",  # noqa: S608
                *_place(destination),
                subscription_id,
            )
            return int(done.rpartition(" ")[2])

        return await self._file.once(write)

    async def of(self, destination: Destination) -> Sequence[Subscription]:
        """In order of id."""
        return await self._all_of(f"where {_HERE}", *_place(destination))

    async def all(self) -> Sequence[Subscription]:
        """In order of id."""
        return await self._all_of("")

    async def _all_of(self, which: str, *asked: object) -> list[Subscription]:
        sql = f"select id, body from subscriptions {which} order by id"  # noqa: S608
        return await self._file.rows(_subscription, sql, *asked)
