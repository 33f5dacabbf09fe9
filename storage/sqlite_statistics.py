"""Market statistics in SQLite: narrow totals for series, whole ones beside them, both thinner with age.

``tier`` counts how often a row was thinned, and leads the time in the key, as in ``sqlite_snapshots``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlite_utils import Database

from bot.domain.assets import Asset
from bot.domain.statistics import Statistics, Totals, totals
from storage.packing import packed_statistics, unpacked_statistics
from storage.rules import (
    MICROSECOND,
    STATISTICS_THINNING,
    VENUE_STATISTICS_THINNING,
    Thinning,
    micros,
    moment,
    positive,
)
from storage.sqlite_connections import Connections
from storage.sqlite_snapshots import SOUGHT, last_of_each, thin

CHUNK = timedelta(days=30)
"""Of one asset, thinned in one transaction."""
TABLES = {"statistics": STATISTICS_THINNING, "statistic_details": VENUE_STATISTICS_THINNING}
COLUMNS = (
    "at, coins, usd, funding, basis, volume_usd, oi_to_volume, accounts, inverse_share, top_share, supply"
)
EVER = 2**63 - 1
ASSETS = """with recursive names (asset) as (select min(asset) from statistic_details
    union all select (select min(asset) from statistic_details where asset > names.asset) from names
    where asset is not null) select asset from names where asset is not null"""
"""One look into the key per asset, where ``distinct`` would read every row."""


class SqliteStatistics:
    """See ``bot.ports.MarketStatistics``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def record(self, told: Sequence[Statistics]) -> None:
        await self._file.write(lambda db: _write(db, told))

    async def newest(self, asset: Asset, at: datetime | None = None) -> Statistics | None:
        before = EVER if at is None else micros(at)
        return await self._file.read(lambda db: _newest(db, asset, before))

    async def newest_of_all(self, since: datetime) -> Mapping[Asset, Statistics]:
        def look(db: sqlite3.Connection) -> dict[Asset, Statistics]:
            assets = [Asset(asset) for (asset,) in db.execute(ASSETS)]
            found = {asset: _newest(db, asset, EVER) for asset in assets}
            return {asset: one for asset, one in found.items() if one is not None and one.at >= since}

        return await self._file.read(look)

    async def series(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Totals]:
        cut = positive(step) // MICROSECOND

        def look(db: sqlite3.Connection) -> list[Totals]:
            if step >= SOUGHT:
                tiers = len(STATISTICS_THINNING) + 1
                sought = last_of_each(db, COLUMNS, "statistics", tiers, asset, since, until, step)
                return [Totals(moment(at), *rest) for at, *rest in sought]
            # With max(), SQLite takes the other columns from the row that has it.
            rows = db.execute(
                f"select max(at), {COLUMNS.removeprefix('at, ')} from statistics"  # noqa: S608
                " where asset = ? and tier in (0, 1) and at >= ? and at <= ? group by at / ? order by 1",
                (asset, micros(since), micros(until), cut),
            )
            return [Totals(moment(at), *rest) for at, *rest in rows]

        return await self._file.read(look)

    async def trim(self, now: datetime) -> int:
        """One short transaction after another, so that others write in between."""
        removed = 0
        assets = await self._file.read(lambda db: [Asset(asset) for (asset,) in db.execute(ASSETS)])
        for table, thinnings in TABLES.items():
            for tier, thinning in enumerate(thinnings):
                for asset in assets:
                    while (gone := await self._thinned(table, asset, tier, thinning, now)) is not None:
                        removed += gone
        return removed

    async def _thinned(
        self, table: str, asset: Asset, tier: int, thinning: Thinning, now: datetime
    ) -> int | None:
        return await self._file.write(lambda db: thin(db, table, asset, tier, thinning, now, CHUNK))


def _write(db: Database, told: Sequence[Statistics]) -> None:
    for one in told:
        at = micros(one.at)
        known = db.execute(
            "select 1 from statistics where asset = ? and tier in (0, 1) and at = ?", (one.asset, at)
        ).fetchone()
        if known is not None:
            continue
        _, *rest = msgspec.structs.astuple(totals(one))
        places = ", ".join("?" for _ in rest)
        db.conn.execute(f"insert into statistics values (?, 0, ?, {places})", (one.asset, at, *rest))  # noqa: S608
        body = packed_statistics(one)
        db.conn.execute("insert into statistic_details values (?, 0, ?, ?)", (one.asset, at, body))


def _newest(db: sqlite3.Connection, asset: Asset, before: int) -> Statistics | None:
    rows = [
        db.execute(
            "select at, body from statistic_details where asset = ? and tier = ? and at <= ?"
            " order by at desc limit 1",
            (asset, tier, before),
        ).fetchone()
        for tier in range(len(VENUE_STATISTICS_THINNING) + 1)
    ]
    found = [row for row in rows if row is not None]
    return unpacked_statistics(asset, *max(found)) if found else None
