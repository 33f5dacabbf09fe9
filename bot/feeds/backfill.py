"""Past open interest from a venue that remembers it, contract by contract, newest first.

What was fetched is kept at once, with how far back it reaches: a stop in between loses the page under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.health import Remembered
from bot.domain.market import Instrument, OpenInterest, PastLiquidations, Position, Venue
from bot.errors import SourceBlocked, SourceChanged, SourceError, SourceThrottled
from bot.exchanges.spec import MINUTE, SECOND, Exchange, History, lost_of
from bot.feeds.book import ask_book, limited
from bot.feeds.contact import Patience, Setting, in_words, understand
from bot.feeds.http import Fetch, VenueHttp

log = logging.getLogger(__name__)

AT_ONCE = 4
TRIES = 4
"""A contract (or, for who does not wait, a venue) that failed so often in a row is left for another time."""
SHORT = timedelta(minutes=2)
"""Who does not wait gives a venue up that asks for a longer pause than this."""
ENDS_AFTER = 2
"""So many empty pages in a row: the contract has no older past."""
LARGEST = ("BTC", "ETH")
"""First asked while nobody knows yet which coins are large."""
MILLISECOND = timedelta(milliseconds=1)
DAY = timedelta(days=1)


class Pages(Protocol):
    """The part of ``bot.ports.Archive`` that is needed here."""

    async def keep(
        self,
        contract: Instrument,
        since: datetime,
        until: datetime,
        told: Sequence[OpenInterest],
        liquidated: Sequence[PastLiquidations] = (),
    ) -> None: ...

    async def reached(self) -> Mapping[tuple[Asset, Venue, str], datetime]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: from ``since`` on and before ``until``; every coin where ``watched`` is ``None``.

    ``largest`` come first. ``patient``: whoever does not answer is asked again later, however long it takes.
    """

    since: datetime
    until: datetime
    watched: frozenset[Asset] | None = None
    largest: Sequence[Asset] = ()
    patient: bool = True


@dataclass(slots=True)
class _Reach:
    """One contract: known back to ``at``, wanted back to ``goal``."""

    contract: Instrument
    at: datetime
    goal: datetime


class _GivenUp(Exception):
    """Whoever does not wait leaves this venue alone."""


