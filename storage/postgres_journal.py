"""What was recorded of the market, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

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
from storage.postgres_connections import Connection, Connections
from storage.postgres_liquidations import Liquidations
from storage.postgres_readings import Readings
from storage.postgres_snapshots import Snapshots, write_snapshots
from storage.rules import QUARANTINE_KEPT

CHUNK = 10_000
"""Rows that one transaction forgets."""
_REPORT = msgspec.msgpack.Decoder(Report)


def _raw(text: str) -> bytes:
    """What came from outside may hold characters that no text in PostgreSQL may."""
    return text.encode("utf-8", "surrogatepass")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _quarantined(row: tuple[str, bytes, str, datetime, bytes, bytes]) -> Quarantined:
    venue, what, verdict, at, detail, raw = row
    return Quarantined(Venue(venue), _text(what), Verdict(verdict), at, _text(detail), _text(raw))


class PostgresJournal:
    """See ``bot.ports.Journal``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file
        self._readings = Readings(file)
        self._snapshots = Snapshots(file)
        self._liquidations = Liquidations(file, self._readings)

    async def record(self, readings: Sequence[Reading]) -> None:
        if readings:
            await self._readings.record(readings)

    async def readings(
        self, since: datetime, until: datetime, asset: Asset | None = None
    ) -> Sequence[Reading]:
        return await self._readings.between(since, until, asset)

    async def quarantine(self, rejected: Sequence[Quarantined]) -> None:
        rows = [(q.at, q.venue, _raw(q.what), q.verdict, _raw(q.detail), _raw(q.raw)) for q in rejected]
        sql = "insert into quarantine values ($1, $2, $3, $4, $5, $6) on conflict do nothing"
        await self._file.write(lambda db: db.executemany(sql, rows))

    async def quarantined(self, since: datetime, limit: int = 50) -> Sequence[Quarantined]:
        return await self._file.rows(
            _quarantined,
            "select venue, what, verdict, at, detail, raw from quarantine where at >= $1"
            " order by at desc, venue, what, verdict, detail limit $2",
            since,
            limit,
        )

    async def snap(self, snaps: Sequence[Snapshot]) -> None:
        await self._file.write(lambda db: write_snapshots(db, snaps))

    async def snapshot(self, asset: Asset, at: datetime | None = None) -> Snapshot | None:
        return await self._snapshots.newest(asset, at)

    async def assets(self) -> Sequence[Asset]:
        return await self._snapshots.assets()

    async def series(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Point]:
        return await self._snapshots.series(asset, since, until, step)

    async def snapshots(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[Snapshot]:
        return await self._snapshots.whole(asset, since, until, step)

    async def points(self, at: datetime | None = None) -> Mapping[Asset, Point]:
        return await self._snapshots.points(at)

    async def hear(self, heard: Sequence[Liquidation]) -> None:
        if heard:
            await self._liquidations.hear(heard)

    async def heard(self, asset: Asset, since: datetime, until: datetime) -> Sequence[Liquidation]:
        return await self._liquidations.heard(asset, since, until)

    async def liquidated(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[LiquidationSum]:
        return await self._liquidations.sums(asset, since, until, step)

    async def liquidated_on(
        self, asset: Asset, since: datetime, until: datetime, step: timedelta
    ) -> Sequence[VenueLiquidations]:
        return await self._liquidations.sums_on(asset, since, until, step)

    async def report(self, reports: Sequence[Report]) -> None:
        """Asked again, a source says the same again: only a changed figure is news."""
        rows = [
            (r.asset, *r.series, r.as_of, r.received, msgspec.msgpack.encode(replace(r, received=r.as_of)))
            for r in reports
        ]
        sql = (
            "insert into reports select $1, $2, $3, $4, $5, $6::bytea where $6 is distinct from"
            " (select body from reports where asset = $1 and venue = $2 and source = $3"
            " and as_of = $4 and received <= $5 order by received desc limit 1) on conflict do nothing"
        )
        await self._file.write(lambda db: db.executemany(sql, rows))

    async def reports(self, asset: Asset, at: datetime) -> Sequence[Report]:
        return await self._file.rows(
            lambda row: replace(_REPORT.decode(row[1]), received=row[0]),
            "select distinct on (venue, source) received, body from reports"
            " where asset = $1 and received <= $2 order by venue, source, as_of desc, received desc",
            asset,
            at,
        )

    async def keep(self, name: str, state: bytes) -> None:
        sql = "insert into states values ($1, $2) on conflict (name) do update set state = excluded.state"
        await self._file.write(lambda db: db.execute(sql, name, state))

    async def kept(self, name: str) -> bytes | None:
        sql = "select state from states where name = $1"
        state: bytes | None = await self._file.read(lambda db: db.fetchval(sql, name))
        return state

    async def amend(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        async def amended(db: Connection) -> bytes:
            # A row that is not there cannot be locked: the name is, until the transaction ends.
            await db.execute("select pg_advisory_xact_lock(hashtextextended('states ' || $1, 0))", name)
            state = change(await db.fetchval("select state from states where name = $1", name))
            sql = "insert into states values ($1, $2) on conflict (name) do update set state = excluded.state"
            await db.execute(sql, name, state)
            return state

        return await self._file.once(amended)

    async def trim(self, now: datetime) -> int:
        """Partitions are dropped whole; the rest goes piece by piece, so that others write in between."""
        removed = await self._readings.forget(now)
        removed += await self._liquidations.sum_up(now)
        removed += await self._snapshots.thin(now)
        while gone := await self._file.write(lambda db: _forget_quarantined(db, now - QUARANTINE_KEPT)):
            removed += gone
        sql = "delete from done where at < now() - interval '1 day'"
        await self._file.write(lambda db: db.execute(sql))
        return removed


async def _forget_quarantined(db: Connection, before: datetime) -> int:
    done = await db.execute(
        "delete from quarantine where ctid = any(array(select ctid from quarantine where at < $1 limit $2))",
        before,
        CHUNK,
    )
    return int(done.rpartition(" ")[2])
