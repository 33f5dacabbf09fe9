"""Posts on their way to the newest revision, and the log of what was shown, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from bot.domain.posts import YEARLY_W, AlertLog, Destination, Latency, Post, Told, urgency
from storage.postgres_connections import Connections
from storage.rules import EPOCH, TENTH

_COLUMNS = (
    "subject, platform, chat, topic, wanted, loud, shown, message, not_before, size, tries, first_shown_at,"
    " silent_until, due_since, rung_w"
)
_THIS = "subject = $1 and platform = $2 and chat = $3 and topic = $4"
PIECE = 2_000
"""So many posts are written in one transaction: what is claimed and shown meanwhile goes in between."""

_WANT = (
    "insert into posts (subject, platform, chat, topic, wanted, loud, not_before, size, due_since)"  # noqa: S608
    " select $1, platform, chat, topic, $5, $6, 'epoch', $7, $8"
    " from unnest($2::text[], $3::text[], $4::text[]) as wanted (platform, chat, topic)"
    " where not exists (select 1 from posts as other where other.subject = any($9::text[])"
    " and other.platform = wanted.platform and other.chat = wanted.chat and other.topic = wanted.topic)"
    # So that two who want at once take the rows in one order, and neither waits for the other for ever.
    " order by 2, 3, 4"
    " on conflict (subject, platform, chat, topic) do update set"
    " wanted = greatest(posts.wanted, excluded.wanted), loud = greatest(posts.loud, excluded.loud),"
    " size = greatest(posts.size, excluded.size),"
    # as storage.rules.may_break_through
    f" silent_until = case when posts.size < {YEARLY_W} and excluded.size >= {YEARLY_W} then 'epoch'"
    " else posts.silent_until end"
    " where posts.wanted < excluded.wanted or posts.loud < excluded.loud or posts.size < excluded.size"
)
_RAISE = (
    "update posts set wanted = greatest(wanted, $2), loud = greatest(loud, $3)"
    " where (subject, platform, chat, topic) in (select subject, platform, chat, topic from posts"
    " where subject = $1 and (wanted < $2 or loud < $3) order by platform, chat, topic limit $4 for update)"
)
# Whoever claims at the same time takes the next ones.
_CLAIM = (
    "with due as (select subject, platform, chat, topic from posts where platform = $1 and wanted > shown"  # noqa: S608
    " and not_before <= $2 and silent_until <= $2"
    " order by (message is not null and loud <= shown), size desc, not_before, subject, chat, topic"
    " limit $4 for update skip locked)"
    " update posts set not_before = $3 from due where posts.subject = due.subject"
    " and posts.platform = due.platform and posts.chat = due.chat and posts.topic = due.topic"
    f" returning {', '.join(f'posts.{name}' for name in _COLUMNS.split(', '))}"
)
_SHOWN = (
    "told as (select subject, greatest(interval '0', $7 - due_since) as took from posts"  # noqa: S608
    f" where {_THIS} and first_shown_at is null and due_since is not null),"
    " latency as (insert into latencies select subject, took, took, 1 from told"
    " on conflict (subject) do update set first = least(latencies.first, excluded.first),"
    " last = greatest(latencies.last, excluded.last), chats = latencies.chats + 1),"
    " shown as (update posts set message = case when $5 >= shown then $6 else message end,"
    " shown = greatest(shown, $5), first_shown_at = coalesce(first_shown_at, $7),"
    " rung_w = greatest(rung_w, $8), tries = 0,"
    f" not_before = case when not_before = $9 then 'epoch' else not_before end where {_THIS})"
    " insert into alert_log (subject, platform, chat, topic, revision, message, sent, loud)"
    " values ($1, $2, $3, $4, $5, $6, $10, $11)"
)


def _post(row: Sequence[Any]) -> Post:
    subject, platform, chat, topic, wanted, loud, shown, message, not_before, size, *_ = row
    tries, first, silent_until, due_since, rung_w = row[10:]
    return Post(
        subject=subject,
        destination=Destination(platform, chat, topic),
        wanted=wanted,
        loud=loud,
        shown=shown,
        message=message,
        not_before=not_before,
        size=size,
        tries=tries,
        first_shown_at=first,
        silent_until=None if silent_until == EPOCH else silent_until,
        due_since=due_since,
        rung_w=rung_w,
    )


def _alert(row: Sequence[Any]) -> AlertLog:
    subject, platform, chat, topic, revision, message, sent, loud = row
    to = Destination(platform, chat, topic)
    return AlertLog(subject=subject, destination=to, revision=revision, message=message, sent=sent, loud=loud)


def _name(subject: str, to: Destination) -> tuple[str, str, str, str]:
    return subject, to.platform, to.chat, to.topic


class PostgresPosts:
    """See ``bot.ports.Posts``. Every method raises ``StorageError``.

    ``not_before`` is counted by the clock of whoever claims; the judge's may be that of a played scenario.
    So a post that waits for nothing has the epoch there, which is past on every clock.
    """

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def want(
        self,
        subject: str,
        destinations: Iterable[Destination],
        *,
        revision: int,
        loud: int,
        size: float,
        now: datetime,
        unless: Collection[str] = (),
    ) -> None:
        rest = (revision, loud, size, now, list(unless))
        each = iter(dict.fromkeys(destinations))
        while piece := list(islice(each, PIECE)):
            places = [[to.platform for to in piece], [to.chat for to in piece], [to.topic for to in piece]]
            await self._file.write(lambda db: db.execute(_WANT, subject, *places, *rest))  # noqa: B023

    async def raise_to(self, subject: str, *, revision: int, loud: int) -> None:
        while True:
            raised = await self._file.write(lambda db: db.execute(_RAISE, subject, revision, loud, PIECE))
            if raised != f"UPDATE {PIECE}":
                return

    async def claim(self, platform: str, now: datetime, hold: timedelta, limit: int) -> Sequence[Post]:
        due = await self._file.once(lambda db: db.fetch(_CLAIM, platform, now, now + hold, limit))
        return sorted(map(_post, due), key=urgency)  # "returning" has no order

    async def take_back(self, platform: str) -> None:
        """A claim is told from ``later`` by its ``tries``."""
        sql = (
            "update posts set not_before = 'epoch' where platform = $1 and not_before > 'epoch' and tries = 0"
        )
        await self._file.write(lambda db: db.execute(sql, platform))

    async def shown(
        self,
        post: Post,
        *,
        revision: int,
        message: str,
        loud: bool,
        now: datetime,
        wall: datetime | None = None,
        rung_w: float = 0.0,
    ) -> None:
        name, wall = _name(post.subject, post.destination), wall or now

        values = (revision, message, wall, rung_w, post.not_before, now, loud)
        await self._file.once_said(_SHOWN, *name, *values)

    async def later(self, post: Post, not_before: datetime) -> None:
        # A claim that lapsed may be somebody else's by now: theirs is not cut short.
        sql = (
            "update posts set tries = tries + 1,"  # noqa: S608
            f" not_before = case when not_before = $5 then $6 else greatest(not_before, $6) end where {_THIS}"
        )
        name = _name(post.subject, post.destination)
        await self._file.once(lambda db: db.execute(sql, *name, post.not_before, not_before))

    async def hush(self, post: Post, until: datetime) -> None:
        sql = (
            "update posts set silent_until = $5, due_since = $5,"  # noqa: S608
            f" not_before = case when not_before = $6 then 'epoch' else not_before end where {_THIS}"
        )
        name = _name(post.subject, post.destination)
        await self._file.write(lambda db: db.execute(sql, *name, until, post.not_before))

    async def drop(self, post: Post) -> None:
        name = _name(post.subject, post.destination)
        await self._file.write(lambda db: db.execute(f"delete from posts where {_THIS}", *name))  # noqa: S608

    async def forget(self, destination: Destination) -> None:
        sql = "delete from posts where platform = $1 and chat = $2 and topic = $3"
        await self._file.write(lambda db: db.execute(sql, *_name("", destination)[1:]))

    async def get(self, subject: str, destination: Destination) -> Post | None:
        sql = f"select {_COLUMNS} from posts where {_THIS}"  # noqa: S608
        return await self._file.row(_post, sql, *_name(subject, destination))

    async def of(self, subject: str) -> Sequence[Post]:
        """By destination."""
        sql = f"select {_COLUMNS} from posts where subject = $1 order by platform, chat, topic"  # noqa: S608
        return await self._file.rows(_post, sql, subject)

    async def latency(self, subject: str) -> Latency | None:
        sql = "select first, last, chats from latencies where subject = $1"
        return await self._file.row(lambda row: Latency(*row), sql, subject)

    async def told(self, since: datetime) -> Sequence[Told]:
        """By subject."""
        sql = (
            "select subject, date_bin($2, first, 'epoch') as tenth, count(*) from (select subject,"
            " min(sent) as first from alert_log where sent >= $1 group by subject, platform, chat, topic)"
            ' as firsts group by 1, 2 order by subject collate "C", 2'
        )
        rows = await self._file.rows(tuple, sql, since, TENTH)
        return [
            Told(subject, tuple((at, count) for _, at, count in firsts))
            for subject, firsts in groupby(rows, key=itemgetter(0))
        ]

    async def log(
        self, since: datetime, limit: int = 100, destination: Destination | None = None
    ) -> Sequence[AlertLog]:
        of = "platform = $3 and chat = $4 and topic = $5 and" if destination else ""
        sql = (
            "select subject, platform, chat, topic, revision, message, sent, loud from alert_log"  # noqa: S608
            f" where {of} sent >= $1 order by sent desc, id desc limit $2"
        )
        place = _name("", destination)[1:] if destination else ()
        return await self._file.rows(_alert, sql, since, limit, *place)
