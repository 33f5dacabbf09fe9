"""What Discord limits over all channels together: requests a second, and refusals within ten minutes.

Buckets of single routes are the library's work. This watches every request through aiohttp's tracing, which
``discord.Client`` takes as ``http_trace``: also those that the library repeats by itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace

import aiohttp

from bot.errors import TryLater
from bot.fence import check_fence

PER_SECOND = 50
"""Discord developer documentation, "Global rate limit"."""
OURS_PER_SECOND = 48
"""A little less, so that no second of theirs holds one too many."""
INVALID_MOST = 10_000
"""Refusals (401, 403, unshared 429) in ten minutes that ban the address ("Invalid request limit")."""
INVALID_STOP = INVALID_MOST // 2
"""We stop well before: other programs may share the address."""
INVALID_WINDOW_S = 600.0
UNCOUNTED = ("/interactions/", "/webhooks/")
"""Answers to interactions do not count towards the global limit."""

Now = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


class Guard:
    """``now`` counts seconds from anywhere, steadily."""

    def __init__(self, now: Now, sleep: Sleep = asyncio.sleep, *, invalid_stop: int = INVALID_STOP) -> None:
        self._now = now
        self._sleep = sleep
        self._stop = invalid_stop
        self._free_at = now()
        self._invalid: deque[float] = deque()

    def check(self) -> None:
        """Raises ``TryLater`` while there were too many refusals."""
        self._forget_old()
        if len(self._invalid) >= self._stop:
            wait = self._invalid[-self._stop] + INVALID_WINDOW_S - self._now()
            raise TryLater(
                "Discord refused too many requests; waiting, so that it does not ban this address",
                retry_after=timedelta(seconds=max(wait, 1.0)),
            )

    @property
    def invalid(self) -> int:
        """Refusals within the last ten minutes."""
        self._forget_old()
        return len(self._invalid)

    def _forget_old(self) -> None:
        while self._invalid and self._invalid[0] <= self._now() - INVALID_WINDOW_S:
            self._invalid.popleft()

    async def turn(self) -> None:
        """Wait until one more request may go, evenly spaced: no second ever holds more than allowed."""
        now = self._now()
        at = max(now, self._free_at)
        self._free_at = at + 1 / OURS_PER_SECOND
        if at > now:
            await self._sleep(at - now)

    def saw(self, status: int, scope: str) -> None:
        if status in (401, 403) or (status == 429 and scope != "shared"):
            self._invalid.append(self._now())

    def trace(self) -> aiohttp.TraceConfig:
        """For ``discord.Client(http_trace=…)``."""

        async def start(
            _s: aiohttp.ClientSession, _c: SimpleNamespace, sent: aiohttp.TraceRequestStartParams
        ) -> None:
            if not any(part in sent.url.path for part in UNCOUNTED):
                await self.turn()
            check_fence()

        async def end(
            _s: aiohttp.ClientSession, _c: SimpleNamespace, got: aiohttp.TraceRequestEndParams
        ) -> None:
            self.saw(got.response.status, got.response.headers.get("X-RateLimit-Scope", ""))

        config = aiohttp.TraceConfig()
        config.on_request_start.append(start)
        config.on_request_end.append(end)
        return config
