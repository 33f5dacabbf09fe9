"""What was recorded of the market, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlite_utils import Database

from bot.domain.assets import Asset
from bot.domain.market import (
    Liquidation,
    LiquidationSum,
    Point,
    Quarantined,
    Reading,
    Report,
    Snapshot,
    Venue,
    VenueLiquidations,
)
from bot.domain.verdicts import Verdict
from storage import sqlite_liquidations as liquidations
from storage import sqlite_reports as reports
from storage import sqlite_snapshots as snapshots
from storage.rules import (
    LIQUIDATION_STEP,
    LIQUIDATIONS_KEPT,
    QUARANTINE_KEPT,
    READINGS_KEPT,
    SNAPSHOT_THINNING,
    floor,
    micros,
    moment,
)
from storage.sqlite_borders import set_border
from storage.sqlite_connections import Connections
from storage.sqlite_readings import Readings, forget_quarantined, forget_readings

Chunk = Callable[[Database], int | None]


class SqliteJournal:
    """See ``bot.ports.Journal``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file
        self._readings = Readings()

    async def record(self, readings: Sequence[Reading]) -> None:
        self._readings.remember(await self._file.write(lambda db: self._readings.record(db, readings)))

    async def readings(
        self, since: datetime, until: datetime, asset: Asset | None = None
    ) -> Sequence[Reading]:
        return await self._file.read(lambda db: self._readings.between(db, since, until, asset))

    async def quarantine(self, rejected: Sequence[Quarantined]) -> None:
        rows = [(micros(q.at), q.venue, q.what, q.verdict, q.detail, q.raw) for q in rejected]
        await self._file.write(
            lambda db: db.conn.executemany("insert or ignore into quarantine values (?, ?, ?, ?, ?, ?)", rows)
        )

    async def quarantined(self, since: datetime, limit: int = 50) -> Sequence[Quarantined]:
        def look(db: sqlite3.Connection) -> list[Quarantined]:
            rows = db.execute(
                "select venue, what, verdict, at, detail, raw from quarantine where at >= ?"
                " order by at desc, venue, what, verdict, detail limit ?",
                (micros(since), limit),
            )
            return [
                Quarantined(Venue(venue), what, Verdict(verdict), moment(at), detail, raw)
                for venue, what, verdict, at, detail, raw in rows
            ]

        return await self._file.read(look)

    async def snap(self, snaps: Sequence[Snapshot]) -> None:
        await self._file.write(lambda db: snapshots.write_snapshots(db, snaps))

    async def snapshot(self, asset: Asset, at: datetime | None = None) -> Snapshot | None:
        return await self._file.read(lambda db: snapshots.read_snapshot(db, asset, at))

    async def assets(self) -> Sequence[Asset]:
        return await self._file.read(snapshots.read_assets)

    async def series(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Point]:
        return await self._file.read(lambda db: snapshots.read_series(db, asset, since, until, step))

    async def snapshots(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Snapshot]:
        return await self._file.read(lambda db: snapshots.read_snapshots(db, asset, since, until, step))

    async def points(self, at: datetime | None = None) -> Mapping[Asset, Point]:
        return await self._file.read(lambda db: snapshots.read_points(db, at))

    async def hear(self, heard: Sequence[Liquidation]) -> None:
        await self._file.write(lambda db: liquidations.write_liquidations(db, heard))

    async def heard(self, asset: Asset, since: datetime, until: datetime) -> Sequence[Liquidation]:
        def look(db: sqlite3.Connection) -> list[Liquidation]:
            return liquidations.read_heard(db, asset, since, until, self._readings.contract)

        return await self._file.read(look)

    async def liquidated(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[LiquidationSum]:
        return await self._file.read(lambda db: liquidations.read_liquidated(db, asset, since, until, step))

    async def liquidated_on(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[VenueLiquidations]:
        read = liquidations.read_liquidated_on
        return await self._file.read(lambda db: read(db, asset, since, until, step))

    async def report(self, told: Sequence[Report]) -> None:
        await self._file.write(lambda db: reports.write_reports(db, told))

    async def reports(self, asset: Asset, at: datetime) -> Sequence[Report]:
        return await self._file.read(lambda db: reports.read_reports(db, asset, at))

    async def keep(self, name: str, state: bytes) -> None:
        await self._file.write(lambda db: _keep(db, name, state))

    async def kept(self, name: str) -> bytes | None:
        return await self._file.read(lambda db: _kept(db, name))

    async def amend(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        def amended(db: Database) -> bytes:
            state = change(_kept(db.conn, name))
            _keep(db, name, state)
            return state

        return await self._file.write(amended)

    async def trim(self, now: datetime) -> int:
        """One short transaction after another, so that others write in between."""
        summed = floor(now - LIQUIDATIONS_KEPT, LIQUIDATION_STEP)
        await self._file.write(lambda db: set_border(db, "liquidations", summed))
        await self._file.write(lambda db: set_border(db, "readings", now - READINGS_KEPT))
        forced = await self._file.read(liquidations.liquidated_assets)
        snapped = await self.assets()
        chunks: list[Chunk] = [
            partial(forget_readings, before=now - READINGS_KEPT),
            partial(forget_quarantined, before=now - QUARANTINE_KEPT),
            *(partial(liquidations.sum_liquidations, asset=asset, before=summed) for asset in forced),
            *(
                partial(snapshots.thin_snapshots, asset=asset, tier=tier, thinning=thinning, now=now)
                for asset in snapped
                for tier, thinning in enumerate(SNAPSHOT_THINNING)
            ),
        ]
        removed = 0
        for chunk in chunks:
            while (gone := await self._file.write(chunk)) is not None:
                removed += gone
        return removed


def _keep(db: Database, name: str, state: bytes) -> None:
    db.table("states").insert({"name": name, "state": state}, replace=True)


def _kept(db: sqlite3.Connection, name: str) -> bytes | None:
    row = db.execute("select state from states where name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])
