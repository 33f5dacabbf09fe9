"""What is read before anybody asks."""

from __future__ import annotations

from datetime import timedelta

from handlers.desk import Desk
from handlers.warm import warm
from storage.memory import MemoryStore
from tests.handlers.october import BTC, NOW, snapshot

DAY = timedelta(days=1)


async def test_a_coins_year_is_read_before_anybody_asks(store: MemoryStore, desk: Desk) -> None:
    await warm(desk)
    first = (await desk.latest(BTC)).at - 300 * DAY
    await store.journal.snap([snapshot(first, fallen=0.0)])
    points, _totals = await desk.days.of(BTC, NOW)
    assert points[0].at > first, "it was read before that came"


async def test_where_nothing_was_seen_there_is_nothing_to_read(desk: Desk) -> None:
    desk.store = MemoryStore()
    await warm(desk)
