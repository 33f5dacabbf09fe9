"""Past open interest from the venues that remember it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.domain.market import Instrument, OpenInterest
from bot.errors import SourceBlocked, SourceError, SourceThrottled
from bot.exchanges.spec import Exchange, History, Request
from bot.feeds.contact import Sleep, in_words, understand

log = logging.getLogger(__name__)

Fetch = Callable[[Request], Awaitable[bytes]]

AT_ONCE = 4
PATIENCE = timedelta(minutes=1)
"""A venue that asks for a longer pause than this ends its backfill."""


async def backfill(
    exchange: Exchange,
    fetch: Fetch,
    instruments: list[Instrument],
    since: datetime,
    until: datetime,
    *,
    now: datetime,
    sleep: Sleep = asyncio.sleep,
) -> list[OpenInterest]:
    """What the venue remembers from ``since`` to ``until`` (both included), oldest first, nothing twice.

    Never asks further back than the venue's reach before ``now``, which also stamps ``received``. An
    instrument that fails is reported in the log, left out whole and taken out of ``instruments``; a venue
    that blocks or asks for a long pause is left alone with what was got, and ``instruments`` emptied.
    Nothing is raised; a venue without history gives ``[]``.
    """
    history = exchange.history
    if history is None:
        return []
    since = max(since, now - history.reach)
    todo = deque(instruments) if since < until else deque[Instrument]()
    found: list[OpenInterest] = []

    async def work() -> None:
        while todo:
            instrument = todo.popleft()
            try:
                past = await _one(history, fetch, instrument, since, until, now, sleep)
            except SourceError as fault:
                if isinstance(fault, SourceBlocked | SourceThrottled):
                    todo.clear()
                    instruments.clear()
                elif instrument in instruments:
                    instruments.remove(instrument)
                _report(exchange, instrument, fault)
            else:
                found.extend({told.at: told for told in past if since <= told.at <= until}.values())

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(todo))):
            group.create_task(work())
    return sorted(found, key=lambda told: (told.at, told.instrument.key))


async def _one(
    history: History,
    fetch: Fetch,
    instrument: Instrument,
    since: datetime,
    until: datetime,
    now: datetime,
    sleep: Sleep,
) -> list[OpenInterest]:
    past: list[OpenInterest] = []
    for request in history.requests(instrument, since, until):
        try:
            raw = await fetch(request)
        except SourceThrottled as slow:
            if slow.retry_after > PATIENCE:
                raise
            await sleep(slow.retry_after.total_seconds())
            raw = await fetch(request)
        past += understand(history.parse, raw, instrument, now)
    return past


def _report(exchange: Exchange, instrument: Instrument, fault: SourceError) -> None:
    extra = {"event": "backfill.skipped", "venue": exchange.venue, "symbol": instrument.symbol}
    log.warning(
        "%s has no history of %s: %s", exchange.venue, instrument.symbol, in_words(fault), extra=extra
    )
