"""Readings: six thousand a minute, clustered by when they came, in thirty-odd bytes each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlite_utils import Database

from bot.domain.assets import Asset
from bot.domain.market import Instrument, Reading
from storage.rules import micros, moment
from storage.sqlite_borders import border

CHUNK = 10_000
"""Rows that one transaction forgets, so that writing never waits long for tidying."""

Ids = dict[tuple[str, str], tuple[Instrument, int]]
"""The newest version of each contract with its number, by venue and symbol: cheaper to look up than by
the contract itself, six thousand times a minute."""


class Readings:
    """Readings of one file, with the markets it has met. Writing belongs to the thread that writes."""

    def __init__(self) -> None:
        self._ids: Ids = {}
        self._markets: dict[int, Instrument] = {}

    def record(self, db: Database, readings: Sequence[Reading]) -> Ids:
        """Returns the markets looked up, to be remembered once the transaction is through."""
        fresh: Ids = {}
        rows = []
        begin = border(db, "readings")
        when, received = None, 0
        for told in readings:
            if told.received is not when:  # all of one answer came together
                when, received = told.received, micros(told.received)
            if received < begin:
                continue
            market = self._market(db, told.instrument, fresh)
            lag = 0 if told.at is when else received - micros(told.at)
            rows.append((received, market, lag, told.coins, told.price_usd, told.new_beginning))
        db.conn.executemany("insert or ignore into readings values (?, ?, ?, ?, ?, ?)", rows)
        return fresh

    def remember(self, fresh: Ids) -> None:
        """A transaction that failed took its new markets with it, so only its caller knows when."""
        self._ids.update(fresh)

    def _market(self, db: Database, instrument: Instrument, fresh: Ids) -> int:
        name = (instrument.venue, instrument.symbol)
        known = fresh.get(name) or self._ids.get(name)
        if known is not None and (known[0] is instrument or known[0] == instrument):
            return known[1]
        body = msgspec.msgpack.encode(instrument)
        db.execute(
            "insert or ignore into markets (venue, symbol, body) values (?, ?, ?)",
            [instrument.venue, instrument.symbol, body],
        )
        market: int = db.execute("select id from markets where body = ?", [body]).fetchone()[0]
        fresh[name] = (instrument, market)
        return market

    def between(
        self, db: sqlite3.Connection, since: datetime, until: datetime, asset: Asset | None = None
    ) -> list[Reading]:
        rows = db.execute(
            "select received, market, lag, coins, price_usd, new_beginning from readings"
            " where received > ? and received <= ? order by received",
            (micros(since), micros(until)),
        ).fetchall()
        markets = self._known(db, {row[1] for row in rows})
        if asset is not None:
            rows = [row for row in rows if markets[row[1]].asset == asset]
        rows.sort(key=lambda row: (row[0], markets[row[1]].key))
        return [
            Reading(
                markets[market],
                coins,
                price_usd,
                at=moment(received - lag),
                received=moment(received),
                new_beginning=bool(new_beginning),
            )
            for received, market, lag, coins, price_usd, new_beginning in rows
        ]

    def contract(self, db: sqlite3.Connection, key: str) -> Instrument | None:
        """The newest version of the contract with that key."""
        venue, _, symbol = key.partition(":")
        row = db.execute(
            "select body from markets where venue = ? and symbol = ? order by id desc limit 1",
            (venue, symbol),
        ).fetchone()
        return row and msgspec.msgpack.decode(row[0], type=Instrument)

    def _known(self, db: sqlite3.Connection, ids: set[int]) -> dict[int, Instrument]:
        """Markets never change once written, so each is read once."""
        if not ids <= self._markets.keys():
            bodies = db.execute("select id, body from markets")
            self._markets = {id_: msgspec.msgpack.decode(body, type=Instrument) for id_, body in bodies}
        return self._markets


def forget_readings(db: Database, before: datetime) -> int | None:
    """Forget one chunk; returns how many rows went, ``None`` when there are none left."""
    limit = micros(before)
    last = db.execute(
        "select max(received) from (select received from readings where received < ? order by received"
        " limit ?)",
        [limit, CHUNK],
    ).fetchone()[0]
    if last is None:
        return None
    return db.execute("delete from readings where received <= ?", [last]).rowcount


def forget_quarantined(db: Database, before: datetime) -> int | None:
    last = db.execute(
        "select max(at) from (select at from quarantine where at < ? order by at limit ?)",
        [micros(before), CHUNK],
    ).fetchone()[0]
    if last is None:
        return None
    return db.execute("delete from quarantine where at <= ?", [last]).rowcount
