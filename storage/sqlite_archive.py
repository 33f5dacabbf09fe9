"""What venues remember, in SQLite: a row for each piece of a contract's past, packed.

A row holds some hundred figures, so that the months of a contract are a few hundred kilobytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlite_utils import Database

from bot.domain.assets import Asset
from bot.domain.market import Instrument, OpenInterest, PastLiquidations, Snapshot, Venue
from bot.domain.waves import FROM_HISTORY, Wave
from storage.pieces import pack, pack_sums, unpack, unpack_sums
from storage.rules import micros, moment
from storage.sqlite_connections import Connections
from storage.sqlite_snapshots import forget_snapshots, write_snapshots

_HISTORY = f"{FROM_HISTORY}*"


class SqliteArchive:
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
        sums = [one for one in liquidated if since <= one.at < until]

        def write(db: Database) -> None:
            body = pack(contract, [one for one in told if since <= one.at < until])
            row = (contract.venue, contract.symbol, micros(since), micros(until), contract.asset, body)
            db.conn.execute("insert or replace into past values (?, ?, ?, ?, ?, ?)", row)
            db.conn.execute(
                "delete from past_liquidations where venue = ? and symbol = ? and since = ?", row[:3]
            )
            if sums:
                kept = (*row[:5], pack_sums(sums))
                db.conn.execute("insert into past_liquidations values (?, ?, ?, ?, ?, ?)", kept)

        await self._file.write(write)

    async def reached(self, asset: Asset | None = None) -> Mapping[tuple[Asset, Venue, str], datetime]:
        def look(db: sqlite3.Connection) -> dict[tuple[Asset, Venue, str], datetime]:
            of, values = _of(asset)
            rows = db.execute(
                f"select asset, venue, symbol, min(since) from past {of} group by 1, 2, 3",  # noqa: S608
                values,
            )
            return {(Asset(coin), Venue(venue), symbol): moment(at) for coin, venue, symbol, at in rows}

        return await self._file.read(look)

    async def told(self, asset: Asset, since: datetime, until: datetime) -> Sequence[OpenInterest]:
        def look(db: sqlite3.Connection) -> list[OpenInterest]:
            rows = db.execute(
                "select body from past where asset = ? and since < ? and until > ?",
                (asset, micros(until), micros(since)),
            )
            found = [one for (body,) in rows for one in unpack(body) if since <= one.at < until]
            return sorted(found, key=lambda one: (one.at, one.instrument.key))

        return await self._file.read(look)

    async def liquidated(self, asset: Asset, since: datetime, until: datetime) -> Sequence[PastLiquidations]:
        def look(db: sqlite3.Connection) -> list[PastLiquidations]:
            rows = db.execute(
                "select body from past_liquidations where asset = ? and since < ? and until > ?",
                (asset, micros(until), micros(since)),
            )
            each = [one for (body,) in rows for one in unpack_sums(body)]
            found = [one for one in each if since <= one.at < until]
            return sorted(found, key=lambda one: (one.at, one.instrument.key, one.position))

        return await self._file.read(look)

    async def learn(
        self,
        asset: Asset,
        lesson: bytes,
        waves: Sequence[Wave],
        snapshots: Sequence[Snapshot],
        until: datetime,
    ) -> None:
        def write(db: Database) -> None:
            db.conn.execute("insert or replace into lessons values (?, ?)", (asset, lesson))
            of = "from waves where asset = ? and id glob ?"
            db.conn.execute(f"delete from wave_revisions where id in (select id {of})", (asset, _HISTORY))  # noqa: S608
            db.conn.execute(f"delete {of}", (asset, _HISTORY))
            for wave in waves:
                body = msgspec.msgpack.encode(wave)
                db.conn.execute(
                    "insert into waves values (?, ?, ?, ?, 1, 0)",
                    (wave.id, asset, micros(wave.onset), wave.revision),
                )
                db.conn.execute("insert into wave_revisions values (?, ?, ?)", (wave.id, wave.revision, body))
            forget_snapshots(db, asset, until)
            write_snapshots(db, snapshots)

        await self._file.write(write)

    async def learnt(self, asset: Asset | None = None) -> Mapping[Asset, bytes]:
        def look(db: sqlite3.Connection) -> dict[Asset, bytes]:
            of, values = _of(asset)
            rows = db.execute(f"select asset, body from lessons {of}", values)  # noqa: S608
            return {Asset(coin): bytes(body) for coin, body in rows}

        return await self._file.read(look)


def _of(asset: Asset | None) -> tuple[str, Sequence[str]]:
    return ("", ()) if asset is None else ("where asset = ?", (asset,))
