"""Only-one roles by PostgreSQL's advisory locks: taken over within ten seconds, and never two at once.

A lock lives as long as the session that took it, and all locks of a process share one session. Three clocks
keep two holders apart, also where a network stops forwarding and nobody is told that the other is gone:

- each ``beat`` the holder asks the server whether its locks are still its own;
- ``sure`` after it began to ask the last question that was answered, the holder counts itself out;
- ``idle`` after the last question, the server ends the session and with it the locks. It begins to count when
  that question is answered, so later than the holder, and counts longer.

What the holder wrote too late all the same (its process stood still, say) is refused by its token: see
``Connections``. The token alone would not do where a standby that had not yet heard of the newest holder took
over, so the holder's own name is compared as well.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

import asyncpg

from bot.domain.health import LockHolder
from storage.postgres_connections import Connections
from storage.postgres_faults import KNOWN, Again, again, explain

log = logging.getLogger(__name__)

T = TypeVar("T")
_KEY = "hashtextextended(current_schema() || '/' || $1, 0)"
# How pg_locks shows a lock by one 64-bit key: https://www.postgresql.org/docs/current/view-pg-locks.html
_HOLDERS = """
select name, token, holder, since
from locks, hashtextextended(current_schema() || '/' || name, 0) as key
where holder <> '' and exists (
    select 1 from pg_locks where locktype = 'advisory' and granted and objsubid = 1
    and database = (select oid from pg_database where datname = current_database())
    and classid::bigint = (key >> 32) & 4294967295 and objid::bigint = key & 4294967295)
