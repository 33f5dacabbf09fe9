"""Only-one roles of one process: always granted, one after the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.domain.health import LockHolder


@dataclass(eq=False)
class LocalHeld:
    """See ``bot.ports.Held``."""

    name: str
    token: int
    holder: str
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def holds(self) -> bool:
        return not self.lost.is_set()


class LocalLocks:
    """See ``bot.ports.Locks``. Nobody else has this store, so nothing held is ever lost."""

    def __init__(self) -> None:
        self._turns: dict[str, asyncio.Lock] = {}
        self._tokens: dict[str, int] = {}
        self._holders: dict[str, LockHolder] = {}

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[LocalHeld]:
        async with self._turns.setdefault(name, asyncio.Lock()):
            token = self._tokens[name] = self._tokens.get(name, 0) + 1
            held = LocalHeld(name, token, f"process {os.getpid()}")
            self._holders[name] = LockHolder(name, token, held.holder, datetime.now(UTC))
            try:
                yield held
            finally:
                held.lost.set()
                del self._holders[name]

    async def holders(self) -> Sequence[LockHolder]:
        return [self._holders[name] for name in sorted(self._holders)]
