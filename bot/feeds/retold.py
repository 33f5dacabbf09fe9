"""What a source that tells of other venues remembers of them: kept as reports, by its name, once a coin.

Reports stand beside live venues and are never added to them, and what is retold confirms nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from bot.domain.assets import Asset
from bot.domain.health import Remembered
from bot.domain.market import Instrument, Report
from bot.errors import SourceError, SourceThrottled
from bot.exchanges.spec import Book, Exchange, RetoldPast
from bot.feeds.backfill import SHORT, TRIES, Wanted
from bot.feeds.book import ask_book, limited
from bot.feeds.contact import Setting, in_words, understand
from bot.feeds.http import VenueHttp

log = logging.getLogger(__name__)

AGAIN_AFTER = timedelta(days=1)
DAY = timedelta(days=1)


class Reports(Protocol):
    """The part of ``bot.ports.Journal`` that is needed here."""

    async def report(self, told: Sequence[Report]) -> None: ...
    async def keep(self, name: str, state: bytes) -> None: ...
    async def kept(self, name: str) -> bytes | None: ...


class RetoldVenue:
    """One such source. What fails is left for the next time: a key's plan may not have it."""

    def __init__(
        self,
        exchange: Exchange,
        past: RetoldPast,
        http: VenueHttp,
        journal: Reports,
        setting: Setting,
        wanted: Wanted,
    ) -> None:
        self._exchange, self._past, self._fetch = exchange, past, http.beside()
        self._http, self._journal, self._setting, self._wanted = http, journal, setting, wanted
        self._coins = self._known = 0
        self._over = False
        self._why = ""

    def progress(self) -> Remembered:
        days = (self._wanted.until - self._since) / DAY
        return Remembered(
            venue=self._exchange.venue,
            title=self._exchange.title,
            contracts=self._coins,
            known_days=self._known * days,
            asked_days=self._coins * days,
            over=self._over,
            why=self._why,
        )

    async def run(self) -> None:
        """Until everything is kept; nothing is raised for what the source does."""
        try:
            await self._all()
        except SourceError as fault:
            self._why = in_words(fault)
            event = {"event": "past.waits", "venue": self._exchange.venue}
            log.warning("%s: its past is left out: %s", self._exchange.title, self._why, extra=event)
        self._over = True

    @property
    def _since(self) -> datetime:
        return max(self._wanted.since, self._setting.clock() - self._past.reach)

    async def _all(self) -> None:
        """Raises ``SourceError``."""
        coins: dict[Asset, dict[str, Instrument]] = defaultdict(dict)
        for symbol, one in limited(await ask_book(self._exchange, self._http), self._wanted.watched).items():
            coins[one.asset][symbol] = one
        self._coins = len(coins)
        fetched = await self._fetched()
        now = self._setting.clock().timestamp()
        reach = AGAIN_AFTER.total_seconds()
        for asset, book in sorted(coins.items()):
            until, since = fetched.get(asset, (0.0, now))
            if now - until > reach or since > self._since.timestamp():
                await self._coin(book)
                fetched[asset] = (now, self._since.timestamp())
                await self._journal.keep(self._name, msgspec.json.encode(fetched))
            self._known += 1

    async def _coin(self, book: Book) -> None:
        since, until = self._since, self._wanted.until
        for request in self._past.requests(book, since, until):
            for tries in range(1, TRIES + 1):
                try:
                    raw = await self._fetch(request)
                    told = understand(self._past.parse, raw, book, self._setting.clock()).observations
                    break
                except SourceThrottled as slow:
                    if tries == TRIES or slow.retry_after > SHORT:
                        raise
                    await self._setting.sleep(slow.retry_after.total_seconds())
            await self._journal.report(
                [one for one in told if isinstance(one, Report) and since <= one.as_of < until]
            )

    @property
    def _name(self) -> str:
        return f"past.retold.{self._exchange.venue}"

    async def _fetched(self) -> dict[Asset, tuple[float, float]]:
        """Of each coin when it was last fetched, and since when; nothing where that cannot be read."""
        try:
            return msgspec.json.decode(
                await self._journal.kept(self._name) or b"{}", type=dict[Asset, tuple[float, float]]
            )
        except msgspec.DecodeError:
            return {}
