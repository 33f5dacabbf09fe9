"""Waves with every revision, and what the bot says of itself, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlite_utils import Database

from bot.domain.assets import Asset
from bot.domain.posts import Notice
from bot.domain.waves import FollowUp, Outcome, Stage, Wave
from storage.rules import MICROSECOND, micros, moment
from storage.sqlite_connections import Connections

_NEWEST = "select body from waves join wave_revisions using (id, revision)"


class SqliteWaves:
    """See ``bot.ports.Waves``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def save(self, wave: Wave) -> None:
        def write(db: Database) -> None:
            newer = db.execute(
                "insert into waves values (?, ?, ?, ?, ?, ?) on conflict (id) do update set"
                " asset = excluded.asset, onset = excluded.onset, revision = excluded.revision,"
                " done = excluded.done, retracted = excluded.retracted"
                " where excluded.revision > revision",
                [
                    wave.id,
                    wave.asset,
                    micros(wave.onset),
                    wave.revision,
                    wave.done,
                    wave.stage is Stage.RETRACTED,
                ],
            )
            if newer.rowcount:
                body = msgspec.msgpack.encode(wave)
                db.execute("insert into wave_revisions values (?, ?, ?)", [wave.id, wave.revision, body])

        await self._file.write(write)

    async def get(self, wave_id: str, revision: int | None = None) -> Wave | None:
        if revision is None:
            found = await self._look(f"{_NEWEST} where id = ?", wave_id)
        else:
            found = await self._look(
                "select body from wave_revisions where id = ? and revision = ?", wave_id, revision
            )
        return found[0] if found else None

    async def recent(self, asset: Asset | None = None, limit: int = 10) -> Sequence[Wave]:
        return await self._look(
            f"{_NEWEST} where not retracted and (?1 is null or asset = ?1)"
            " order by onset desc, id desc limit ?2",
            asset,
            limit,
        )

    async def running(self) -> Sequence[Wave]:
        """Oldest onset first."""
        return await self._look(f"{_NEWEST} where not done order by onset, id")

    async def between(self, since: datetime, until: datetime) -> Sequence[Wave]:
        return await self._look(
            f"{_NEWEST} where onset >= ? and onset < ? order by onset, id", micros(since), micros(until)
        )

    async def plan(self, later: Sequence[FollowUp]) -> None:
        rows = [(one.wave, one.after // MICROSECOND, micros(one.due)) for one in later]
        await self._file.write(
            lambda db: db.conn.executemany(
                "insert into follow_ups (wave, after, due) values (?, ?, ?)"
                " on conflict do update set due = excluded.due where not done",
                rows,
            )
        )

    async def due(self, now: datetime) -> Sequence[FollowUp]:
        def look(db: sqlite3.Connection) -> list[FollowUp]:
            rows = db.execute(
                "select due, wave, after from follow_ups where not done and due <= ?"
                " order by due, wave, after",
                (micros(now),),
            )
            return [FollowUp(moment(due), wave, after * MICROSECOND) for due, wave, after in rows]

        return await self._file.read(look)

    async def followed_up(self, done: FollowUp, outcome: Outcome | None = None) -> None:
        body = None if outcome is None else msgspec.msgpack.encode(outcome)
        await self._file.write(
            lambda db: db.execute(
                "insert into follow_ups values (?, ?, ?, 1, ?) on conflict do update set done = 1,"
                " body = coalesce(excluded.body, body)",
                [done.wave, done.after // MICROSECOND, micros(done.due), body],
            )
        )

    async def outcomes(self, wave_id: str) -> Sequence[Outcome]:
        def look(db: sqlite3.Connection) -> list[Outcome]:
            rows = db.execute(
                "select body from follow_ups where wave = ? and body is not null order by after", (wave_id,)
            )
            return [msgspec.msgpack.decode(body, type=Outcome) for (body,) in rows]

        return await self._file.read(look)

    async def _look(self, sql: str, *asked: str | int | None) -> list[Wave]:
        def look(db: sqlite3.Connection) -> list[Wave]:
            return [msgspec.msgpack.decode(body, type=Wave) for (body,) in db.execute(sql, asked)]

        return await self._file.read(look)


class SqliteNotices:
    """See ``bot.ports.Notices``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def tell(self, notice: Notice) -> None:
        """Keep the newest revision; an older one changes nothing."""

        def write(db: Database) -> None:
            db.execute(
                "insert into notices values (?, ?, ?) on conflict (id) do update set"
                " revision = excluded.revision, body = excluded.body where excluded.revision > revision",
                [notice.id, notice.revision, msgspec.msgpack.encode(notice)],
            )

        await self._file.write(write)

    async def notice(self, notice_id: str) -> Notice | None:
        def look(db: sqlite3.Connection) -> Notice | None:
            row = db.execute("select body from notices where id = ?", (notice_id,)).fetchone()
            return None if row is None else msgspec.msgpack.decode(row[0], type=Notice)

        return await self._file.read(look)
