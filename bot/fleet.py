"""Only-one roles of a fleet: done by whoever holds the lock, and by nobody who lost it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from time import monotonic
from typing import Any

from bot.domain.cards import Card
from bot.domain.posts import Destination
from bot.errors import LockLost, StorageError
from bot.fence import check_fence, fenced
from bot.ports import Held, Locks, Messenger, Store
from bot.running import finish

log = logging.getLogger(__name__)

Work = Callable[[Store, Held], Coroutine[Any, Any, None]]
Sleep = Callable[[float], Awaitable[object]]
MINUTE_S = 60.0
IDENTIFY_S = 5.0
COUNT_EVERY_S, NEWCOMER_S = 0.5, 2.5
LONELY = 6
"""Who cannot tell how many others there are takes the share of one of so many."""


async def only_one(store: Store, name: str, work: Work) -> None:
    """Do ``work`` whenever the lock is ours, until cancelled.

    It is cancelled once the lock is lost, and its store refuses what it writes later. Raises what it raises.
    """
    while True:
        async with store.locks.hold(name) as held:
            working = asyncio.ensure_future(work(store.under(held), held))
            losing = asyncio.ensure_future(held.lost.wait())
            try:
                await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                losing.cancel()
                working.cancel()
                await finish(asyncio.wait({working}))  # nobody else may begin while a call is under way
            fault = None if working.cancelled() else working.exception()
            if fault is not None and not _follows(fault, held):
                raise fault
            log.info("%s is left (%s)", name, fault or "lost", extra={"event": "lock.left", "lock": name})


def _follows(fault: BaseException, held: Held) -> bool:
    """Is it what comes of a lost lock, rather than its own trouble?"""
    return isinstance(fault, LockLost) or (isinstance(fault, StorageError) and held.lost.is_set())


def hidden(token: str | None) -> str:
    """A bot's name among its processes: its token is not told."""
    return sha256((token or "").encode()).hexdigest()[:10]


class Lane:
    """A messenger that only the holder of its lane speaks through; it counts what it says."""

    def __init__(self, face: Messenger, held: Held) -> None:
        self._face, self._held = face, held
        self._sent: deque[float] = deque()

    @property
    def platform(self) -> str:
        return self._face.platform

    @property
    def sent(self) -> int:
        """Calls within the last minute."""
        while self._sent and self._sent[0] < monotonic() - MINUTE_S:
            self._sent.popleft()
        return len(self._sent)

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        with fenced(self._held):
            self._begin()
            return await self._face.send(destination, card, reply_to=reply_to)

    async def edit(self, destination: Destination, message: str, card: Card) -> None:
        with fenced(self._held):
            self._begin()
            await self._face.edit(destination, message, card)

    def _begin(self) -> None:
        check_fence()
        self._sent.append(monotonic())


class BotShare:
    """A platform counts all of a bot's calls: this process uses as much as what it does for the bot needs.

    ``use`` is told ``lane`` (do we send posts?) and ``answerers`` (of how many that answer are we one?).
    """

    def __init__(self, use: Callable[[bool, int], None], *, sleep: Sleep = asyncio.sleep) -> None:
        self._use, self._sleep = use, sleep
        self._lane, self._answerers = False, 0
        use(False, 0)

    @contextmanager
    def sending(self) -> Iterator[None]:
        self._change(lane=True)
        try:
            yield
        finally:
            self._change(lane=False)

    @contextmanager
    def answering(self, answerers: int = 1) -> Iterator[None]:
        self._change(answerers=answerers)
        try:
            yield
        finally:
            self._change(answerers=0)

    async def among(self, count: Callable[[], int | None]) -> None:
        """Answer beside others, until cancelled; an unknown ``count`` changes nothing.

        Everybody has heard of a newcomer before it says a word, so all shares are never more than the whole.
        """
        await self._sleep(NEWCOMER_S)
        with self.answering(count() or LONELY):
            while True:
                await self._sleep(COUNT_EVERY_S)
                if (answerers := count()) is not None:
                    self._change(answerers=answerers)

    def _change(self, *, lane: bool | None = None, answerers: int | None = None) -> None:
        self._lane = self._lane if lane is None else lane
        self._answerers = self._answerers if answerers is None else answerers
        self._use(self._lane, self._answerers)


class SharedGate:
    """Discord's gateway among processes: each part of the servers is heard by one.

    Each bucket of IDENTIFY is used once in 5 s (Discord developer documentation, "Max Concurrency").
    """

    def __init__(self, locks: Locks, bot: str, part: str, *, sleep: Sleep = asyncio.sleep) -> None:
        self._locks, self._bot, self._part, self._sleep = locks, bot, part, sleep
        self._keeping: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[asyncio.Event]:
        async with self._locks.hold(f"{self._bot}.shards.{self._part}") as held:
            yield held.lost

    async def identify(self, bucket: int) -> None:
        ours = asyncio.get_running_loop().create_future()

        async def keep() -> None:
            async with self._locks.hold(f"{self._bot}.identify.{bucket}"):
                if not ours.done():
                    ours.set_result(None)
                await self._sleep(IDENTIFY_S)

        task = asyncio.ensure_future(keep())
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        await asyncio.wait({ours, task}, return_when=asyncio.FIRST_COMPLETED)
        if not ours.done():
            task.result()
