"""Roles that only one process may play at a time: see ``bot.ports``, which names these ports too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bot.domain.health import LockHolder


class Held(Protocol):
    """An only-one role that is ours until ``lost`` is set."""

    @property
    def name(self) -> str: ...
    @property
    def token(self) -> int:
        """Larger than that of everybody who held it before."""

    @property
    def holder(self) -> str:
        """This process, and no other that ever was."""

    @property
    def lost(self) -> asyncio.Event:
        """Set when it is ours no longer, and when the block that held it ends."""

    @property
    def holds(self) -> bool:
        """Is it surely ours at this moment? To be asked right before what cannot be taken back."""


class Locks(Protocol):
    """Roles that only one process may play at a time: the judge of a partition, a poller, a sending lane."""

    def hold(self, name: str) -> AbstractAsyncContextManager[Held]:
        """Wait until nobody else holds it, then hold it for the block.

        The block goes on when the lock is lost: it must watch ``lost``. Another process may hold it at the
        latest ten seconds after this one died or was cut off, and never while ``holds`` is true here.
        """

    async def holders(self) -> Sequence[LockHolder]:
        """Who holds what, by name."""
