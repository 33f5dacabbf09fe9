"""What venues remember, in PostgreSQL: a row for each piece of a contract's past, packed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Instrument, OpenInterest, PastLiquidations, Snapshot, Venue
from bot.domain.waves import FROM_HISTORY, Wave
from storage.pieces import pack, pack_sums, unpack, unpack_sums
from storage.postgres_connections import Connection, Connections
from storage.postgres_snapshots import forget_snapshots, write_snapshots

T = TypeVar("T")
_KEEP = (
    "insert into {} (venue, symbol, since, until, asset, body) values ($1, $2, $3, $4, $5, $6)"
    " on conflict (venue, symbol, since) do update"
    " set until = excluded.until, asset = excluded.asset, body = excluded.body"
)
_HISTORY = "asset = $1 and starts_with(id, $2)"


class PostgresArchive:
    """See ``bot.ports.Archive``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def keep(
        self,
        contract: Instrument,
        since: datetime,
        until: datetime,
        told: Sequence[OpenInterest],
        liquidated: Sequence[PastLiquidations] = (),
    ) -> None:
        name = (contract.venue, contract.symbol, since)
        body = pack(contract, [one for one in told if since <= one.at < until])
        sums = [one for one in liquidated if since <= one.at < until]

        async def write(db: Connection) -> None:
            await db.execute(_KEEP.format("past"), *name, until, contract.asset, body)
            if sums:
                kept = pack_sums(sums)
                await db.execute(_KEEP.format("past_liquidations"), *name, until, contract.asset, kept)
            else:
                sql = "delete from past_liquidations where venue = $1 and symbol = $2 and since = $3"
                await db.execute(sql, *name)

        await self._file.write(write)

    async def reached(self, asset: Asset | None = None) -> Mapping[tuple[Asset, Venue, str], datetime]:
        sql = (
            "select asset, venue, symbol, min(since) from past where $1::text is null or asset = $1"
            " group by 1, 2, 3"
        )
        rows = await self._file.rows(tuple, sql, asset)
        return {(Asset(coin), Venue(venue), symbol): at for coin, venue, symbol, at in rows}

    async def told(self, asset: Asset, since: datetime, until: datetime) -> Sequence[OpenInterest]:
        pieces = await self._pieces(unpack, "past", asset, since, until)
        within = [one for piece in pieces for one in piece if since <= one.at < until]
        return sorted(within, key=lambda one: (one.at, one.instrument.key))

    async def liquidated(self, asset: Asset, since: datetime, until: datetime) -> Sequence[PastLiquidations]:
        pieces = await self._pieces(unpack_sums, "past_liquidations", asset, since, until)
        within = [one for piece in pieces for one in piece if since <= one.at < until]
        return sorted(within, key=lambda one: (one.at, one.instrument.key, one.position))

    async def _pieces(
        self, read: Callable[[bytes], T], table: str, asset: Asset, since: datetime, until: datetime
    ) -> list[T]:
        sql = f"select body from {table} where asset = $1 and since < $3 and until > $2"  # noqa: S608
        return await self._file.rows(lambda row: read(row[0]), sql, asset, since, until)

    async def learn(
        self,
        asset: Asset,
        lesson: bytes,
        waves: Sequence[Wave],
        snapshots: Sequence[Snapshot],
        until: datetime,
    ) -> None:
        rows = [(one.id, asset, one.onset, one.revision) for one in waves]
        bodies = [(one.id, one.revision, msgspec.msgpack.encode(one)) for one in waves]

        async def write(db: Connection) -> None:
            await db.execute(
                "insert into lessons values ($1, $2) on conflict (asset) do update set body = excluded.body",
                asset,
                lesson,
            )
            of = f"from waves where {_HISTORY}"
            await db.execute(
                f"delete from wave_revisions where id in (select id {of})",  # noqa: S608
                asset,
                FROM_HISTORY,
            )
            await db.execute(f"delete {of}", asset, FROM_HISTORY)
            await db.executemany("insert into waves values ($1, $2, $3, $4, true, false)", rows)
            await db.executemany("insert into wave_revisions values ($1, $2, $3)", bodies)
            await forget_snapshots(db, asset, until)
            await write_snapshots(db, snapshots)

        await self._file.write(write)

    async def learnt(self, asset: Asset | None = None) -> Mapping[Asset, bytes]:
        sql = "select asset, body from lessons where $1::text is null or asset = $1"
        return dict(await self._file.rows(lambda row: (Asset(row[0]), row[1]), sql, asset))
