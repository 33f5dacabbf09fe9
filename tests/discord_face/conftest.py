from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from bot.domain.charts import Chart
from handlers.desk import Desk
from handlers.discord_face import DiscordFace, open_discord
from tests.discord_face.payloads import GUILD
from tests.discord_face.records import TOKEN
from tests.discord_face.server import Discord
from tests.handlers.conftest import desk, store

__all__ = ["desk", "store"]


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    service = Discord()
    async with service.serve() as service.api:
        yield service


async def draw(chart: Chart) -> bytes:
    """A picture that says what it shows."""
    return b"\x89PNG " + chart.title.encode()


Opened = Callable[..., AbstractAsyncContextManager[DiscordFace]]


@pytest.fixture
def opened(discord: Discord, desk: Desk) -> Opened:
    def open_face(**changes: Any) -> AbstractAsyncContextManager[DiscordFace]:
        where: dict[str, Any] = {"api_base": discord.api, "gateway": discord.gateway.url, **changes}
        return open_discord(
            where.pop("token", TOKEN), where.pop("desk", desk), where.pop("draw", draw), **where
        )

    return open_face


@pytest.fixture
async def face(opened: Opened, discord: Discord, desk: Desk) -> AsyncIterator[DiscordFace]:
    """Logged in and connected, in a server that was greeted long ago."""
    await desk.store.journal.keep(f"discord.met.{GUILD}", b"yes")
    async with opened() as face:
        async with asyncio.timeout(5):
            await discord.gateway.connected.wait()
        yield face


async def until(happened: Callable[[], object], within_s: float = 5.0) -> None:
    """Wait for what the other side does."""
    async with asyncio.timeout(within_s):
        while not happened():  # noqa: ASYNC110 - the other side has no event to wait for
            await asyncio.sleep(0.01)
