"""When polls run. APScheduler keeps the times; what is in hand at the end is finished or cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

Work = Callable[[], Coroutine[Any, Any, timedelta | None]]
"""One run; returns how long to wait before the next in wall time, or ``None`` for the usual interval."""

JITTER = 0.05
"""Runs come up to this share of the interval early or late, so that sources never fall into step."""
STOP_WITHIN = timedelta(seconds=2)
GOLDEN = 0.618033988749895
"""Multiples of it, modulo one, spread any number of jobs evenly over the interval."""


class Schedule:
    """Runs each job soon, then every interval: never twice at a time, late runs folded into one.

    Intervals are market time, divided by ``speed``. A job that raises is a bug and ends ``run``.
    """

    def __init__(self, speed: float = 1.0, stop_within: timedelta = STOP_WITHIN) -> None:
        self._speed = speed
        self._stop_within = stop_within
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._in_hand: set[asyncio.Task[timedelta | None]] = set()
        self._broken: asyncio.Future[None] | None = None
        self._count = 0
        self._ending = False

    async def __aenter__(self) -> Schedule:
        # It logs every run and every skipped run; the sources report for themselves.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._broken = asyncio.get_running_loop().create_future()
        self._scheduler.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Start nothing more; wait a little for what runs, cancel what takes longer."""
        self._ending = True
        self._scheduler.pause()
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=self._stop_within.total_seconds())
        for task in self._in_hand:
            task.cancel()
        await asyncio.gather(*self._in_hand, return_exceptions=True)
        await asyncio.sleep(0)  # the ticks that waited for them return
        self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # shutdown is only queued on the loop
        if self._broken is not None:
            self._broken.cancel()

    def add(self, name: str, work: Work, every: timedelta, first: timedelta = timedelta()) -> None:
        """Run ``work`` after ``first`` and at this job's own place in the interval, then every interval."""
        self._count += 1
        wall = every / self._speed
        first_gap: timedelta | None = wall * (0.5 + self._count * GOLDEN % 1)

        async def tick() -> None:
            nonlocal first_gap
            wait = await self._run(work)
            wait, first_gap = wait or first_gap, None
            if wait is not None:
                self._postpone(name, wait)

        self._scheduler.add_job(
            tick,
            IntervalTrigger(
                seconds=wall.total_seconds() * (1 - JITTER / 2),
                jitter=wall.total_seconds() * JITTER,
                timezone=UTC,
            ),
            id=name,
            next_run_time=datetime.now(UTC) + first / self._speed,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    def remove(self, name: str) -> None:
        """Run it no more; what is in hand of it is finished."""
        try:
            self._scheduler.remove_job(name)
        except JobLookupError:
            return  # it was never begun

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set. Raises what a job raised."""
        if self._broken is None:
            raise RuntimeError("enter the schedule before running it")
        stopping = asyncio.create_task(stop.wait())
        try:
            first: set[asyncio.Future[Any]] = {stopping, self._broken}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if self._broken.done():
            self._broken.result()

    async def _run(self, work: Work) -> timedelta | None:
        """Run in a task of its own: APScheduler would log a cancelled job as a failed one."""
        if self._ending:
            return None
        task = asyncio.create_task(work())
        self._in_hand.add(task)
        await asyncio.wait({task})
        self._in_hand.discard(task)
        if task.cancelled():
            return None
        if error := task.exception():
            if self._broken is not None and not self._broken.done():
                self._broken.set_exception(error)
            return None
        return task.result()

    def _postpone(self, name: str, wait: timedelta) -> None:
        try:
            self._scheduler.modify_job(name, next_run_time=datetime.now(UTC) + wait)
        except JobLookupError:
            return  # the schedule has ended meanwhile
