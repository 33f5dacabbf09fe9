"""All sources of a process: every venue's book, polls and sockets, run together and stopped together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.assets import Asset
from bot.domain.market import Venue
from bot.exchanges.spec import SECOND, Exchange, Poll
from bot.feeds.book import SOURCE as BOOK
from bot.feeds.book import VenueBook
from bot.feeds.contact import Setting
from bot.feeds.deaf import SLOT, Advice, Ears
from bot.feeds.http import VenueHttp, open_http
from bot.feeds.lines import Turnstile
from bot.feeds.poll import PollFeed
from bot.feeds.rotation import Sizes
from bot.feeds.schedule import Schedule
from bot.feeds.sockets import SocketFeed
from bot.health import Health

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
        self._begun = self._left = False

    def _feed(self, poll: Poll, http: VenueHttp, setting: Setting) -> PollFeed:
        first = next((feed for feed in self.polls if feed.poll.name == poll.stands_in_for), None)
        return PollFeed(self.exchange, poll, http, self.book, setting, sizes=self._sizes, stands_in_for=first)

    def start(self, schedule: Schedule, group: asyncio.TaskGroup, first: timedelta) -> None:
        async def ask() -> timedelta | None:
            wait = await self.book.ask()
            if self.book.ready and not self._left:
                self._begin(schedule, group)
            return wait

        if self.book.needed:
            schedule.add(f"{self.exchange.venue} {BOOK}", ask, self.exchange.book.every, first)
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

    def leave(self, schedule: Schedule, health: Health) -> None:
        """Ask and hear this venue no more, nor begin what waits for a book: it is somebody else's now."""
        self._left = True
        self.stop()
        exchange = self.exchange
        for name in (BOOK, *(feed.poll.name for feed in self.polls)):
            schedule.remove(f"{exchange.venue} {name}")
            health.release(exchange.venue, name)
        for socket in self.sockets:
            health.release(exchange.venue, socket.socket.name)


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


class _Asked:
    """The venues that are asked now: all of them, or those that are this process's."""

    def __init__(
        self,
        venues: Sequence[VenueSource],
        setting: Setting,
        watched: frozenset[Asset] | None,
        lines: Mapping[Venue, VenueHttp],
        group: asyncio.TaskGroup,
    ) -> None:
        self._venues, self._setting, self._watched, self._lines = venues, setting, watched, lines
        self._turnstile = Turnstile(LINES_S, setting.monotonic, setting.sleep)
        self._group = group
        self._feeds: dict[Venue, VenueFeeds] = {}
        self._watch = Watch((), setting)

    def take(self, schedule: Schedule, mine: Collection[Venue]) -> None:
        """Begin with those of ``mine`` that are new and leave those that are not in it; the others go on."""
        left = [venue for venue in self._feeds if venue not in mine]
        new = [
            one
            for one in self._venues
            if one.exchange.venue in mine and one.exchange.venue not in self._feeds
        ]
        if not left and not new:
            return
        for venue in left:
            self._feeds.pop(venue).leave(schedule, self._setting.health)
        for place, one in enumerate(new):
            http = self._lines[one.exchange.venue]
            feeds = VenueFeeds(one, http, self._setting, self._watched, self._turnstile)
            self._feeds[one.exchange.venue] = feeds
            feeds.start(schedule, self._group, place * VENUE_GAP)
        self._watch = Watch(
            [socket for feeds in self._feeds.values() for socket in feeds.sockets], self._setting
        )

    async def look(self) -> None:
        """Who is deaf? To be called once a slot."""
        await self._watch.look()

    def stop(self) -> None:
        for feeds in self._feeds.values():
            feeds.stop()


class Sources:
    """What the ``collect`` role runs. ``watched`` is ``None`` for every coin.

    ``mine`` tells which of the venues are this process's now; without it all are.
    """

    def __init__(
        self,
        venues: Sequence[VenueSource],
        setting: Setting,
        *,
        watched: frozenset[Asset] | None = None,
        lines: Mapping[Venue, VenueHttp] | None = None,
        mine: Callable[[], Collection[Venue]] | None = None,
    ) -> None:
        """``lines``: runners opened by others, who ask the same venues within the same budgets."""
        self._venues, self._setting, self._watched, self._lines = venues, setting, watched, lines
        self._mine = mine or self._all

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; then what is in hand is finished, or cancelled within two seconds.

        A source that fails is contained (see ``Health``); only a bug is raised.
        """
        setting = self._setting
        async with AsyncExitStack() as opened:
            lines = self._lines
            if lines is None:
                lines = await opened.enter_async_context(open_lines(self._venues, setting))
            async with asyncio.TaskGroup() as group:
                asked = _Asked(self._venues, setting, self._watched, lines, group)
                try:
                    async with Schedule(setting.speed) as schedule:
                        asked.take(schedule, self._mine())
                        schedule.add("who is deaf", asked.look, SLOT)

                        async def look_again() -> None:
                            asked.take(schedule, self._mine())

                        schedule.add("whose is what", look_again, SECOND * setting.speed)
                        await schedule.run(stop)
                finally:  # only now: a first book that was on its way has opened its sockets
                    asked.stop()

    def _all(self) -> Collection[Venue]:
        return [source.exchange.venue for source in self._venues]
