"""Listen to a venue's sockets for a few seconds and say, for a person, how that went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bot.domain.health import SourceState
from bot.domain.market import Observation, Quarantined
from bot.exchanges.spec import Book, Exchange
from bot.feeds.book import VenueBook
from bot.feeds.contact import Setting
from bot.feeds.http import VenueHttp
from bot.feeds.lines import Turnstile
from bot.feeds.sockets import SocketFeed
from bot.health import Health
from bot.ports import Clock

LINES_S = 0.1
"""Between two connections to one venue, as few as there are here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedReport:
    """How one socket answered. ``why`` is what could not be read first, else the newest fault, in words;
    empty where there was none.

    ``subscribed``: the venue answered when everything was asked for; where nothing is to be asked for, only
    what is heard proves anything. ``told`` are the liquidations heard: none within seconds may well be calm.
    """

    title: str
    source: str
    state: SourceState
    why: str
    contracts: int
    subscribed: bool
    told: int


@dataclass
class _Ear:
    """Takes what is heard and keeps what cannot be read."""

    kept: dict[str, str] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def put(self, batch: Sequence[Observation]) -> None:
        self.news.set()

    async def quarantine(self, rejected: Sequence[Quarantined]) -> None:
        for one in rejected:
            self.kept.setdefault(one.what, one.detail)


async def hear_once(
    exchange: Exchange,
    http: VenueHttp,
    watched: Book,
    *,
    clock: Clock,
    seconds: float,
    ws_url: str | None = None,
) -> list[FeedReport]:
    """Subscribe as ``run`` would, until every socket told something or ``seconds`` have passed."""
    ear, health = _Ear(), Health(clock)
    setting = Setting(out=ear, journal=ear, health=health, clock=clock)
    book = VenueBook(exchange, http, setting, None)
    book.watched = watched
    turnstiles = (Turnstile(LINES_S, setting.monotonic, setting.sleep),)
    feeds = [
        SocketFeed(exchange, socket, http, book, setting, ws_url=ws_url, turnstiles=turnstiles)
        for socket in exchange.sockets
        if any(map(socket.hears, watched.values()))
    ]
    tasks = [asyncio.create_task(feed.run()) for feed in feeds]
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not all(feed.told for feed in feeds):
                    ear.news.clear()
                    await ear.news.wait()
        subscribed = [feed.listening and bool(feed.socket.hello(watched)) for feed in feeds]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    states = {known.source: known for known in health.sources()}
    return [
        FeedReport(
            title=exchange.title,
            source=feed.socket.name,
            state=states[feed.socket.name].state,
            why=ear.kept.get(feed.socket.name) or states[feed.socket.name].why,
            contracts=sum(map(feed.socket.hears, watched.values())),
            subscribed=heard,
            told=feed.told,
        )
        for feed, heard in zip(feeds, subscribed, strict=True)
    ]
