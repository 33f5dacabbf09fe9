"""The embedded stream of observations: a bounded queue in the process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.domain.market import Observation


class LocalStream:
    """From feeds to the judge, in order. Full makes the feed wait: nothing is dropped.

    Bounded by observations, not batches; a batch larger than ``limit`` passes when it is alone.
    """

    def __init__(self, limit: int = 50_000) -> None:
        self._limit = limit
        self._batches: asyncio.Queue[Sequence[Observation]] = asyncio.Queue()
        self._held = 0
        self._room = asyncio.Condition()

    @property
    def waiting(self) -> int:
        """Observations not yet taken."""
        return self._held

    async def put(self, batch: Sequence[Observation]) -> None:
        if not batch:
            return
        async with self._room:
            await self._room.wait_for(lambda: not self._held or self._held + len(batch) <= self._limit)
            self._held += len(batch)
        self._batches.put_nowait(batch)

    async def take(self, timeout_s: float) -> Sequence[Observation]:
        """The next batch, or nothing when none came within ``timeout_s``."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                batch = await self._batches.get()
        except TimeoutError:
            return ()
        async with self._room:
            self._held -= len(batch)
            self._room.notify_all()
        return batch
