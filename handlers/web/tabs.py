"""Every open page of the local chat, and what each still has to be told.

The stream is server-sent events. An event's id is ``<boot>:<count>``; a page that comes back with an id
this process remembers is told what it missed, any other is given the whole history anew.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

from handlers.speech import speaking

REMEMBERED = 256
"""Events kept for pages that come back, and how far one page may fall behind before it is dropped."""


def event_block(name: str, data: str, event_id: str = "") -> bytes:
    """One event as the stream writes it; ``data`` may have many lines."""
    lines = [f"id: {event_id}"] if event_id else []
    lines += [f"event: {name}", *(f"data: {line}" for line in data.splitlines())]
    return ("\n".join(lines) + "\n\n").encode()


class Event:
    """One event in every language that a page is read in; ``tell`` makes its data in the one spoken."""

    def __init__(self, name: str, tell: Callable[[], str], event_id: str) -> None:
        self._name, self._tell, self._id = name, tell, event_id
        self._blocks: dict[str, bytes] = {}

    def block(self, language: str) -> bytes:
        if language not in self._blocks:
            with speaking(language):
                self._blocks[language] = event_block(self._name, self._tell(), self._id)
        return self._blocks[language]


class Tab:
    """One open page, read in ``language``. ``drop`` ends its connection at once, whatever it waits for."""

    def __init__(self, language: str, drop: Callable[[], None]) -> None:
        self.language = language
        self._drop = drop
        self._blocks: asyncio.Queue[bytes | None] = asyncio.Queue(REMEMBERED)

    def put(self, block: bytes | None) -> None:
        try:
            self._blocks.put_nowait(block)
        except asyncio.QueueFull:
            self._drop()

    async def next(self, until: float) -> bytes | None:
        """The next block, ``None`` when the chat closes. Raises ``TimeoutError`` at loop time ``until``."""
        async with asyncio.timeout_at(until):
            return await self._blocks.get()


class Tabs:
    """``boot`` tells this process from the one before it."""

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._count = 0
        self._recent: deque[Event] = deque(maxlen=REMEMBERED)
        self._open: set[Tab] = set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def last_id(self) -> str:
        return f"{self._boot}:{self._count}"

    def tell(self, name: str, tell: Callable[[], str]) -> None:
        """Tell every page in its language; one that fell too far behind is dropped, and others go on."""
        self._count += 1
        event = Event(name, tell, self.last_id)
        self._recent.append(event)
        for tab in tuple(self._open):
            tab.put(event.block(tab.language))

    def missed(self, last_id: str, language: str) -> list[bytes] | None:
        """What came after ``last_id``; ``None`` where that cannot be known."""
        boot, _, count = last_id.rpartition(":")
        if boot != self._boot or not count.isdecimal():
            return None
        behind = self._count - int(count)
        if not 0 <= behind <= len(self._recent):
            return None
        events = islice(self._recent, len(self._recent) - behind, None)
        return [event.block(language) for event in events]

    @contextmanager
    def open(self, language: str, drop: Callable[[], None]) -> Iterator[Tab]:
        tab = Tab(language, drop)
        self._open.add(tab)
        try:
            yield tab
        finally:
            self._open.discard(tab)

    def close(self) -> None:
        for tab in tuple(self._open):
            tab.put(None)
