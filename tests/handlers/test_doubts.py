"""What may be wrong with a venue's figures in a way that is known."""

from __future__ import annotations

from datetime import timedelta

from msgspec import structs

from bot.domain.assets import Asset
from bot.domain.health import SourceHealth
from handlers.commands import Ask, answer
from handlers.desk import Desk
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.october import MINUTE, NOW, SeenVenues
from tests.handlers.test_cards import words


async def said(desk: Desk, line: str) -> str:
    return words(await answer(desk, Ask(HERE, "me"), line))


async def test_what_is_in_doubt_is_said_for_all_and_in_full_for_one_venue(desk: Desk) -> None:
    class Doubted(SeenVenues):
        def sources(self) -> list[SourceHealth]:
            doubts = ("open interest is probably counted on both sides",)
            return [
                structs.replace(s, doubts=doubts if s.venue == "bybit" else ()) for s in super().sources()
            ]

    assert "in doubt" not in await said(desk, "/venues")
    desk.health = Doubted()
    assert "In doubt in part: Bybit. /venues bybit says why" in await said(desk, "/venues")
    told = await said(desk, "/venues bybit")
    assert told.count("In doubt at Bybit: open interest is probably counted on both sides") == 1
    assert "In doubt" not in await said(desk, "/venues binance")


async def misreading(store: MemoryStore, venue: str, factor: float) -> None:
    """From now on a venue's coins are read so many times too large."""
    newest = await store.statistics.newest(Asset("BTC"))
    assert newest is not None
    venues = [
        structs.replace(v, coins=v.coins * factor, usd=v.usd and v.usd * factor) if v.venue == venue else v
        for v in newest.venues
    ]
    await store.statistics.record([structs.replace(newest, at=NOW + MINUTE, venues=tuple(venues))])


async def test_figures_that_do_not_fit_those_beside_them_are_told_wherever_they_count(
    desk: Desk, store: MemoryStore
) -> None:
    odd = "Bybit may be misread: $"
    for line in ("/venues", "/venues bybit", "/oi btc"):
        assert "misread" not in await said(desk, line)
    await misreading(store, "bybit", 1000.0)
    for line in ("/venues", "/venues bybit", "/oi btc"):
        told = await said(desk, line)
        assert told.count(odd) == 1
        assert " of open interest in BTC, but $" in told
    assert "misread" not in await said(desk, "/venues binance")
    assert "misread" not in await said(desk, "/oi eth")


async def test_old_statistics_say_nothing_of_now(desk: Desk, store: MemoryStore) -> None:
    await misreading(store, "bybit", 1000.0)
    desk.clock = lambda: NOW + timedelta(minutes=62)
    for line in ("/venues", "/oi btc"):
        assert "misread" not in await said(desk, line)