class VenuePast:
    """One venue. ``told`` is called with a coin once all there is of it here is kept."""

    def __init__(
        self,
        exchange: Exchange,
        history: History,
        http: VenueHttp,
        pages: Pages,
        setting: Setting,
        wanted: Wanted,
        told: Callable[[Asset], None],
    ) -> None:
        self._exchange, self._history, self._http = exchange, history, http
        self._fetch: Fetch = http.beside()
        self._pages, self._setting, self._wanted, self._told = pages, setting, wanted, told
        self._every: list[_Reach] = []
        self._owed: Counter[Asset] = Counter()
        self._listed = False
        self._skipped = 0
        self._over = False
        self._why = ""

    def owes(self, asset: Asset) -> bool:
        """May more of this coin come? Unknown counts as yes."""
        return not self._over and (not self._listed or self._owed[asset] > 0)

    def progress(self) -> Remembered:
        until = self._wanted.until
        return Remembered(
            venue=self._exchange.venue,
            title=self._exchange.title,
            contracts=len(self._every),
            skipped=self._skipped,
            known_days=sum((until - max(one.at, one.goal)) / DAY for one in self._every),
            asked_days=sum((until - one.goal) / DAY for one in self._every),
            over=self._over,
            why=self._why,
        )

    async def run(self) -> None:
        """Until everything is kept; nothing is raised for what a venue does."""
        try:
            todo = await self._look_up()
            async with asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, len(todo))):
                    group.create_task(self._work(todo))
        except* _GivenUp:
            log.warning("%s: its past is left out: %s", self._exchange.title, self._why, extra=self._extra())
        else:
            self._why = ""
        self._over = True

    async def _look_up(self) -> deque[_Reach]:
        """Which contracts there are, and how far back each is known already."""
        patience = Patience(self._setting, MINUTE if self._wanted.patient else SECOND)
        tries = 0
        while True:
            try:
                listed = await ask_book(self._exchange, self._http)
            except SourceError as fault:
                tries += 1
                await self._wait(fault, patience, tries)
            else:
                break
        self._why = ""
        reached = await self._pages.reached()
        wanted, now = self._wanted, self._setting.clock()
        goal = max(wanted.since, now - self._history.reach)
        first = {asset: place for place, asset in enumerate((*LARGEST, *wanted.largest))}
        contracts = sorted(
            limited(listed, wanted.watched).values(),
            key=lambda one: (first.get(one.asset, len(first)), one.asset, one.symbol),
        )
        for one in contracts:
            at = min(wanted.until, reached.get((one.asset, one.venue, one.symbol), wanted.until))
            if self._history.requests(one, wanted.until - self._history.step, wanted.until):
                self._every.append(_Reach(one, at, min(goal, wanted.until)))
        todo = deque(one for one in self._every if one.at > one.goal)
        self._owed = Counter(one.contract.asset for one in todo)
        self._listed = True
        log.info(
            "%s: the past of %d contracts, %d of them known",
            *(self._exchange.title, len(self._every), len(self._every) - len(todo)),
            extra=self._extra("past.asked"),
        )
        return todo

    async def _work(self, todo: deque[_Reach]) -> None:
        while todo:
            reach = todo.popleft()
            try:
                await self._contract(reach)
            except SourceError as fault:
                self._skipped += 1
                log.warning(
                    "%s has no history of %s: %s",
                    *(self._exchange.venue, reach.contract.symbol, in_words(fault)),
                    extra=self._extra("backfill.skipped") | {"symbol": reach.contract.symbol},
                )
            asset = reach.contract.asset
            self._owed[asset] -= 1
            if not self._owed[asset]:
                self._told(asset)

    async def _contract(self, reach: _Reach) -> None:
        """Raises ``SourceError`` where this contract is to be left out."""
        patience, tries, empty = Patience(self._setting, 5 * SECOND), 0, 0
        page = _page(self._history, reach)
        while reach.at > reach.goal:
            since = max(reach.goal, reach.at - page)
            try:
                told, liquidated = await self._piece(reach.contract, since, reach.at)
            except SourceChanged:
                raise
            except SourceError as fault:
                if not isinstance(fault, SourceBlocked | SourceThrottled):
                    tries += 1
                    if tries >= TRIES:
                        raise
                await self._wait(fault, patience, tries)
                continue
            self._why, tries = "", 0
            patience.begin_anew()
            empty = 0 if told else empty + 1
            if empty >= ENDS_AFTER:
                since = reach.goal
            await self._pages.keep(reach.contract, since, reach.at, told, liquidated)
            reach.at = since

    async def _piece(
        self, contract: Instrument, since: datetime, until: datetime
    ) -> tuple[list[OpenInterest], list[PastLiquidations]]:
        """What the venue says of one span, once for each time, oldest first."""
        found: dict[datetime, OpenInterest] = {}
        sums: dict[tuple[datetime, Position], PastLiquidations] = {}
        for request in self._history.requests(contract, since, until - MILLISECOND):
            raw = await self._fetch(request)
            points = understand(self._history.parse, raw, contract, self._setting.clock())
            if lost := lost_of(points):
                log.warning(
                    "%s: %d rows of the past of %s cannot be read: %s",
                    *(self._exchange.title, len(lost), contract.symbol, lost[0]),
                    extra=self._extra("past.rows") | {"symbol": contract.symbol},
                )
            for one in points:
                # A stamp of another time, or of the future, was not asked for.
                if since <= one.at < until:
                    found[one.at] = replace(one, received=one.at)
            if self._history.liquidated is not None:
                for each in understand(self._history.liquidated, raw, contract):
                    # One that is still running when live figures begin is heard there.
                    if since <= each.at and each.at + each.step <= until:
                        sums[each.at, each.position] = each
        return [found[at] for at in sorted(found)], [sums[key] for key in sorted(sums)]

    async def _wait(self, fault: SourceError, patience: Patience, tries: int) -> None:
        """Raises ``_GivenUp`` for who does not wait."""
        if self._why != (why := in_words(fault)):
            self._why = why
            log.warning("%s: its past has to wait: %s", self._exchange.title, why, extra=self._extra())
        wait = patience.after(fault)
        if not self._wanted.patient and (isinstance(fault, SourceBlocked) or tries >= TRIES or wait > SHORT):
            raise _GivenUp
        await self._setting.sleep(wait.total_seconds())

    def _extra(self, event: str = "past.waits") -> dict[str, str]:
        return {"event": event, "venue": self._exchange.venue}


def _page(history: History, reach: _Reach) -> timedelta:
    """The longest span that takes no more requests than the shortest: one page, where a venue has pages."""

    def asks(steps: int) -> int:
        return len(history.requests(reach.contract, reach.at - steps * history.step, reach.at - MILLISECOND))

    few, many = 1, max(1, -(-(reach.at - reach.goal) // history.step))
    least = asks(few)
    while few < many:
        middle = (few + many + 1) // 2
        few, many = (middle, many) if asks(middle) <= least else (few, middle - 1)
    return few * history.step