order by name"""


@dataclass(frozen=True, slots=True)
class Timing:
    """See above. A lock is free at the latest ``idle`` after its holder went, and seen a ``beat`` later."""

    beat: timedelta = timedelta(seconds=1)
    sure: timedelta = timedelta(seconds=4)
    idle: timedelta = timedelta(seconds=6)


USUAL = Timing()


@dataclass(eq=False)
class PostgresHeld:
    """See ``bot.ports.Held``."""

    name: str
    token: int
    holder: str
    sure_s: float
    asked: float
    """By the monotonic clock: when the last question that was answered began."""
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def holds(self) -> bool:
        return not self.lost.is_set() and monotonic() - self.asked < self.sure_s


class PostgresLocks:
    """See ``bot.ports.Locks``. Raises ``StorageError`` where the server stays away while one waits."""

    def __init__(self, session: Mapping[str, Any], file: Connections, timing: Timing, me: str) -> None:
        settings = session["server_settings"] | {
            "idle_session_timeout": f"{timing.idle // timedelta(milliseconds=1)}ms",
            # A write of the holder before may hold its token for a moment; the session must not wait for it.
            "lock_timeout": "500ms",
        }
        self._session = {**session, "server_settings": settings}
        self._file = file
        self._beat_s, self._sure_s = timing.beat.total_seconds(), timing.sure.total_seconds()
        self._me = me
        self._db: Any = None
        self._one_question = asyncio.Lock()
        self._turns: dict[str, asyncio.Lock] = {}
        self._held: dict[str, PostgresHeld] = {}
        self._beating: asyncio.Task[None] | None = None
        self._giving_back: asyncio.Future[None] | None = None

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[PostgresHeld]:
        async with self._turns.setdefault(name, asyncio.Lock()):
            held = await self._wait_for(name)
            log.info("%s is ours", name, extra={"event": "lock.taken", "lock": name, "token": held.token})
            try:
                yield held
            finally:
                # Not to be cut short: else the session would keep what nobody holds.
                await asyncio.shield(asyncio.ensure_future(self._give_back(held)))

    async def holders(self) -> Sequence[LockHolder]:
        return await self._file.rows(lambda row: LockHolder(*row), _HOLDERS)

    async def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
        self._hang_up()

    async def _wait_for(self, name: str) -> PostgresHeld:
        away_since: float | None = None
        while True:
            trying = asyncio.ensure_future(self._ask(lambda: self._try(name)))
            try:
                held = await asyncio.shield(trying)
            except asyncio.CancelledError:
                trying.add_done_callback(self._unwanted)
                raise
            except KNOWN as fault:
                self._hang_up()
                away_since = away_since or monotonic()
                if again(fault) is Again.NEVER or monotonic() - away_since > self._file.patience_s:
                    raise explain(self._file.where, fault) from fault
            else:
                away_since = None
                if held is not None:
                    self._beating = self._beating or asyncio.create_task(self._beat())
                    return held
            await asyncio.sleep(self._beat_s * random.uniform(0.5, 1))  # noqa: S311

    def _unwanted(self, trying: asyncio.Task[PostgresHeld | None]) -> None:
        """Whoever waited for it went meanwhile."""
        if trying.cancelled() or trying.exception() is not None:
            self._hang_up()
        elif (held := trying.result()) is not None:
            self._giving_back = asyncio.ensure_future(self._give_back(held))

    async def _try(self, name: str) -> PostgresHeld | None:
        db = await self._connected()
        asked = monotonic()
        if not await db.fetchval(f"select pg_try_advisory_lock({_KEY})", name):
            return None
        try:
            token = await db.fetchval(
                "insert into locks values ($1, 1, $2, now()) on conflict (name) do update set"
                " token = locks.token + 1, holder = excluded.holder, since = excluded.since returning token",
                name,
                self._me,
            )
        except asyncpg.LockNotAvailableError:
            await db.execute(f"select pg_advisory_unlock({_KEY})", name)
            return None
        held = self._held[name] = PostgresHeld(name, token, self._me, self._sure_s, asked)
        return held

    async def _give_back(self, held: PostgresHeld) -> None:
        """Whoever comes next need not wait; and what is still to be written under this lock is refused."""
        if held.lost.is_set():
            return
        held.lost.set()
        del self._held[held.name]
        db = self._db

        async def free() -> None:
            own = "name = $1 and token = $2 and holder = $3"
            await db.execute(f"update locks set holder = '' where {own}", held.name, held.token, self._me)  # noqa: S608
            await db.execute(f"select pg_advisory_unlock({_KEY})", held.name)

        try:
            await self._ask(free)
        except KNOWN:
            self._hang_up()

    async def _beat(self) -> None:
        """Ask again and again, until cancelled."""
        while True:
            began = monotonic()
            if self._held:
                await self._look()
            await asyncio.sleep(max(0.0, self._beat_s + began - monotonic()))

    async def _look(self) -> None:
        """Whatever goes wrong, what is not surely ours is given up."""
        asked, names, db = monotonic(), list(self._held), self._db
        try:
            rows = await self._ask(
                lambda: db.fetch("select name, token, holder from locks where name = any($1)", names)
            )
        except KNOWN as fault:
            log.warning("%s", explain(self._file.where, fault), extra={"event": "lock.unsure"})
            self._hang_up()
            return
        ours = {(row["name"], row["token"], row["holder"]) for row in rows}
        for held in [self._held[name] for name in names if name in self._held]:
            if (held.name, held.token, held.holder) in ours:
                held.asked = max(asked, held.asked)
            elif held.asked < asked:
                self._lose(held)

    def _lose(self, held: PostgresHeld) -> None:
        held.lost.set()
        self._held.pop(held.name, None)
        log.warning("%s is no longer ours", held.name, extra={"event": "lock.lost", "lock": held.name})

    def _hang_up(self) -> None:
        """The locks go with the session."""
        for held in list(self._held.values()):
            self._lose(held)
        if self._db is not None:
            self._db.terminate()
            self._db = None

    async def _connected(self) -> Any:
        if self._db is None or self._db.is_closed():
            self._hang_up()
            self._db = await asyncpg.connect(**self._session)
        return self._db

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """One after the other, and each answered before a holder would no longer be sure."""
        sure_until = min((held.asked for held in self._held.values()), default=monotonic()) + self._sure_s
        async with asyncio.timeout(sure_until - monotonic()), self._one_question:
            return await question()
