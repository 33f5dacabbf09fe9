"""Who answers what, in PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.domain.claims import Claim
from storage.postgres_connections import Connection, Connections
from storage.rules import CLAIMS_KEPT, FORGOTTEN_AT_ONCE


class PostgresClaims:
    """See ``bot.ports.Claims``. Every method raises ``StorageError``."""

    def __init__(self, file: Connections) -> None:
        self._file = file

    async def claim(self, name: str, holder: str, now: datetime, hold: timedelta) -> Claim:
        async def write(db: Connection) -> Claim:
            await db.execute(
                "delete from claims where name in (select name from claims where until < $1"
                " order by until limit $2 for update skip locked)",
                now - CLAIMS_KEPT,
                FORGOTTEN_AT_ONCE,
            )
            ours = await db.fetchval(
                "insert into claims (name, holder, until) values ($1, $2, $3) on conflict (name) do update"
                " set holder = excluded.holder, until = excluded.until"
                " where not claims.settled and (claims.holder = excluded.holder or claims.until <= $4)"
                " returning true",
                *(name, holder, now + hold, now),
            )
            if ours:
                return Claim.OURS
            settled = await db.fetchval("select settled from claims where name = $1", name)
            return Claim.SETTLED if settled else Claim.THEIRS

        return await self._file.write(write)

    async def settle(self, name: str, now: datetime) -> None:
        sql = "update claims set settled = true, until = $2 where name = $1"
        await self._file.write(lambda db: db.execute(sql, name, now))
