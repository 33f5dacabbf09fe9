"""Readings in PostgreSQL: six thousand a minute by COPY, a partition a day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from struct import Struct

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Instrument, Reading
from storage.postgres_connections import Connection, Connections
from storage.postgres_partitions import Partitions
from storage.rules import READINGS_KEPT, micros

_COLUMNS = ("received", "market", "lag", "coins", "price_usd", "new_beginning")
MET_AT_MOST = 100_000
# https://www.postgresql.org/docs/current/sql-copy.html: the binary format. Before each field is its length.
_BEGIN, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_PRICED, _UNPRICED = Struct("!hiqiiiqididi?"), Struct("!hiqiiiqidii?")
_FIRST_US = micros(datetime(2000, 1, 1, tzinfo=UTC))
_AT_ONCE = 1_500
"""The server stores some while the next are packed."""


class Readings:
    """Readings of one database, with the markets it has met."""

    def __init__(self, file: Connections) -> None:
        self._file = file
        self._days = Partitions(file, "readings")
        self._met: dict[int, tuple[Instrument, int]] = {}
        """Contracts with their numbers by identity: six thousand are looked up a minute, and a venue's book
        gives the same ones each time."""
        self._markets: dict[int, Instrument] = {}

    async def record(self, readings: Sequence[Reading]) -> None:
        met = self._met
        if any(id(told.instrument) not in met for told in readings):
            await self._meet(readings)
        await self._days.pour(_COLUMNS, readings, attrgetter("received"), self._packed)

    async def _packed(self, readings: Sequence[Reading]) -> AsyncIterator[bytes]:
        """For COPY: that asyncpg packs each value on its own takes as long as it takes to store them."""
        met, priced, unpriced = self._met, _PRICED.pack, _UNPRICED.pack
        last, last_us = None, 0
        yield _BEGIN
        for start in range(0, len(readings), _AT_ONCE):
            rows = []
            for told in readings[start : start + _AT_ONCE]:
                received, price, new = told.received, told.price_usd, told.new_beginning
                if received is not last:  # a venue's answer arrives as a whole
                    last, last_us = received, micros(received) - _FIRST_US
                lag = received - told.at
                lag_us = (lag.days * 86_400 + lag.seconds) * 1_000_000 + lag.microseconds
                market = met[id(told.instrument)][1]
                if price is None:
                    row = unpriced(6, 8, last_us, 4, market, 8, lag_us, 8, told.coins, -1, 1, new)
                else:
                    row = priced(6, 8, last_us, 4, market, 8, lag_us, 8, told.coins, 8, price, 1, new)
                rows.append(row)
            yield b"".join(rows)
        yield _END

    async def between(self, since: datetime, until: datetime, asset: Asset | None = None) -> list[Reading]:
        of = (
            None if asset is None else [id_ for id_, one in (await self._all()).items() if one.asset == asset]
        )
        rows = await self._file.rows(
            tuple,
            "select received, market, lag, coins, price_usd, new_beginning from readings"
            " where received > $1 and received <= $2 and ($4 or market = any($3::int[]))"
            " and received >= (select at from borders where name = 'readings')",
            since,
            until,
            of,
            asset is None,
        )
        markets = await self._known({row[1] for row in rows})
        rows.sort(key=lambda row: (row[0], markets[row[1]].key))
        return [
            Reading(
                markets[market],
                coins,
                price_usd,
                at=received - timedelta(microseconds=lag),
                received=received,
                new_beginning=new_beginning,
            )
            for received, market, lag, coins, price_usd, new_beginning in rows
        ]

    async def forget(self, now: datetime) -> int:
        return await self._days.advance(now - READINGS_KEPT)

    async def newest(self, keys: set[str]) -> Mapping[str, Instrument]:
        """The newest version of each contract with one of these keys, where there is any."""
        sql = "select body from markets where venue || ':' || symbol = any($1::text[]) order by id"
        return {one.key: one for one in await self._file.rows(_instrument, sql, list(keys))}

    async def _meet(self, readings: Sequence[Reading]) -> None:
        """Learn the number of every version of a contract that is new. A number stays, whoever gave it."""
        if len(self._met) > MET_AT_MOST:
            self._met.clear()
        new = [one for told in readings if id(one := told.instrument) not in self._met]
        # Numbered in the order in which a venue tells them: its next answers go in at the end of the key.
        bodies = {msgspec.msgpack.encode(one): one for one in dict.fromkeys(new)}

        async def write(db: Connection) -> dict[bytes, int]:
            look = "select body, id from markets where body = any($1::bytea[])"
            there = dict(await db.fetch(look, list(bodies)))
            if missing := [
                (one.venue, one.symbol, body) for body, one in bodies.items() if body not in there
            ]:
                await db.executemany(
                    "insert into markets (venue, symbol, body) values ($1, $2, $3) on conflict do nothing",
                    missing,
                )
                there = dict(await db.fetch(look, list(bodies)))
            return there

        numbers = {bodies[body]: number for body, number in (await self._file.write(write)).items()}
        for one in new:
            self._met[id(one)] = one, numbers[one]

    async def _known(self, ids: set[int]) -> dict[int, Instrument]:
        """Markets never change once written, so each is read once."""
        return self._markets if ids <= self._markets.keys() else await self._all()

    async def _all(self) -> dict[int, Instrument]:
        sql = "select body, id from markets"
        self._markets = dict(await self._file.rows(lambda row: (row[1], _instrument(row)), sql))
        return self._markets


def _instrument(row: Sequence[bytes]) -> Instrument:
    return msgspec.msgpack.decode(row[0], type=Instrument)
