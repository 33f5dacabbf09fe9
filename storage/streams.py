"""The embedded stream of observations: a bounded queue in the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from bot.domain.market import Observation
from bot.domain.natural import Window
from bot.ports_fleet import Parcel

log = logging.getLogger(__name__)

REMEMBERED = 50_000
"""Observations that are told from a repeat."""


class LocalLoan:
    """See ``bot.ports_fleet.Loan``."""

    def __init__(self, stream: LocalStream, item: Parcel) -> None:
        self._stream = stream
        self.item = item

    async def done(self) -> None:
        """It left the queue when it was taken."""

    async def again(self, after: timedelta) -> None:
        self._stream.take_back(self.item.said, after)

    async def drop(self, reason: str) -> None:
        log.error("set aside: %s", reason, extra={"event": "stream.poison"})
        self._stream.set_aside = (*self._stream.set_aside[-99:], (self.item, reason))


class LocalStream:
    """From feeds to the judge, in order. Full makes the feed wait: nothing is dropped.

    Bounded by observations, not batches; a batch larger than ``limit`` passes when it is alone.
    """

    full = False
    """What is taken has left the queue: nobody need give it back for more to come."""

    def __init__(self, limit: int = 50_000) -> None:
        self._limit = limit
        self._batches: asyncio.Queue[Sequence[Observation]] = asyncio.Queue()
        self._held = 0
        self._room = asyncio.Condition()
        self._window = Window(REMEMBERED)
        self._number = 0
        self.set_aside: tuple[tuple[Parcel, str], ...] = ()
        """The newest parcels that were dropped, and why."""

    @property
    def waiting(self) -> int:
        """Observations not yet taken."""
        return self._held

    async def put(self, batch: Sequence[Observation]) -> None:
        self._number += 1
        batch = self._window.fresh(batch, self._number)
        if not batch:
            return
        async with self._room:
            await self._room.wait_for(lambda: not self._held or self._held + len(batch) <= self._limit)
            self._held += len(batch)
        self._batches.put_nowait(batch)

    async def take(self, timeout_s: float) -> LocalLoan | None:
        """The next batch, or ``None`` when none came within ``timeout_s``."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                batch = await self._batches.get()
        except TimeoutError:
            return None
        async with self._room:
            self._held -= len(batch)
            self._room.notify_all()
        return LocalLoan(self, Parcel(batch))

    def take_back(self, batch: Sequence[Observation], after: timedelta) -> None:
        """To be taken again, whether there is room or not: it was here before."""
        self._held += len(batch)
        asyncio.get_running_loop().call_later(after.total_seconds(), self._batches.put_nowait, batch)
