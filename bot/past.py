"""The first look back: what venues remember, told to the judge as if it had been heard then.

A new installation so knows within a minute what is normal for each coin. Waves found in the past are kept
and listed; nobody is alerted of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import OpenInterest
from bot.errors import SourceError
from bot.feeds.backfill import backfill
from bot.feeds.book import ask_book, limited
from bot.feeds.contact import in_words
from bot.feeds.http import open_http
from bot.feeds.sources import VenueSource
from bot.pipeline.judge import Stepped, next_step
from bot.roles import Bench

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=14)
PATIENCE = timedelta(minutes=2)
"""Nothing is watched meanwhile: a venue slower than this is left out of the look back."""
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
    found = await asyncio.gather(*(_ask(venue, watched, until, speed) for venue in venues))
    told = sorted((said for venue in found for said in venue), key=lambda said: said.at)
    prices = _prices(told)
    due: datetime | None = None
    steps: list[Stepped] = []
    for said in told:
        if due is None:
            due = next_step(said.at, STEP)
        while said.at > due:
            steps.append(bench.judge.step(due))
            due += STEP
            if len(steps) >= AT_ONCE:
                await bench.past(steps)
                steps.clear()
        price = said.price
        if price is None:
            known = prices.get((said.instrument.asset, said.at))
            price = known * said.instrument.coins_per_base if known else None
        bench.hear(msgspec.structs.replace(said, price=price, received=said.at))
    if due is not None and due <= until:
        steps.append(bench.judge.step(due))
    await bench.past(steps)
    if told:
        await bench.keep()
    return len(told)


async def _ask(
    source: VenueSource, watched: frozenset[Asset] | None, until: datetime, speed: float
) -> list[OpenInterest]:
    exchange = source.exchange
    if exchange.history is None:
        return []
    try:
        async with open_http(exchange, base_url=source.base_url, speed=speed) as http:
            book = limited(await ask_book(exchange, http), watched)
            log.info(
                "asking %s for the last %d days",
                exchange.title,
                LOOK_BACK.days,
                extra={"event": "past.asked", "venue": exchange.venue},
            )
            async with asyncio.timeout(PATIENCE.total_seconds()):
                return await backfill(
                    exchange, http.fetch, book.values(), until - LOOK_BACK, until, now=until
                )
    except TimeoutError:
        log.warning(
            "%s takes too long over the past and is left out",
            exchange.title,
            extra={"event": "past.failed", "venue": exchange.venue},
        )
        return []
    except SourceError as fault:
        log.warning(
            "%s tells nothing of the past: %s",
            exchange.title,
            in_words(fault),
            extra={"event": "past.failed", "venue": exchange.venue},
        )
        return []


def _prices(told: Sequence[OpenInterest]) -> dict[tuple[Asset, datetime], Decimal]:
    """The median price of one coin at each stamp, from the venues whose history tells one."""
    each: dict[tuple[Asset, datetime], list[Decimal]] = defaultdict(list)
    for said in told:
        if said.price is not None:
            each[said.instrument.asset, said.at].append(said.price / said.instrument.coins_per_base)
    return {key: median(prices) for key, prices in each.items()}
