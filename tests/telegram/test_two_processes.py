"""Two processes of one bot: what one asks of Telegram, or hears there, the other knows at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import pytest

from bot.domain.bot_news import BotNews
from bot.domain.posts import Destination
from bot.errors import PlaceClosed, TryLater
from bot.running import running
from handlers.telegram import Face
from handlers.telegram.pace import CHAT_GAP_S
from storage.jetstream import open_cluster
from storage.nats_fleet import BotLine
from tests.nats_cluster import NatsCluster
from tests.storage.streams import chosen
from tests.telegram.conftest import GROUP, HERE, PRIVATE, Opened, card
from tests.telegram.rules import Failure
from tests.telegram.server import BotApi

numbers = count()


@pytest.fixture
def speed() -> float:
    """What goes between processes takes the wall's seconds."""
    return 1.0


@dataclass
class Process:
    """``face`` and what it was told by others."""

    face: Face
    told: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, whose: str, news: BotNews) -> None:
        self.face.hear(whose, news)
        self.told.append(type(news).__name__)
        self.news.set()

    async def until_told(self, what: str) -> None:
        async with asyncio.timeout(5):
            while what not in self.told:
                await self.news.wait()
                self.news.clear()


@asynccontextmanager
async def pair(opened: Opened, nats: NatsCluster) -> AsyncIterator[tuple[Process, Process]]:
    """Each has its own connection to the cluster."""
    options = chosen(nats, f"bots{os.getpid()}-{next(numbers)}")
    async with opened() as a, opened() as b, open_cluster(options) as one, open_cluster(options) as other:
        made = Process(a), Process(b)
        for process, cluster, name in zip(made, (one, other), "ab", strict=True):
            line = BotLine(cluster, name, "bot")
            await line.hear(process.hear)
            await cluster.client.flush()
            process.face.join(line.tell)
        yield made


async def test_a_chat_that_is_told_is_answered_a_second_later_by_another(
    opened: Opened, nats: NatsCluster, api: BotApi
) -> None:
    async with pair(opened, nats) as (sender, answerer):
        api.latency_s = 0.3
        posting = asyncio.create_task(sender.face.send(HERE, card()))
        await answerer.until_told("Began")
        assert not api.shown(PRIVATE), "told before Telegram answered"
        await answerer.face.send(HERE, card("Answer"))
        await posting
        first, second = api.of("sendMessage")
        assert second.began - first.ended >= CHAT_GAP_S - 0.01
        assert answerer.told == ["Began", "Ended"], "nobody is told of what it did itself"


async def test_what_telegram_refuses_to_one_is_not_asked_by_the_other(
    opened: Opened, nats: NatsCluster, api: BotApi
) -> None:
    async with pair(opened, nats) as (sender, answerer):
        api.fail(Failure(429, "Too Many Requests: retry after 7200", {"retry_after": 7200}), method="send")
        with pytest.raises(TryLater):
            await sender.face.send(HERE, card())
        await answerer.until_told("Refused")
        with pytest.raises(TryLater) as later:
            await answerer.face.send(HERE, card())
        assert later.value.retry_after.total_seconds() == pytest.approx(7200, abs=10)
        assert len(api.of("sendMessage")) == 1


async def test_a_closed_place_is_asked_again_by_the_lane_once_another_process_hears_somebody_there(
    opened: Opened, nats: NatsCluster, api: BotApi
) -> None:
    place = Destination("telegram", str(GROUP))
    async with pair(opened, nats) as (sender, answerer):
        closed = Failure(400, "Bad Request: TOPIC_CLOSED")
        api.fail(closed, method="send")
        with pytest.raises(PlaceClosed):
            await sender.face.send(place, card())
        with pytest.raises(PlaceClosed):
            await sender.face.send(place, card())
        assert len([call for call in api.of("sendMessage") if call.chat == place.chat]) == 1, "muted"
        async with running(answerer.face.listen()):
            api.says(GROUP, "hello again")
            await sender.until_told("Heard")
        await sender.face.send(place, card())
        assert api.shown(GROUP)
