"""``python -m benchmarks.postgres``: a poll stored against bare COPY, and a lane's posts claimed and shown.

On a PostgreSQL of its own from the wheel of the tests, without fsync: the work is compared, not the disk.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import asyncpg

from benchmarks.store import MINUTE, NOW, SYMBOLS, VENUES, poll
from bot.domain.assets import Asset
from bot.domain.market import Instrument, Venue
from bot.domain.posts import Destination, Post
from storage.postgres import Database, PostgresStore, open_postgres
from tests.postgres import Server, serve

POLLS = 30
POSTS = 3_000
AT_ONCE = 64
"""As ``bot.deliver``."""
TELEGRAM_S = 30
"""What Telegram accepts in a second."""
_BARE = (
    "create table bare (received timestamptz not null, market integer not null, lag bigint not null,"
    " coins double precision not null, price_usd double precision, new_beginning boolean not null,"
    " primary key (received, market))"
)


async def polls(store: PostgresStore, database: Database) -> None:
    """Both into a table with the same key, in turns, each poll of its own minute."""
    book = [
        Instrument(Venue(f"venue_{v:02}"), f"COIN{s:03}-USDT-PERP", Asset(f"COIN{s:03}"))
        for v in range(VENUES)
        for s in range(SYMBOLS)
    ]
    db: Any = await asyncpg.connect(database.url)
    await db.execute(_BARE)
    places = {id(instrument): place for place, instrument in enumerate(book)}
    spent: dict[str, list[float]] = {"ours": [], "copy": []}
    for number in range(POLLS + 1):
        readings = poll(number, book)
        rows = [
            (r.received, places[id(r.instrument)], 1_000, r.coins, r.price_usd, r.new_beginning)
            for r in readings
        ]
        began = time.perf_counter()
        await store.journal.record(readings)
        half = time.perf_counter()
        await db.copy_records_to_table("bare", records=rows)
        end = time.perf_counter()
        if number:  # the first one makes the partition and learns the contracts
            spent["ours"].append(half - began)
            spent["copy"].append(end - half)
    await db.close()
    print(f"(a) {POLLS} polls of {len(book):,} readings: the quickest, and the one in the middle")
    for name, times in spent.items():
        times.sort()
        print(f"    {name:<5} {1e3 * times[0]:7.1f} ms  {1e3 * times[len(times) // 2]:7.1f} ms a poll")
    # A busy machine makes each change from process to process dear, of which ours has some more.
    ours, bare = spent["ours"], spent["copy"]
    middle = ours[len(ours) // 2] / bare[len(bare) // 2]
    print(f"    time  {ours[0] / bare[0]:.2f} ×, in the middle {middle:.2f} × (goal ≤ 1.50)")


async def lane(store: PostgresStore) -> None:
    posts = store.posts
    await posts.want(
        "1a",
        [Destination("telegram", str(n)) for n in range(POSTS)],
        revision=1,
        loud=1,
        size=3.0,
        now=NOW,
    )

    async def settle(post: Post) -> None:
        await posts.shown(post, revision=1, message="1", loud=True, now=NOW, wall=NOW + MINUTE)

    began, shown = time.perf_counter(), 0
    while due := await posts.claim("telegram", NOW, timedelta(minutes=1), AT_ONCE):
        await asyncio.gather(*map(settle, due))
        shown += len(due)
    a_second = shown / (time.perf_counter() - began)
    print(f"(b) {shown:,} posts claimed {AT_ONCE} at a time and shown")
    print(f"    {a_second:,.0f} a second, {a_second / TELEGRAM_S:.1f} × what Telegram accepts (goal ≥ 10 ×)")


async def measure(server: Server) -> None:
    database = await server.database()
    async with open_postgres(database) as store:
        await polls(store, database)
        await lane(store)


def main() -> None:
    with serve() as server:
        asyncio.run(measure(server))


if __name__ == "__main__":
    main()
