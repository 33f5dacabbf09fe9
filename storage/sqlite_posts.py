"""Posts on their way to the newest revision, and the log of what was shown, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlite_utils import Database

from bot.domain.posts import AlertLog, Destination, Post
from storage.rules import EPOCH, micros, moment, urgency
from storage.sqlite_connections import Connections

_COLUMNS = (
    "subject, platform, chat, topic, wanted, loud, shown, message, not_before, size, tries, first_shown_at"
)
_THIS = "subject = :subject and platform = :platform and chat = :chat and topic = :topic"

_Row = tuple[str, str, str, str, int, int, int, str | None, int, float, int, int | None]


def _post(row: _Row) -> Post:
    subject, platform, chat, topic, wanted, loud, shown, message, not_before, size, tries, first = row
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
    )


def _name(subject: str, to: Destination) -> dict[str, str | int | float]:
    return {"subject": subject, "platform": to.platform, "chat": to.chat, "topic": to.topic}


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
    ) -> None:
        rows = [
            (subject, to.platform, to.chat, to.topic, revision, loud, micros(EPOCH), size)
            for to in destinations
        ]
        await self._file.write(
            lambda db: db.conn.executemany(
                "insert into posts (subject, platform, chat, topic, wanted, loud, not_before, size)"
                " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set"
                " wanted = max(wanted, excluded.wanted), loud = max(loud, excluded.loud),"
                " size = max(size, excluded.size)",
                rows,
            )
        )

    async def raise_to(self, subject: str, *, revision: int, loud: int) -> None:
        await self._file.write(
            lambda db: db.execute(
                "update posts set wanted = max(wanted, ?), loud = max(loud, ?) where subject = ?",
                [revision, loud, subject],
            )
        )

    async def claim(self, platform: str, now: datetime, hold: timedelta, limit: int) -> Sequence[Post]:
        def take(db: Database) -> list[Post]:
            due = db.execute(
                f"update posts set not_before = ? where (subject, platform, chat, topic) in ("  # noqa: S608
                "select subject, platform, chat, topic from posts where platform = ? and not_before <= ?"
                " and wanted > shown order by message is not null and loud <= shown, size desc, subject,"
                f" chat, topic limit ?) returning {_COLUMNS}",
                [micros(now + hold), platform, micros(now), limit],
            )
            return sorted(map(_post, due), key=urgency)  # "returning" has no order

        return await self._file.write(take)

    async def shown(self, post: Post, *, revision: int, message: str, loud: bool, now: datetime) -> None:
        to = post.destination
        seen = _name(post.subject, to) | {
            "revision": revision,
            "message": message,
            "now": micros(now),
            "held": micros(post.not_before),
            "epoch": micros(EPOCH),
        }

        def write(db: Database) -> None:
            db.execute(
                "update posts set message = iif(:revision >= shown, :message, message),"  # noqa: S608
                " shown = max(shown, :revision), first_shown_at = coalesce(first_shown_at, :now),"
                " tries = 0, not_before = iif(not_before = :held, :epoch, not_before)"
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

    async def log(self, since: datetime, limit: int = 100) -> Sequence[AlertLog]:
        def look(db: sqlite3.Connection) -> list[AlertLog]:
            rows = db.execute(
                "select subject, platform, chat, topic, revision, message, sent, loud from alert_log"
                " where sent >= ? order by sent desc, id desc limit ?",
                (micros(since), limit),
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
