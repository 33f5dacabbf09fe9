"""From when on something is taken in: what is older is summed up or forgotten already."""

from __future__ import annotations

from datetime import datetime

from sqlite_utils import Database

from storage.rules import micros


def border(db: Database, name: str) -> int:
    """In microseconds since the epoch."""
    row = db.execute("select at from borders where name = ?", [name]).fetchone()
    return row[0] if row else -(2**63)


def set_border(db: Database, name: str, before: datetime) -> None:
    """It only moves forward."""
    db.execute(
        "insert into borders values (?, ?) on conflict (name) do update set at = max(at, excluded.at)",
        [name, micros(before)],
    )
