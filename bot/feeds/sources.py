"""All sources of a process: every venue's book, polls and sockets, run together and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.assets import Asset
from bot.exchanges.spec import Exchange
from bot.feeds.book import VenueBook
from bot.feeds.contact import Setting
from bot.feeds.http import VenueHttp, open_http
from bot.feeds.poll import PollFeed
from bot.feeds.schedule import Schedule
from bot.feeds.sockets import SocketFeed


@dataclass(frozen=True, slots=True)
class VenueSource:
    """A venue and, from configuration or the simulator, the addresses to use instead of its own."""

    exchange: Exchange
    base_url: str | None = None
    ws_url: str | None = None


class VenueFeeds:
    """One venue: its polls and sockets begin with its first book."""

    def __init__(
        self,
        source: VenueSource,
        http: VenueHttp,
        setting: Setting,
        watched: frozenset[Asset] | None,
    ) -> None:
        exchange = source.exchange
        self.exchange = exchange
        self.book = VenueBook(exchange, http, setting, watched)
        self.polls = [PollFeed(exchange, poll, http, self.book, setting) for poll in exchange.polls]
        self.sockets = [
            SocketFeed(exchange, socket, http, self.book, setting, ws_url=source.ws_url)
            for socket in exchange.sockets
        ]
        self.listening: list[asyncio.Task[None]] = []
        self._begun = False

    def start(self, schedule: Schedule, group: asyncio.TaskGroup) -> None:
        async def ask() -> timedelta | None:
            wait = await self.book.ask()
            if self.book.ready:
                self._begin(schedule, group)
            return wait

        if self.book.needed:
            schedule.add(f"{self.exchange.venue} contracts", ask, self.exchange.book.every)
        else:
            self._begin(schedule, group)

    def _begin(self, schedule: Schedule, group: asyncio.TaskGroup) -> None:
        if not self._begun:
            self._begun = True
            for feed in self.polls:
                schedule.add(f"{self.exchange.venue} {feed.poll.name}", feed.run, feed.poll.every)
        if self.book.worth_asking and not self.listening:
            self.listening = [group.create_task(feed.run()) for feed in self.sockets]

    def stop(self) -> None:
        for task in self.listening:
            task.cancel()


class Sources:
    """What the ``collect`` role runs. ``watched`` is ``None`` for every coin."""

    def __init__(
        self,
        venues: Sequence[VenueSource],
        setting: Setting,
        *,
        watched: frozenset[Asset] | None = None,
    ) -> None:
        self._venues, self._setting, self._watched = venues, setting, watched

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; then what is in hand is finished, or cancelled within two seconds.

        A source that fails is contained (see ``Health``); only a bug is raised.
        """
        setting = self._setting
        async with AsyncExitStack() as lines:
            feeds = [
                VenueFeeds(
                    source,
                    await lines.enter_async_context(
                        open_http(
                            source.exchange,
                            base_url=source.base_url,
                            speed=setting.speed,
                            monotonic=setting.monotonic,
                            sleep=setting.sleep,
                        )
                    ),
                    setting,
                    self._watched,
                )
                for source in self._venues
            ]
            async with asyncio.TaskGroup() as group:
                try:
                    async with Schedule(setting.speed) as schedule:
                        for feed in feeds:
                            feed.start(schedule, group)
                        await schedule.run(stop)
                finally:  # only now: a first book that was on its way has opened its sockets
                    for feed in feeds:
                        feed.stop()
