"""``python -m benchmarks.store``: what storing a poll costs, and how fast ``/oi BTC 24h`` is answered."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlite_utils import Database

from bot.domain.assets import Asset
from bot.domain.market import (
    Group,
    Instrument,
    Liquidation,
    Position,
    Reading,
    Snapshot,
    Venue,
    VenueOpenInterest,
)
from bot.domain.units import Amount, Unit
from bot.ports import Journal
from storage.sqlite import SqliteStore, open_sqlite

POLLS, VENUES, SYMBOLS = 50, 30, 200
ASSETS, DAYS, QUESTIONS = 50, 90, 1_000
NOW = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BTC = Asset("BTC")
CHANCE = random.Random(20251010)


def poll(number: int, book: Sequence[Instrument]) -> list[Reading]:
    """One reading of every instrument; a venue's answer arrives as a whole, its stamps differ."""
    readings = []
    for place, instrument in enumerate(book):
        received = NOW + number * MINUTE + timedelta(milliseconds=137 * (place // SYMBOLS))
        at = received - timedelta(milliseconds=CHANCE.randrange(50, 4000))
        readings.append(Reading(instrument, CHANCE.uniform(1, 1e6), CHANCE.uniform(0.01, 1e5), at, received))
    return readings


def obvious(path: Path) -> Database:
    """The table one would write first, on a connection set up as ours is."""
    db = Database(path, execute_plugins=False)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = normal")
    columns = {
        "id": int,
        "received": str,
        "venue": str,
        "symbol": str,
        "asset": str,
        "coins": float,
        "price": float,
    }
    table = db.table("readings").create(columns, pk="id")
    table.create_index(["asset", "received"])
    table.create_index(["venue", "received"])
    return db


def insert_all(db: Database, readings: Sequence[Reading]) -> None:
    rows = (
        {
            "received": told.received.isoformat(),
            "venue": told.instrument.venue,
            "symbol": told.instrument.symbol,
            "asset": told.instrument.asset,
            "coins": told.coins,
            "price": told.price_usd,
        }
        for told in readings
    )
    with db.atomic():
        db.table("readings").insert_all(rows, pk="id")


async def polls(folder: Path) -> None:
    book = [
        Instrument(Venue(f"venue_{v:02}"), f"COIN{s:03}-USDT-PERP", Asset(f"COIN{s:03}"))
        for v in range(VENUES)
        for s in range(SYMBOLS)
    ]
    ours, theirs = folder / "ours.db", folder / "theirs.db"
    plain = obvious(theirs)
    spent: dict[str, list[float]] = {"ours": [], "insert_all": []}
    async with open_sqlite(ours) as store:
        for number in range(POLLS):
            readings = poll(number, book)
            began = time.perf_counter()
            await store.journal.record(readings)
            half = time.perf_counter()
            insert_all(plain, readings)
            spent["ours"].append(half - began)
            spent["insert_all"].append(time.perf_counter() - half)
    plain.close()
    ms = {name: 1e3 * sum(times) / POLLS for name, times in spent.items()}
    per_row = {p: p.stat().st_size / (POLLS * len(book)) for p in (ours, theirs)}
    print(f"(a) {POLLS} polls of {len(book):,} readings")
    print(f"    ours       {ms['ours']:7.1f} ms a poll  {per_row[ours]:6.1f} bytes a reading")
    print(f"    insert_all {ms['insert_all']:7.1f} ms a poll  {per_row[theirs]:6.1f} bytes a reading")
    print(f"    time  {ms['ours'] / ms['insert_all']:.2f} × (goal ≤ 0.60)")
    print(f"    bytes {per_row[ours] / per_row[theirs]:.2f} × (goal ≤ 0.75)")


def snapshots() -> list[Snapshot]:
    """A week by the minute; before that every five minutes, of which thinning keeps the same."""
    names = [f"venue_{n:02}" for n in range(20)]
    told = []
    coins = 400_000.0
    for minute in itertools.chain(range(7 * 1440), range(7 * 1440, DAYS * 1440, 5)):
        at = NOW - minute * MINUTE
        coins *= 1 + CHANCE.gauss(0, 1e-4)
        shares = [coins * CHANCE.uniform(0.04, 0.06) for _ in names]
        venues = tuple(
            VenueOpenInterest(Venue(name), Group.OFFSHORE, share, share * 1.2e5, at)
            for name, share in zip(names, shares, strict=True)
        )
        told.append(Snapshot(BTC, at, coins, coins * 1.2e5, 1.2e5, 0.98, -1e-7 * minute, venues))
    return told


def forced() -> list[Liquidation]:
    instrument = Instrument(Venue("venue_00"), "BTCUSDT", BTC)
    return [
        Liquidation(
            instrument,
            CHANCE.choice(list(Position)),
            Amount(Decimal(CHANCE.randrange(1, 900)) / 100, Unit.BASE),
            Decimal(120_000),
            NOW - CHANCE.random() * 30 * DAY,
            NOW,
            str(number),
        )
        for number in range(60_000)
    ]


async def fill(path: Path) -> None:
    """BTC through the store's own doors, told as it would be and trimmed; the other coins are copies."""
    async with open_sqlite(path) as store:
        told = snapshots()
        for first in range(0, len(told), 5_000):
            await store.journal.snap(told[first : first + 5_000])
        await store.journal.hear(forced())
        await store.journal.trim(NOW)
    conn = sqlite3.connect(path)
    for number in range(1, ASSETS):
        for table in ("snapshots", "snapshot_details", "liquidations", "assets"):
            columns = [row[1] for row in conn.execute(f"pragma table_info({table})")]
            rest = ", ".join(columns[1:])
            conn.execute(
                f"insert into {table} select ?, {rest} from {table} where asset = 'BTC'", [f"C{number}"]
            )
    conn.commit()
    conn.close()


async def answer(journal: Journal) -> None:
    """What ``/oi BTC 24h`` asks for."""
    before = NOW - DAY
    quarter = timedelta(minutes=15)
    assert await journal.snapshot(BTC, NOW) is not None
    assert await journal.snapshot(BTC, before) is not None
    assert len(await journal.series(BTC, before, NOW, quarter)) >= 96
    assert await journal.liquidated(BTC, before, NOW, quarter)


async def answers(store: SqliteStore, what: str) -> None:
    times = []
    for _ in range(QUESTIONS):
        began = time.perf_counter()
        await answer(store.journal)
        times.append(1e3 * (time.perf_counter() - began))
    times.sort()
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"    {what:<36} p50 {p50:5.1f} ms  p99 {p99:5.1f} ms  (goal p99 ≤ 20 ms)")


async def write_without_end(store: SqliteStore, every_s: float = 1.0) -> None:
    """A poll of 6,000 readings each so many seconds: in earnest they are a minute's."""
    book = [Instrument(Venue("venue"), f"S{n}", Asset(f"S{n}")) for n in range(6_000)]
    readings = poll(0, book)
    for number in itertools.count():
        await store.journal.record(
            [Reading(r.instrument, r.coins, r.price_usd, r.at, NOW + number * MINUTE) for r in readings]
        )
        await asyncio.sleep(every_s)


async def questions(folder: Path) -> None:
    path = folder / "history.db"
    await fill(path)
    size = path.stat().st_size / 1e6
    print(f"(b) storage behind /oi BTC 24h, {DAYS} days of {ASSETS} assets at 20 venues, {size:,.0f} MB")
    async with open_sqlite(path) as store:
        began = time.perf_counter()
        await answer(store.journal)
        print(f"    the first answer after opening       {1e3 * (time.perf_counter() - began):9.1f} ms")
        await answers(store, "nothing else going on")
        writing = asyncio.create_task(write_without_end(store))
        await answers(store, "while 6,000 readings a second arrive")
        writing.cancel()


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await polls(Path(folder))
        await questions(Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
