from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.domain.cards import Card
from bot.domain.charts import Chart
from bot.domain.posts import Destination
from bot.ports import Clock
from bot.running import running
from handlers.desk import Desk
from handlers.telegram import Face, open_telegram
from storage.memory import MemoryStore
from tests.handlers.conftest import desk, store
from tests.handlers.october import NOW
from tests.telegram.rules import TOKEN
from tests.telegram.server import BotApi, serve

__all__ = ["desk", "store"]

PRIVATE, GROUP, CHANNEL = 42, -1001, -1002
HERE = Destination("telegram", str(PRIVATE))


@dataclass(frozen=True)
class Options:
    api_base: str
    mode: str = "polling"
    webhook_url: str | None = None


@dataclass
class Sleeper:
    """Waits are noted; each ends when it is let."""

    asked: list[float] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self.may_end.wait()


@dataclass
class Studio:
    """Draws ten bytes, and counts."""

    drawn: list[Chart] = field(default_factory=list)
    fault: Exception | None = None

    async def __call__(self, chart: Chart) -> bytes:
        self.drawn.append(chart)
        if self.fault is not None:
            raise self.fault
        return b"\x89PNG\r\n\x1a\n" + chart.title.encode()


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with serve() as api:
        api.chat(PRIVATE)
        api.chat(7, first_name="Person 7")
        api.chat(GROUP, "supergroup", is_forum=True)
        api.chat(CHANNEL, "channel")
        api.administrators[str(GROUP)] = [8]
        yield api


@pytest.fixture
def studio() -> Studio:
    return Studio()


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


Opened = Callable[..., AbstractAsyncContextManager[Face]]


@pytest.fixture
def speed() -> float:
    """Of Telegram's seconds, since ``BotApi`` counts none; what a second means is seen at 1."""
    return 10.0


@pytest.fixture
def opened(
    api: BotApi, desk: Desk, store: MemoryStore, studio: Studio, sleeper: Sleeper, speed: float
) -> Opened:
    @asynccontextmanager
    async def open_it(
        mode: str = "polling",
        webhook_url: str | None = None,
        token: str = TOKEN,
        secret: str = "",
        wall: Clock = lambda: NOW,
    ) -> AsyncIterator[Face]:
        options = Options(api.address, mode, webhook_url)
        async with open_telegram(
            *(options, token, desk, store, studio),
            wall=wall,
            webhook_secret=secret,
            sleep=sleeper,
            speed=speed,
        ) as face:
            yield face

    return open_it


@pytest.fixture
async def face(opened: Opened) -> AsyncIterator[Face]:
    async with opened() as face:
        yield face


@pytest.fixture
async def listening(face: Face, api: BotApi) -> AsyncIterator[Face]:
    async with running(face.listen()):
        await api.until(lambda: len(api.menus) == 20)
        yield face


def card(text: str = "BTC long flush", **more: object) -> Card:
    return Card(title=text, **more)  # type: ignore[arg-type]
