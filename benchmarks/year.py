"""A year of many coins at twenty venues, as it is kept after roll-ups, for the benchmark of answers."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.store import forced
from bot.domain.assets import Asset
from bot.domain.market import Group, Snapshot, Venue, VenueOpenInterest
from bot.domain.statistics import Statistics, VenueStatistics
from bot.exchanges import EXCHANGES
from storage.sqlite import open_sqlite

NOW = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BTC = Asset("BTC")
DAYS, VENUES = 365, 20
LISTED = [(v, e.group) for v, e in EXCHANGES.items() if e.by_default and e.group is not Group.REPORT][:VENUES]
CHANCE = random.Random(20251010)
USUAL = (0.002, 0.004, 0.009, 0.02, 0.05)


def instants(fine: timedelta, coarse: Sequence[tuple[timedelta, timedelta]]) -> Iterator[datetime]:
    """Newest first: every ``fine``, and beyond each age only every so often, as thinning leaves them."""
    at = NOW
    while NOW - at < DAYS * DAY:
        yield at
        step = next((step for age, step in reversed(coarse) if NOW - at >= age), fine)
        at -= step


def walk(level: float, noise: float) -> Iterator[float]:
    while True:
        yield level
        level *= 1 + CHANCE.gauss(0, noise)


def snapshots() -> Iterator[Snapshot]:
    kept = instants(MINUTE, ((7 * DAY, 15 * MINUTE), (90 * DAY, HOUR)))
    for at, coins, price in zip(kept, walk(400_000, 5e-4), walk(1.2e5, 1e-3), strict=False):
        venues = tuple(
            VenueOpenInterest(
                Venue(venue), group, held, held * price, at - timedelta(milliseconds=CHANCE.randrange(60_000))
            )
            for venue, group in LISTED
            for held in [coins / VENUES * CHANCE.uniform(0.9, 1.1)]
        )
        total = sum(v.coins for v in venues)
        index = (coins - 400_000) / 400_000
        yield Snapshot(BTC, at, total, total * price, price, 0.98, index, venues, funding=0.1)


def statistics() -> Iterator[Statistics]:
    """Half of the venues have contracts margined in the coin, a third dated ones, four tell accounts."""
    kept = instants(5 * MINUTE, ((7 * DAY, HOUR),))
    for at, coins, price in zip(kept, walk(400_000, 5e-4), walk(1.2e5, 1e-3), strict=False):
        yield Statistics(BTC, at, tuple(_venues(coins, price)), 19.93e6, at - HOUR, USUAL)


def _venues(coins: float, price: float) -> Iterator[VenueStatistics]:
    for place, (venue, _group) in enumerate(LISTED):
        held = coins / VENUES * CHANCE.uniform(0.9, 1.1)
        dated = place % 3 == 0
        yield VenueStatistics(
            Venue(venue),
            held,
            held * 0.3 * CHANCE.random() if place % 2 else 0.0,
            held * price,
            CHANCE.gauss(0.1, 0.1),
            held * 0.9 if dated else held,
            8.0,
            held * price * CHANCE.uniform(0.5, 2.0),
            CHANCE.gauss(0.05, 0.02) if dated else None,
            held * 0.1 if dated else 0.0,
            CHANCE.uniform(0.8, 2.2) if place < 4 else None,
        )


async def fill(path: Path, coins: int) -> None:
    """One coin through the store's own doors, as it would be told, and trimmed; the others are copies."""
    async with open_sqlite(path) as store:
        told = snapshots()
        while part := list(itertools.islice(told, 5_000)):
            await store.journal.snap(part)
        figures = statistics()
        while some := list(itertools.islice(figures, 5_000)):
            await store.statistics.record(some)
        await store.journal.hear(forced())
        await store.journal.trim(NOW)
        await store.statistics.trim(NOW)
    copy(path, coins)


def copy(path: Path, coins: int) -> None:
    """All of the first coin for every other, but of its liquidations less for smaller ones."""
    conn = sqlite3.connect(path)
    hours = [int((NOW - n * HOUR).timestamp()) // 3600 * 3_600_000_000 for n in range(30 * 24, DAYS * 24)]
    conn.executemany("insert into liquidation_sums values ('BTC', ?, 1e5, 1e5, 9)", [(at,) for at in hours])
    tables = ("snapshots", "snapshot_details", "statistics", "statistic_details", "liquidations", "assets")
    for number in range(1, coins):
        for table in (*tables, "liquidation_sums"):
            columns = [row[1] for row in conn.execute(f"pragma table_info({table})")]
            rest = ", ".join(columns[1:])
            some = f" and abs(random()) % {1 + number} < 5" if table == "liquidations" else ""
            conn.execute(
                f"insert into {table} select ?, {rest} from {table} where asset = 'BTC'{some}",
                [f"C{number:02}"],
            )
        conn.commit()
    conn.execute("pragma wal_checkpoint(truncate)")
    conn.close()
