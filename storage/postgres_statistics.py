"""Market statistics in PostgreSQL: narrow totals, and whole ones beside them, both thinner with age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.assets import Asset
from bot.domain.statistics import Statistics, Totals, totals
from storage.packing import packed_statistics, unpacked_statistics
from storage.postgres_connections import Connections
from storage.postgres_snapshots import last_of_each, thin
from storage.rules import STATISTICS_THINNING, VENUE_STATISTICS_THINNING, micros, positive

_FIGURES = msgspec.structs.fields(Totals)[1:]
_TOTALS = ", ".join(["at", *(field.name for field in _FIGURES)])
_WRITE = (
    f"with told as (insert into statistics (asset, {_TOTALS})"  # noqa: S608
    f" values ($1, {', '.join(f'${n + 2}' for n in range(len(_FIGURES) + 1))})"
    " on conflict do nothing returning asset, at)"
    " insert into statistic_details (asset, at, body)"
    f" select asset, at, ${len(_FIGURES) + 3}::bytea from told on conflict do nothing"
)


class PostgresStatistics:
    """See ``bot.ports.MarketStatistics``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def record(self, told: Sequence[Statistics]) -> None:
        rows = [(one.asset, *msgspec.structs.astuple(totals(one)), packed_statistics(one)) for one in told]
        await self._file.write(lambda db: db.executemany(_WRITE, rows))

    async def newest(self, asset: Asset, at: datetime | None = None) -> Statistics | None:
        return await self._file.row(
            _whole,
            "select asset, at, body from statistic_details where asset = $1"
            " and at <= coalesce($2::timestamptz, 'infinity') order by at desc limit 1",
            asset,
            at,
        )

    async def newest_of_all(self, since: datetime) -> Mapping[Asset, Statistics]:
        # One look into the key per asset, where "distinct" would read every row.
        found = await self._file.rows(
            _whole,
            "with recursive names (asset) as (select min(asset) from statistic_details union all"
            " select (select min(asset) from statistic_details where asset > names.asset) from names"
            " where asset is not null)"
            " select names.asset, newest.at, newest.body from names cross join lateral"
            " (select at, body from statistic_details where asset = names.asset"
            " order by at desc limit 1) as newest"
            " where newest.at >= $1 order by asset",
            since,
        )
        return {one.asset: one for one in found}

    async def series(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Totals]:
        sql = last_of_each(_TOTALS, "statistics")
        return await self._file.rows(lambda row: Totals(*row), sql, asset, since, until, positive(step))

    async def trim(self, now: datetime) -> int:
        removed = await thin(self._file, "statistics", STATISTICS_THINNING, now)
        return removed + await thin(self._file, "statistic_details", VENUE_STATISTICS_THINNING, now)


def _whole(row: tuple[Asset, datetime, bytes]) -> Statistics:
    asset, at, body = row
    return unpacked_statistics(asset, micros(at), body)
