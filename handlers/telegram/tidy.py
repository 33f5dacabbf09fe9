"""A group need not keep what was one person's business: it is taken away after a minute."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import msgspec

from bot.errors import DeliveryError, TryLater
from bot.ports import Clock, Journal
from handlers.telegram.voice import Voice
from handlers.telegram.waits import Sleep, Start

log = logging.getLogger(__name__)

TIDY_AFTER = timedelta(minutes=1)
"""So long a group sees what was meant for one person."""
MOST_TRIES = 5
KEPT = "telegram.tidy"


class Litter(msgspec.Struct, frozen=True):
    """Messages of one chat that go at ``due``."""

    chat: str
    messages: tuple[int, ...]
    due: datetime


class Tidy:
    """Remembers what is to go, so that the next start takes away what a stop has left.

    Several answerers of one bot may share what is remembered: each adds and takes away its own.
    """

    def __init__(self, voice: Voice, journal: Journal, wall: Clock, sleep: Sleep, start: Start) -> None:
        self._voice = voice
        self._journal = journal
        self._wall = wall
        self._sleep = sleep
        self._start = start

    async def resume(self) -> None:
        """Take up what the last run left. Raises ``StorageError``."""
        kept = await self._journal.kept(KEPT)
        for litter in _litter(kept):
            self._start(self._take_away(litter))

    async def later(self, chat: str, *messages: int) -> None:
        """Have these messages go in a minute. Raises ``StorageError``."""
        litter = Litter(chat, messages, self._wall() + TIDY_AFTER)
        await self._journal.amend(KEPT, lambda kept: msgspec.json.encode([*_litter(kept), litter]))
        self._start(self._take_away(litter))

    async def _take_away(self, litter: Litter) -> None:
        wait = litter.due - self._wall()
        for _ in range(MOST_TRIES):
            await self._sleep(max(0.0, wait.total_seconds()))
            try:
                await self._voice.unsay(litter.chat, litter.messages)
            except TryLater as busy:
                wait = busy.retry_after
                continue
            except DeliveryError as refused:
                log.debug("not tidied up: %s", refused)
            break

        def without(kept: bytes | None) -> bytes:
            return msgspec.json.encode([other for other in _litter(kept) if other != litter])

        await self._journal.amend(KEPT, without)


def _litter(kept: bytes | None) -> list[Litter]:
    return msgspec.json.decode(kept, type=list[Litter]) if kept else []
