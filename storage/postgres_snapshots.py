"""Snapshots in PostgreSQL: series from an index that holds their few numbers, whole ones beside it.

``tier`` counts how often a row was thinned: 0 as it was told, 1 the last of 15 minutes, 2 the last of an
hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.assets import Asset
from bot.domain.market import Point, Snapshot
from storage.packing import packed, unpacked
from storage.postgres_connections import TIDYING_LIMIT_S, Connection, Connections
from storage.rules import SNAPSHOT_THINNING, Thinning, floor, micros, positive

CHUNK = timedelta(days=1)
"""Of every asset, thinned in one transaction."""
_LAST = (
    "select distinct on (step) {} from (select *, date_bin($4, at, 'epoch') as step from {}"
    " where asset = $1 and at >= $2 and at <= $3) as steps order by step, at desc"
)


class Snapshots:
    """Of one database."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def newest(self, asset: Asset, at: datetime | None) -> Snapshot | None:
        return await self._file.row(
            _whole,
            "select asset, at, body from snapshots where asset = $1"
            " and at <= coalesce($2::timestamptz, 'infinity') order by at desc limit 1",
            asset,
            at,
        )

    async def assets(self) -> list[Asset]:
        sql = "select asset from assets order by usd desc nulls last, asset"
        return await self._file.rows(lambda row: Asset(row[0]), sql)

    async def series(self, asset: Asset, since: datetime, until: datetime, step: timedelta) -> list[Point]:
        sql = last_of_each("at, coins, price_usd, coverage, log_index", "snapshots")
        return await self._file.rows(lambda row: Point(*row), sql, asset, since, until, positive(step))

    async def whole(self, asset: Asset, since: datetime, until: datetime, step: timedelta) -> list[Snapshot]:
        # The narrow rows say which are wanted: a hundred whole ones of a year are read, not the whole year.
        sql = (
            "select asset, at, body from snapshots where asset = $1 and at = any (array("  # noqa: S608
            f"select at from ({last_of_each('at', 'snapshots')}) as wanted)) order by at"
        )
        return await self._file.rows(_whole, sql, asset, since, until, positive(step))

    async def points(self, at: datetime | None) -> Mapping[Asset, Point]:
        rows = await self._file.rows(
            lambda row: (Asset(row[0]), Point(*row[1:])),
            "select asset, newest.* from assets cross join lateral ("
            "select at, coins, price_usd, coverage, log_index from snapshots"
            " where asset = assets.asset and at <= coalesce($1::timestamptz, 'infinity')"
            " order by at desc limit 1) as newest",
            at,
        )
        return dict(rows)

    async def thin(self, now: datetime) -> int:
        return await thin(self._file, "snapshots", SNAPSHOT_THINNING, now)


async def write_snapshots(db: Connection, snaps: Sequence[Snapshot]) -> None:
    told: dict[tuple[Asset, datetime], Snapshot] = {}
    for snap in snaps:
        told.setdefault((snap.asset, snap.at), snap)
    rows = [
        (s.asset, s.at, s.coins, s.price_usd, s.coverage, s.index, packed(s), s.usd) for s in told.values()
    ]
    if rows:
        columns = list(map(list, zip(*rows, strict=True)))
        await db.execute(
            "with given as (select * from unnest($1::text[], $2::timestamptz[], $3::float8[], $4::float8[],"
            " $5::float8[], $6::float8[], $7::bytea[], $8::float8[]) as given"
            " (asset, at, coins, price_usd, coverage, log_index, body, usd)),"
            " told as (insert into snapshots (asset, at, coins, price_usd, coverage, log_index, body)"
            " select asset, at, coins, price_usd, coverage, log_index, body from given"
            " on conflict do nothing returning asset, at)"
            " insert into assets select distinct on (asset) asset, at, usd from told"
            " join given using (asset, at) order by asset, at desc on conflict (asset) do update"
            " set at = excluded.at, usd = excluded.usd where excluded.at >= assets.at",
            *columns,
        )


def last_of_each(columns: str, table: str) -> str:
    """Of an asset (``$1``) the last row of each step (``$4``, from the epoch) between ``$2`` and ``$3``."""
    return _LAST.format(columns, table)


async def thin(file: Connections, table: str, thinnings: Sequence[Thinning], now: datetime) -> int:
    """Thin every tier of a table into the next, a chunk a transaction; returns rows removed."""
    removed = 0
    for tier, thinning in enumerate(thinnings):
        before = floor(now - thinning.after, thinning.step)
        while True:
            gone = await file.write(
                lambda db, tier=tier, thinning=thinning, before=before: _thin(  # type: ignore[misc]
                    db, table, tier, thinning, before
                ),
                limit_s=TIDYING_LIMIT_S,
            )
            if gone is None:
                break
            removed += gone
    return removed


async def _thin(db: Connection, table: str, tier: int, thinning: Thinning, before: datetime) -> int | None:
    """One chunk; ``None`` when there is nothing left."""
    oldest = await db.fetchval(f"select min(at) from {table} where tier = $1 and at < $2", tier, before)  # noqa: S608
    if oldest is None:
        return None
    until = min(before, floor(oldest, CHUNK) + CHUNK)
    # Late rows may fall where older ones were thinned before, so the last is sought in every tier.
    done = await db.execute(
        f"with steps as (select distinct asset, date_bin($3, at, 'epoch') as step from {table}"  # noqa: S608
        " where tier = $1 and at < $2),"
        f" last as (select steps.asset, step, max(rows.at) as at from steps join {table} as rows"
        " on rows.asset = steps.asset and rows.at >= step and rows.at < step + $3 group by 1, 2)"
        f" delete from {table} as rows using last where rows.asset = last.asset"
        " and rows.at >= step and rows.at < step + $3 and rows.at <> last.at",
        tier,
        until,
        thinning.step,
    )
    await db.execute(f"update {table} set tier = $1::int + 1 where tier = $1 and at < $2", tier, until)  # noqa: S608
    return int(done.rpartition(" ")[2])


async def forget_snapshots(db: Connection, asset: Asset, before: datetime) -> None:
    """All of an asset's before an instant."""
    await db.execute("delete from snapshots where asset = $1 and at < $2", asset, before)


def _whole(row: tuple[Asset, datetime, bytes]) -> Snapshot:
    asset, at, body = row
    return unpacked(asset, micros(at), body)
