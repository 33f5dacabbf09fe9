"""What the composition root tells the desk of the program around it."""

from __future__ import annotations

from bot.app_parts import desk_of
from bot.config import load
from bot.domain.posts import Destination
from bot.exchanges import EXCHANGES
from bot.health import Health
from bot.stage import Stage
from handlers.commands import Ask, answer
from storage.memory import MemoryStore
from tests.handlers.october import LOW, ONSET, snapshot


async def test_a_recorded_venue_is_named_as_people_do_before_anybody_has_asked_it() -> None:
    store = MemoryStore()
    await store.journal.snap([snapshot(ONSET, fallen=0.0), snapshot(LOW, fallen=1.0)])
    stage = Stage([], lambda: LOW, begin=lambda: None)
    desk = desk_of(load(None, EXCHANGES.values()), store, Health(stage.clock), stage)
    card = await answer(desk, Ask(Destination("local", "page")), "/oi btc 41m")
    assert "Binance USD-M" in str(card)
    assert "Usdm" not in str(card)
