"""The first look back: what venues remember, told to the judge as if it had been heard then.

A new installation so knows within a minute what is normal for each coin. Waves found in the past are kept
and listed; nobody is alerted of them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Instrument, OpenInterest
from bot.errors import SourceError
from bot.exchanges.spec import Exchange
from bot.feeds.backfill import backfill
from bot.feeds.book import ask_book, limited
from bot.feeds.contact import in_words
from bot.feeds.http import VenueHttp, open_http
from bot.feeds.sources import VenueSource
from bot.pipeline.judge import Stepped, next_step
from bot.roles import Bench

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=14)
PIECE = timedelta(minutes=990)
"""Judged before the next is asked for, so that memory stays small: a page of Bybit's, two of OKX's."""
PATIENCE = timedelta(minutes=2)
"""Nothing is watched meanwhile: a venue slower than this is left out of the rest of the look back."""
STEP = timedelta(minutes=5)
"""What every venue with a memory offers."""
AT_ONCE = 24
"""Steps written down in one go; the event loop breathes in between."""


async def remember(
    bench: Bench,
    venues: Sequence[VenueSource],
    watched: frozenset[Asset] | None,
    *,
    until: datetime,
    speed: float = 1.0,
) -> int:
    """Ask every venue that has a memory, then judge it step by step; returns how many figures were told.

    A venue that cannot be asked is left out and named in the log; nothing is raised.
    """
    telling = _Telling(bench)
    async with AsyncExitStack() as lines:
        asked = await asyncio.gather(*(_open(venue, watched, speed, lines) for venue in venues))
        witnesses = [witness for witness in asked if witness is not None]
        begin = until - LOOK_BACK
        while begin < until:
            end = min(begin + PIECE, until)
            last = end if end == until else end - timedelta(milliseconds=1)
            await telling.tell(await _ask_all(witnesses, begin, last, until))
            begin = end
    await telling.end(until)
    return telling.told


async def _ask_all(
    witnesses: Sequence[_Witness], since: datetime, until: datetime, now: datetime
) -> list[OpenInterest]:
    found = await asyncio.gather(*(witness.ask(since, until, now=now) for witness in witnesses))
    return [said for piece in found for said in piece]


@dataclass(slots=True)
class _Telling:
    """Tells the judge what was found, piece by piece, and makes the steps in between."""

    bench: Bench
    told: int = 0
    _due: datetime | None = None
    _steps: list[Stepped] = field(default_factory=list)

    async def tell(self, found: list[OpenInterest]) -> None:
        found.sort(key=lambda said: said.at)
        prices = _prices(found)
        for said in found:
            await self._until(said.at)
            price = said.price
            if price is None:
                known = prices.get((said.instrument.asset, said.at))
                price = known * said.instrument.coins_per_base if known else None
            self.bench.hear(msgspec.structs.replace(said, price=price, received=said.at))
        self.told += len(found)

    async def _until(self, at: datetime) -> None:
        """Make the steps that are due before ``at``."""
        if self._due is None:
            self._due = next_step(at, STEP)
        while at > self._due:
            self._steps.append(self.bench.judge.step(self._due))
            self._due += STEP
            if len(self._steps) >= AT_ONCE:
                await self._write_down()

    async def _write_down(self) -> None:
        steps, self._steps = self._steps, []
        await self.bench.past(steps)

    async def end(self, until: datetime) -> None:
        if self._due is not None and self._due <= until:
            self._steps.append(self.bench.judge.step(self._due))
        await self._write_down()
        if self.told:
            await self.bench.keep()


@dataclass(slots=True)
class _Witness:
    """A venue that remembers. ``left_s`` is what is left of our patience with it."""

    exchange: Exchange
    http: VenueHttp
    instruments: list[Instrument]
    left_s: float = PATIENCE.total_seconds()

    async def ask(self, since: datetime, until: datetime, *, now: datetime) -> list[OpenInterest]:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self.left_s):
                return await backfill(self.exchange, self.http.fetch, self.instruments, since, until, now=now)
        except TimeoutError:
            self.instruments.clear()
            _log_fault(self.exchange, "takes too long over the past and is left out of the rest of it")
            return []
        finally:
            self.left_s -= time.monotonic() - begun


async def _open(
    source: VenueSource, watched: frozenset[Asset] | None, speed: float, lines: AsyncExitStack
) -> _Witness | None:
    """The venue with its contracts; ``None`` where it has no memory or cannot be asked."""
    exchange = source.exchange
    if exchange.history is None:
        return None
    http = await lines.enter_async_context(open_http(exchange, base_url=source.base_url, speed=speed))
    try:
        book = limited(await ask_book(exchange, http), watched)
    except SourceError as fault:
        _log_fault(exchange, f"tells nothing of the past: {in_words(fault)}")
        return None
    log.info(
        "asking %s for the last %d days",
        *(exchange.title, LOOK_BACK.days),
        extra={"event": "past.asked", "venue": exchange.venue},
    )
    return _Witness(exchange, http, list(book.values()))


def _log_fault(exchange: Exchange, what: str) -> None:
    extra = {"event": "past.failed", "venue": exchange.venue}
    log.warning("%s %s", exchange.title, what, extra=extra)


def _prices(told: Sequence[OpenInterest]) -> dict[tuple[Asset, datetime], Decimal]:
    """The median price of one coin at each stamp, from the venues whose history tells one."""
    each: dict[tuple[Asset, datetime], list[Decimal]] = defaultdict(list)
    for said in told:
        if said.price is not None:
            each[said.instrument.asset, said.at].append(said.price / said.instrument.coins_per_base)
    return {key: median(prices) for key, prices in each.items()}
