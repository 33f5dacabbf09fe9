"""All sources of a process: every venue's book, polls and sockets, run together and stopped together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.assets import Asset
from bot.domain.market import Venue
from bot.exchanges.spec import Exchange, Poll
from bot.feeds.book import VenueBook
from bot.feeds.contact import Setting
from bot.feeds.deaf import SLOT, Advice, Ears
from bot.feeds.http import VenueHttp, open_http
from bot.feeds.lines import Turnstile
from bot.feeds.poll import PollFeed
from bot.feeds.rotation import Sizes
from bot.feeds.schedule import Schedule
from bot.feeds.sockets import SocketFeed

log = logging.getLogger(__name__)

VENUE_GAP = timedelta(milliseconds=100)
POLL_GAP = timedelta(milliseconds=250)
"""At the start venues, and the polls of one, begin one after another: a fleet that starts is no avalanche."""
LINES_S = 0.1
VENUE_LINES_S = 1.0
"""Between two connections of this process, and to one venue: Binance counts 300 in 5 minutes."""


@dataclass(frozen=True, slots=True)
class VenueSource:
    """A venue and, from configuration or the simulator, the addresses to use instead of its own."""

    exchange: Exchange
    base_url: str | None = None
    ws_url: str | None = None


@asynccontextmanager
async def open_lines(
    venues: Sequence[VenueSource], setting: Setting
) -> AsyncIterator[Mapping[Venue, VenueHttp]]:
    """An HTTP runner for each venue, with one budget for all who ask it."""
    async with AsyncExitStack() as lines:
        yield {
            source.exchange.venue: await lines.enter_async_context(
                open_http(
                    source.exchange,
                    base_url=source.base_url,
                    speed=setting.speed,
                    monotonic=setting.monotonic,
                    sleep=setting.sleep,
                )
            )
            for source in venues
        }


class VenueFeeds:
    """One venue: its polls and sockets begin with its first book."""

    def __init__(
        self,
        source: VenueSource,
        http: VenueHttp,
        setting: Setting,
        watched: frozenset[Asset] | None,
        turnstile: Turnstile,
    ) -> None:
        exchange = source.exchange
        self.exchange = exchange
        self.book = VenueBook(exchange, http, setting, watched)
        self._sizes = Sizes()
        self.polls: list[PollFeed] = []
        for poll in sorted(exchange.polls, key=lambda poll: bool(poll.stands_in_for)):
            self.polls.append(self._feed(poll, http, setting))
        lines = (turnstile, Turnstile(VENUE_LINES_S, setting.monotonic, setting.sleep))
        self.sockets = [
            SocketFeed(exchange, socket, http, self.book, setting, ws_url=source.ws_url, turnstiles=lines)
            for socket in exchange.sockets
        ]
        self.listening: list[asyncio.Task[None]] = []
        self._begun = False

    def _feed(self, poll: Poll, http: VenueHttp, setting: Setting) -> PollFeed:
        first = next((feed for feed in self.polls if feed.poll.name == poll.stands_in_for), None)
        return PollFeed(self.exchange, poll, http, self.book, setting, sizes=self._sizes, stands_in_for=first)

    def start(self, schedule: Schedule, group: asyncio.TaskGroup, first: timedelta) -> None:
        async def ask() -> timedelta | None:
            wait = await self.book.ask()
            if self.book.ready:
                self._begin(schedule, group)
            return wait

        if self.book.needed:
            schedule.add(f"{self.exchange.venue} contracts", ask, self.exchange.book.every, first)
        else:
            self._begin(schedule, group, first)

    def _begin(self, schedule: Schedule, group: asyncio.TaskGroup, first: timedelta = timedelta()) -> None:
        if not self._begun:
            self._begun = True
            for place, feed in enumerate(self.polls):
                name = f"{self.exchange.venue} {feed.poll.name}"
                schedule.add(name, feed.run, feed.poll.every, first + place * POLL_GAP)
        if self.book.worth_asking and not self.listening:
            self.listening = [group.create_task(feed.run()) for feed in self.sockets]

    def stop(self) -> None:
        for task in self.listening:
            task.cancel()


class Watch:
    """Looks after liquidation feeds that are connected but deaf."""

    def __init__(self, feeds: Sequence[SocketFeed], setting: Setting) -> None:
        self._feeds = {feed.name: feed for feed in feeds if feed.socket.completeness is not None}
        self._setting = setting
        self._ears = Ears()
        self._told = dict.fromkeys(self._feeds, 0)

    async def look(self) -> None:
        """To be called once a slot."""
        told = {name for name, feed in self._feeds.items() if feed.told > self._told[name]}
        self._told = {name: feed.told for name, feed in self._feeds.items()}
        listening = [name for name, feed in self._feeds.items() if feed.listening or name in told]
        for one in self._ears.slot(self._setting.clock(), told, listening):
            feed = self._feeds[one.feed]
            if one.advice is Advice.REPORT:
                feed.deaf(one.why)
            else:
                log.info("%s: %s; a new line", one.feed, one.why, extra={"event": "source.suspect"})
                feed.renew()


class Sources:
    """What the ``collect`` role runs. ``watched`` is ``None`` for every coin."""

    def __init__(
        self,
        venues: Sequence[VenueSource],
        setting: Setting,
        *,
        watched: frozenset[Asset] | None = None,
        lines: Mapping[Venue, VenueHttp] | None = None,
    ) -> None:
        """``lines``: runners opened by others, who ask the same venues within the same budgets."""
        self._venues, self._setting, self._watched, self._lines = venues, setting, watched, lines

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; then what is in hand is finished, or cancelled within two seconds.

        A source that fails is contained (see ``Health``); only a bug is raised.
        """
        setting = self._setting
        turnstile = Turnstile(LINES_S, setting.monotonic, setting.sleep)
        async with AsyncExitStack() as opened:
            lines = self._lines
            if lines is None:
                lines = await opened.enter_async_context(open_lines(self._venues, setting))
            runners = lines
            feeds = [
                VenueFeeds(source, runners[source.exchange.venue], setting, self._watched, turnstile)
                for source in self._venues
            ]
            async with asyncio.TaskGroup() as group:
                try:
                    async with Schedule(setting.speed) as schedule:
                        for place, feed in enumerate(feeds):
                            feed.start(schedule, group, place * VENUE_GAP)
                        watch = Watch([one for feed in feeds for one in feed.sockets], setting)
                        schedule.add("who is deaf", watch.look, SLOT)
                        await schedule.run(stop)
                finally:  # only now: a first book that was on its way has opened its sockets
                    for feed in feeds:
                        feed.stop()
