"""Who answers what, in SQLite."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlite_utils import Database

from bot.domain.claims import Claim
from storage.rules import CLAIMS_KEPT, FORGOTTEN_AT_ONCE, micros
from storage.sqlite_connections import Connections


class SqliteClaims:
    """See ``bot.ports.Claims``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def claim(self, name: str, holder: str, now: datetime, hold: timedelta) -> Claim:
        def write(db: Database) -> Claim:
            db.execute(
                "delete from claims where name in"
                " (select name from claims where until < ? order by until limit ?)",
                [micros(now - CLAIMS_KEPT), FORGOTTEN_AT_ONCE],
            )
            ours = db.execute(
                "insert into claims (name, holder, until) values (?, ?, ?) on conflict (name) do update"
                " set holder = excluded.holder, until = excluded.until"
                " where not settled and (holder = excluded.holder or until <= ?) returning true",
                [name, holder, micros(now + hold), micros(now)],
            ).fetchone()
            if ours:
                return Claim.OURS
            (settled,) = db.execute("select settled from claims where name = ?", [name]).fetchone()
            return Claim.SETTLED if settled else Claim.THEIRS

        return await self._file.write(write)

    async def settle(self, name: str, now: datetime) -> None:
        sql = "update claims set settled = 1, until = ? where name = ?"
        await self._file.write(lambda db: db.execute(sql, [micros(now), name]))
