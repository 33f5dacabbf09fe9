"""Which part of the servers a process listens to, and when it may.

One gateway connection holds at most 2,500 servers; more are cut into shards, each with its own (Discord
developer documentation, "Sharding"). Who shares them among processes hands in a ``Gate``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple, Protocol


class Shards(NamedTuple):
    """From ``first`` to ``last`` of so many; both are included, and counted from 0."""

    first: int
    last: int
    of: int

    @property
    def ids(self) -> list[int]:
        return list(range(self.first, self.last + 1))

    def __str__(self) -> str:
        return f"{self.first}-{self.last}/{self.of}"


class Gate(Protocol):
    """Lets one process at a time listen to the same servers, and one after the other say who they are."""

    def listen(self) -> AbstractAsyncContextManager[asyncio.Event]:
        """Waits for our turn; yields what is set once it is over."""

    async def identify(self, bucket: int) -> None:
        """Waits until 5 s after the last IDENTIFY of this bucket, in whichever process that was."""


class Alone:
    """The gate of the only process: always open. The library itself keeps its shards 5 s apart."""

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[asyncio.Event]:
        yield asyncio.Event()

    async def identify(self, bucket: int) -> None:
        """There is nobody else."""
