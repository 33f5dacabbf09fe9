"""Posts on their way to the newest revision, and the log of what was shown, in SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
from bisect import bisect
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter, itemgetter

from sqlite_utils import Database

from bot.domain.posts import YEARLY_W, AlertLog, Destination, Latency, Post, Told, urgency
from storage.rules import EPOCH, MICROSECOND, TENTH, micros, moment
from storage.sqlite_connections import Connections

_COLUMNS = (
    "subject, platform, chat, topic, wanted, loud, shown, message, not_before, size, tries, first_shown_at,"
    " silent_until, due_since, rung_w"
)
_THIS = "subject = :subject and platform = :platform and chat = :chat and topic = :topic"

PIECE = 2_000
"""So many posts are wanted in one transaction: what is claimed and shown meanwhile goes in between."""

_Row = tuple[
    str, str, str, str, int, int, int, str | None, int, float, int, int | None, int, int | None, float
]


def _post(row: _Row) -> Post:
    subject, platform, chat, topic, wanted, loud, shown, message, not_before, size, *_ = row
    tries, first, silent_until, due_since, rung_w = row[10:]
    return Post(
        subject=subject,
        destination=Destination(platform, chat, topic),
        wanted=wanted,
        loud=loud,
        shown=shown,
        message=message,
        not_before=moment(not_before),
        size=size,
        tries=tries,
        first_shown_at=None if first is None else moment(first),
        silent_until=moment(silent_until) if silent_until else None,
        due_since=None if due_since is None else moment(due_since),
        rung_w=rung_w,
    )


def _name(subject: str, to: Destination) -> dict[str, str | int | float]:
    return {"subject": subject, "platform": to.platform, "chat": to.chat, "topic": to.topic}


def _neighbours(destinations: list[Destination]) -> list[list[Destination]]:
    """Cut into pieces whose chats are neighbours in the table, so that each touches few of its pages.

    A sample tells the borders: sorting a hundred thousand would hold every other thread meanwhile.
    """
    borders = sorted(to.chat for to in destinations[PIECE // 2 :: PIECE])
    pieces: list[list[Destination]] = [[] for _ in range(len(borders) + 1)]
    for to in destinations:
        pieces[bisect(borders, to.chat)].append(to)
    for piece in pieces:
        piece.sort(key=attrgetter("chat"))
    return [piece for piece in pieces if piece]


class SqlitePosts:
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
        others = ", ".join(f"?{10 + n}" for n in range(len(unless)))
        sql = (
            "insert into posts (subject, platform, chat, topic, wanted, loud, not_before, size, due_since)"  # noqa: S608
            " select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
            f" where not exists (select 1 from posts where subject in ({others})"
            " and platform = ?2 and chat = ?3 and topic = ?4) on conflict do update set"
            " wanted = max(wanted, excluded.wanted), loud = max(loud, excluded.loud),"
            " size = max(size, excluded.size),"
            # as storage.rules.may_break_through
            f" silent_until = iif(size < {YEARLY_W} and excluded.size >= {YEARLY_W}, 0, silent_until)"
            " where wanted < excluded.wanted or loud < excluded.loud or size < excluded.size"
        )
        rest = (revision, loud, micros(EPOCH), size, micros(now), *unless)
        for piece in await asyncio.to_thread(_neighbours, list(destinations)):
            await self._file.write(
                lambda db, piece=piece: db.conn.executemany(  # type: ignore[misc]
                    sql, ((subject, to.platform, to.chat, to.topic, *rest) for to in piece)
                )
            )

    async def raise_to(self, subject: str, *, revision: int, loud: int) -> None:
        await self._file.write(
            lambda db: db.execute(
                "update posts set wanted = max(wanted, ?2), loud = max(loud, ?3)"
                " where subject = ?1 and (wanted < ?2 or loud < ?3)",
                [subject, revision, loud],
            )
        )

    async def claim(self, platform: str, now: datetime, hold: timedelta, limit: int) -> Sequence[Post]:
        def take(db: Database) -> list[Post]:
            due = db.execute(
                f"update posts set not_before = ?1 where (subject, platform, chat, topic) in ("  # noqa: S608
                "select subject, platform, chat, topic from posts where platform = ?2 and wanted > shown"
                " and not_before <= ?3 and silent_until <= ?3"
                " order by (message is not null and loud <= shown), size desc, not_before, subject, chat,"
                f" topic limit ?4) returning {_COLUMNS}",
                [micros(now + hold), platform, micros(now), limit],
            )
            return sorted(map(_post, due), key=urgency)  # "returning" has no order

        return await self._file.write(take)

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
        to = post.destination
        seen = _name(post.subject, to) | {
            "revision": revision,
            "message": message,
            "wall": micros(wall or now),
            "held": micros(post.not_before),
            "epoch": micros(EPOCH),
            "rung_w": rung_w,
        }

        def write(db: Database) -> None:
            db.execute(
                "insert into latencies select subject, took, took, 1 from (select subject,"  # noqa: S608
                f" max(0, :wall - due_since) as took from posts where {_THIS}"
                " and first_shown_at is null and due_since is not null) where true"
                " on conflict do update set first = min(first, excluded.first),"
                " last = max(last, excluded.last), chats = chats + 1",
                seen,
            )
            db.execute(
                "update posts set message = iif(:revision >= shown, :message, message),"  # noqa: S608
                " shown = max(shown, :revision), first_shown_at = coalesce(first_shown_at, :wall),"
                " rung_w = max(rung_w, :rung_w), tries = 0,"
                " not_before = iif(not_before = :held, :epoch, not_before)"
                f" where {_THIS}",
                seen,
            )
            db.execute(
                "insert into alert_log (subject, platform, chat, topic, revision, message, sent, loud)"
                " values (?, ?, ?, ?, ?, ?, ?, ?)",
                [post.subject, to.platform, to.chat, to.topic, revision, message, micros(now), loud],
            )

        await self._file.write(write)

    async def later(self, post: Post, not_before: datetime) -> None:
        told = _name(post.subject, post.destination) | {
            "held": micros(post.not_before),
            "new": micros(not_before),
        }
        # A claim that lapsed may be somebody else's by now: theirs is not cut short.
        await self._file.write(
            lambda db: db.execute(
                "update posts set tries = tries + 1,"  # noqa: S608
                " not_before = iif(not_before = :held, :new, max(not_before, :new))"
                f" where {_THIS}",
                told,
            )
        )

    async def hush(self, post: Post, until: datetime) -> None:
        told = _name(post.subject, post.destination) | {
            "held": micros(post.not_before),
            "epoch": micros(EPOCH),
            "until": micros(until),
        }
        await self._file.write(
            lambda db: db.execute(
                "update posts set silent_until = :until, due_since = :until,"  # noqa: S608
                f" not_before = iif(not_before = :held, :epoch, not_before) where {_THIS}",
                told,
            )
        )

    async def take_back(self, platform: str | None = None) -> None:
        """A claim is told from ``later`` by its ``tries``. At the opening of the file: of every platform."""
        await self._file.write(
            lambda db: db.execute(
                "update posts set not_before = 0 where not_before > 0 and tries = 0"
                " and platform = coalesce(?, platform)",
                [platform],
            )
        )

    async def drop(self, post: Post) -> None:
        await self._file.write(
            lambda db: db.execute(
                f"delete from posts where {_THIS}",  # noqa: S608
                _name(post.subject, post.destination),
            )
        )

    async def forget(self, destination: Destination) -> None:
        await self._file.write(
            lambda db: db.execute(
                "delete from posts where platform = ? and chat = ? and topic = ?",
                [destination.platform, destination.chat, destination.topic],
            )
        )

    async def of(self, subject: str) -> Sequence[Post]:
        """By destination."""

        def look(db: sqlite3.Connection) -> list[Post]:
            rows = db.execute(
                f"select {_COLUMNS} from posts where subject = ? order by platform, chat, topic",  # noqa: S608
                (subject,),
            )
            return list(map(_post, rows))

        return await self._file.read(look)

    async def get(self, subject: str, destination: Destination) -> Post | None:
        def look(db: sqlite3.Connection) -> Post | None:
            found = db.execute(
                f"select {_COLUMNS} from posts where {_THIS}",  # noqa: S608
                _name(subject, destination),
            ).fetchone()
            return found and _post(found)

        return await self._file.read(look)

    async def told(self, since: datetime) -> Sequence[Told]:
        """By subject."""

        def look(db: sqlite3.Connection) -> list[Told]:
            rows = db.execute(
                "select subject, first / :tenth * :tenth as tenth, count(*) from (select subject,"
                " min(sent) as first from alert_log where sent >= :since group by subject, platform, chat,"
                " topic) group by 1, 2 order by 1, 2",
                {"since": micros(since), "tenth": TENTH // MICROSECOND},
            )
            return [
                Told(subject, tuple((moment(at), count) for _, at, count in firsts))
                for subject, firsts in groupby(rows, key=itemgetter(0))
            ]

        return await self._file.read(look)

    async def latency(self, subject: str) -> Latency | None:
        def look(db: sqlite3.Connection) -> Latency | None:
            row = db.execute(
                "select first, last, chats from latencies where subject = ?", (subject,)
            ).fetchone()
            return row and Latency(row[0] * MICROSECOND, row[1] * MICROSECOND, row[2])

        return await self._file.read(look)

    async def log(
        self, since: datetime, limit: int = 100, destination: Destination | None = None
    ) -> Sequence[AlertLog]:
        of = "platform = :platform and chat = :chat and topic = :topic and" if destination else ""
        asked = _name("", destination) if destination else {}
        asked |= {"since": micros(since), "limit": limit}

        def look(db: sqlite3.Connection) -> list[AlertLog]:
            rows = db.execute(
                "select subject, platform, chat, topic, revision, message, sent, loud from alert_log"  # noqa: S608
                f" where {of} sent >= :since order by sent desc, id desc limit :limit",
                asked,
            )
            return [
                AlertLog(
                    subject=subject,
                    destination=Destination(platform, chat, topic),
                    revision=revision,
                    message=message,
                    sent=moment(sent),
                    loud=bool(loud),
                )
                for subject, platform, chat, topic, revision, message, sent, loud in rows
            ]

        return await self._file.read(look)
