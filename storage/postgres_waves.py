"""Waves with every revision, what is said of them later, and what the bot says of itself, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bot.domain.assets import Asset
from bot.domain.posts import Notice
from bot.domain.waves import FollowUp, Outcome, Stage, Wave
from storage.postgres_connections import Connections

_NEWEST = "select body from waves join wave_revisions using (id, revision)"


class PostgresWaves:
    """See ``bot.ports.Waves``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def save(self, wave: Wave) -> None:
        await self._file.write(
            lambda db: db.execute(
                "with newer as (insert into waves values ($1, $2, $3, $4, $5, $6) on conflict (id) do update"
                " set asset = excluded.asset, onset = excluded.onset, revision = excluded.revision,"
                " done = excluded.done, retracted = excluded.retracted"
                " where excluded.revision > waves.revision returning id, revision)"
                " insert into wave_revisions select id, revision, $7 from newer",
                wave.id,
                wave.asset,
                wave.onset,
                wave.revision,
                wave.done,
                wave.stage is Stage.RETRACTED,
                msgspec.msgpack.encode(wave),
            )
        )

    async def get(self, wave_id: str, revision: int | None = None) -> Wave | None:
        if revision is None:
            found = await self._look(f"{_NEWEST} where id = $1", wave_id)
        else:
            found = await self._look(
                "select body from wave_revisions where id = $1 and revision = $2", wave_id, revision
            )
        return found[0] if found else None

    async def recent(self, asset: Asset | None = None, limit: int = 10) -> Sequence[Wave]:
        return await self._look(
            f"{_NEWEST} where not retracted and ($1::text is null or asset = $1)"
            " order by onset desc, id desc limit $2",
            asset,
            limit,
        )

    async def running(self) -> Sequence[Wave]:
        """Oldest onset first."""
        return await self._look(f"{_NEWEST} where not done order by onset, id")

    async def between(self, since: datetime, until: datetime) -> Sequence[Wave]:
        return await self._look(
            f"{_NEWEST} where onset >= $1 and onset < $2 order by onset, id", since, until
        )

    async def plan(self, later: Sequence[FollowUp]) -> None:
        sql = (
            "insert into follow_ups (wave, after, due) values ($1, $2, $3)"
            " on conflict (wave, after) do update set due = excluded.due where not follow_ups.done"
        )
        rows = [(one.wave, one.after, one.due) for one in later]
        await self._file.write(lambda db: db.executemany(sql, rows))

    async def due(self, now: datetime) -> Sequence[FollowUp]:
        sql = "select due, wave, after from follow_ups where not done and due <= $1 order by due, wave, after"
        return await self._file.rows(lambda row: FollowUp(*row), sql, now)

    async def followed_up(self, done: FollowUp, outcome: Outcome | None = None) -> None:
        body = None if outcome is None else msgspec.msgpack.encode(outcome)
        sql = (
            "insert into follow_ups values ($1, $2, $3, true, $4) on conflict (wave, after) do update"
            " set done = true, body = coalesce(excluded.body, follow_ups.body)"
        )
        await self._file.write(lambda db: db.execute(sql, done.wave, done.after, done.due, body))

    async def outcomes(self, wave_id: str) -> Sequence[Outcome]:
        sql = "select body from follow_ups where wave = $1 and body is not null order by after"
        return await self._file.rows(lambda row: msgspec.msgpack.decode(row[0], type=Outcome), sql, wave_id)

    async def _look(self, sql: str, *asked: object) -> list[Wave]:
        return await self._file.rows(lambda row: msgspec.msgpack.decode(row[0], type=Wave), sql, *asked)


class PostgresNotices:
    """See ``bot.ports.Notices``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def tell(self, notice: Notice) -> None:
        """Keep the newest revision; an older one changes nothing."""
        body = msgspec.msgpack.encode(notice)
        sql = (
            "insert into notices values ($1, $2, $3) on conflict (id) do update set"
            " revision = excluded.revision, body = excluded.body where excluded.revision > notices.revision"
        )
        await self._file.write(lambda db: db.execute(sql, notice.id, notice.revision, body))

    async def notice(self, notice_id: str) -> Notice | None:
        sql = "select body from notices where id = $1"
        return await self._file.row(lambda row: msgspec.msgpack.decode(row[0], type=Notice), sql, notice_id)
