"""Dated figures of institutions, in SQLite: each change of one is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace
from sqlite_utils import Database

from bot.domain.assets import Asset
from bot.domain.market import Report
from storage.rules import micros, moment

_BODY = msgspec.msgpack.Decoder(Report)


def write_reports(db: Database, told: Sequence[Report]) -> None:
    """Asked again, a source says the same again: only a changed figure is news."""
    rows = [
        (r.asset, *r.series, micros(r.as_of), micros(r.received), msgspec.msgpack.encode(_figure(r)))
        for r in told
    ]
    db.conn.executemany(
        "insert or ignore into told_reports select ?1, ?2, ?3, ?4, ?5, ?6 where ?6 is not"
        " (select body from told_reports where asset = ?1 and venue = ?2 and source = ?3"
        " and as_of = ?4 and received <= ?5 order by received desc limit 1)",
        rows,
    )


def read_reports(db: sqlite3.Connection, asset: Asset, at: datetime) -> list[Report]:
    """The newest of each venue and source received at or before ``at``."""
    rows = db.execute(
        "select venue, source, received, body from told_reports"
        " where asset = ? and received <= ? order by venue, source, as_of, received",
        (asset, micros(at)),
    )
    newest = {(venue, source): (received, body) for venue, source, received, body in rows}
    return [replace(_BODY.decode(body), received=moment(received)) for received, body in newest.values()]


def _figure(told: Report) -> Report:
    """What it says, apart from when we heard it."""
    return replace(told, received=told.as_of)
