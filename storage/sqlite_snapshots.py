"""Snapshots: narrow rows for series, whole ones beside them, both thinner with age.

``tier`` counts how often a row was thinned: 0 as it was told, 1 the last of 15 minutes, 2 the last of an
hour. It leads the time in the key so that the rows still to be thinned are found without a search.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from bot.domain.assets import Asset
from bot.domain.market import Point, Snapshot
from storage.packing import packed, unpacked
from storage.rules import MICROSECOND, SNAPSHOT_THINNING, Thinning, floor, micros, moment, positive

SOUGHT = timedelta(hours=12)
"""From such steps on each is looked up: it holds so many rows that reading all of them takes longer."""
CHUNK = timedelta(days=1)
"""Of one asset, thinned in one transaction."""


def write_snapshots(db: Database, snapshots: Sequence[Snapshot]) -> None:
    for snap in snapshots:
        at = micros(snap.at)
        told = db.conn.execute(
            "insert or ignore into snapshot_details values (?, ?, ?)", (snap.asset, at, packed(snap))
        )
        if told.rowcount == 0:
            continue
        db.conn.execute(
            "insert into snapshots values (?, 0, ?, ?, ?, ?, ?)",
            (snap.asset, at, snap.coins, snap.price_usd, snap.coverage, snap.index),
        )
        db.conn.execute(
            "insert into assets values (?, ?, ?) on conflict (asset) do update"
            " set at = excluded.at, usd = excluded.usd where excluded.at >= at",
            (snap.asset, at, snap.usd),
        )


def forget_snapshots(db: Database, asset: Asset, before: datetime) -> None:
    """All of an asset's before an instant."""
    within = "asset = ? and at < ?"
    db.conn.execute(f"delete from snapshot_details where {within}", (asset, micros(before)))  # noqa: S608
    db.conn.execute(
        f"delete from snapshots where tier in (0, 1, 2) and {within}",  # noqa: S608
        (asset, micros(before)),
    )


def read_snapshot(db: sqlite3.Connection, asset: Asset, at: datetime | None) -> Snapshot | None:
    row = db.execute(
        "select at, body from snapshot_details where asset = ? and at <= ? order by at desc limit 1",
        (asset, 2**63 - 1 if at is None else micros(at)),
    ).fetchone()
    return None if row is None else unpacked(asset, *row)


def read_assets(db: sqlite3.Connection) -> list[Asset]:
    rows = db.execute("select asset from assets order by usd is null, usd desc, asset")
    return [Asset(asset) for (asset,) in rows]


def read_series(
    db: sqlite3.Connection, asset: Asset, since: datetime, until: datetime, step: timedelta
) -> list[Point]:
    if step >= SOUGHT:
        columns = "at, coins, price_usd, coverage, log_index"
        sought = last_of_each(db, columns, "snapshots", len(SNAPSHOT_THINNING) + 1, asset, since, until, step)
        return [Point(moment(at), *rest) for at, *rest in sought]
    # With max(), SQLite takes the other columns from the row that has it (sqlite.org/lang_select.html §2.5).
    rows = db.execute(
        "select max(at), coins, price_usd, coverage, log_index from snapshots"
        " where asset = ? and tier in (0, 1, 2) and at >= ? and at <= ? group by at / ? order by 1",
        (asset, micros(since), micros(until), positive(step) // MICROSECOND),
    )
    return [Point(moment(at), coins, price, coverage, index) for at, coins, price, coverage, index in rows]


def last_of_each(
    db: sqlite3.Connection,
    columns: str,
    table: str,
    tiers: int,
    asset: Asset,
    since: datetime,
    until: datetime,
    step: timedelta,
) -> list[tuple[Any, ...]]:
    """The last row of each step, sought in every tier: of a year by the day 365, where all are 25,000."""
    sql = (
        f"select {columns} from {table} where asset = ? and tier = ? and at >= ? and at <= ?"  # noqa: S608
        " order by at desc limit 1"
    )
    first, last, cut = micros(since), micros(until), step // MICROSECOND
    found = []
    for number in range(first // cut, last // cut + 1):
        low, high = max(first, number * cut), min(last, (number + 1) * cut - 1)
        rows = [db.execute(sql, (asset, tier, low, high)).fetchone() for tier in range(tiers)]
        found += [max(told)] if (told := [row for row in rows if row is not None]) else []
    return found


def read_snapshots(
    db: sqlite3.Connection, asset: Asset, since: datetime, until: datetime, step: timedelta
) -> list[Snapshot]:
    # The narrow rows say which are wanted: a hundred whole ones of a year are read, not the whole year.
    rows = db.execute(
        "select at, body from snapshot_details where asset = ?1 and at in (select max(at) from snapshots"
        " where asset = ?1 and tier in (0, 1, 2) and at >= ?2 and at <= ?3 group by at / ?4) order by at",
        (asset, micros(since), micros(until), positive(step) // MICROSECOND),
    )
    return [unpacked(asset, at, body) for at, body in rows]


def read_points(db: sqlite3.Connection, at: datetime | None) -> dict[Asset, Point]:
    before = 2**63 - 1 if at is None else micros(at)
    found = {}
    for asset in read_assets(db):
        rows = [
            db.execute(
                "select at, coins, price_usd, coverage, log_index from snapshots"
                " where asset = ? and tier = ? and at <= ? order by at desc limit 1",
                (asset, tier, before),
            ).fetchone()
            for tier in (0, 1, 2)
        ]
        if newest := max((row for row in rows if row is not None), default=None):
            found[asset] = Point(moment(newest[0]), *newest[1:])
    return found


def thin_snapshots(db: Database, asset: Asset, tier: int, thinning: Thinning, now: datetime) -> int | None:
    """As ``thin``; whole ones go with their narrow rows."""
    return thin(db, "snapshots", asset, tier, thinning, now, CHUNK, whole="snapshot_details")


def thin(
    db: Database,
    table: str,
    asset: Asset,
    tier: int,
    thinning: Thinning,
    now: datetime,
    chunk: timedelta,
    *,
    whole: str | None = None,
) -> int | None:
    """Thin one ``chunk`` of one asset's ``tier`` into the next; returns rows removed, ``None`` when done."""
    before = floor(now - thinning.after, thinning.step)
    oldest = db.execute(
        f"select min(at) from {table} where asset = ? and tier = ? and at < ?",  # noqa: S608
        [asset, tier, micros(before)],
    ).fetchone()[0]
    if oldest is None:
        return None
    since = floor(moment(oldest), thinning.step)
    asked = {
        "asset": asset,
        "tier": tier,
        "since": micros(since),
        "until": micros(min(before, floor(since, chunk) + chunk)),
        "step": thinning.step // MICROSECOND,
    }
    # Late rows may fall where older ones were thinned before, so the last is sought in every tier.
    within = "asset = :asset and at >= :since and at < :until"
    last = f"select max(at) from {table} where tier in (0, 1, 2) and {within} group by at / :step"  # noqa: S608
    removed = db.execute(
        f"delete from {table} where tier in (0, 1, 2) and {within} and at not in ({last})",  # noqa: S608
        asked,
    ).rowcount
    if whole is not None:
        db.execute(f"delete from {whole} where {within} and at not in ({last})", asked)  # noqa: S608
    db.execute(f"update {table} set tier = :tier + 1 where tier = :tier and {within}", asked)  # noqa: S608
    return removed
