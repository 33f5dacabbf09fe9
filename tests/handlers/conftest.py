from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.market import Position
from bot.domain.posts import Destination
from bot.domain.waves import Kind, Magnitude, Stage
from handlers.desk import About, Desk
from storage.memory import MemoryStore
from tests.handlers.october import (
    BANNER,
    BTC,
    CME_AFTER,
    CME_BEFORE,
    ETH,
    LOW,
    MINUTE,
    NOW,
    ONSET,
    SeenVenues,
    liquidation,
    snapshots,
    statistics,
    wave,
)

HERE = Destination("local", "main")


@pytest.fixture
async def store() -> MemoryStore:
    """Sixteen quiet days, the fall of 10 October, and three waves recorded."""
    store = MemoryStore()
    await store.journal.snap(
        snapshots(NOW - timedelta(days=16), NOW - timedelta(hours=25), timedelta(hours=1))
    )
    await store.journal.snap(snapshots(NOW - timedelta(hours=25), NOW, MINUTE))
    await store.journal.snap(snapshots(NOW - timedelta(days=3), NOW, timedelta(minutes=15), asset=ETH))
    for asset in (BTC, ETH):
        days = statistics(NOW - timedelta(days=16), NOW - MINUTE, timedelta(hours=6), asset=asset)
        await store.statistics.record([*days, *statistics(NOW, NOW, MINUTE, asset=asset)])
    await store.journal.report([CME_BEFORE, CME_AFTER])
    worst = ONSET + 25 * MINUTE
    await store.journal.hear(
        [liquidation(worst, 2.7e9), liquidation(worst, 0.51e9, Position.SHORT, "2"), liquidation(LOW, 1e8)]
    )
    await store.waves.save(wave(Stage.OVER))
    earlier = replace(
        wave(Stage.OVER),
        id="19",
        onset=ONSET - timedelta(days=15),
        over_at=LOW - timedelta(days=15),
        magnitude=Magnitude(2.8, 2.5, 3.1),
        rank=None,
        reports=(),
    )
    await store.waves.save(earlier)
    await store.waves.save(replace(earlier, id="1b", kind=Kind.UNWIND, magnitude=Magnitude(2.3, 2.0, 2.6)))
    return store


@pytest.fixture
def desk(store: MemoryStore) -> Desk:
    about = About(version="0.2.0", started=ONSET - timedelta(minutes=10), banner=BANNER)
    return Desk(store, SeenVenues(), lambda: NOW, about, wall=lambda: NOW)
