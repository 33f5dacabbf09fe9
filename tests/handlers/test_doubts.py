"""What may be wrong with a venue's figures in a way that is known."""

from __future__ import annotations

from msgspec import structs

from bot.domain.health import SourceHealth
from handlers.commands import Ask, answer
from handlers.desk import Desk
from tests.handlers.conftest import HERE
from tests.handlers.october import SeenVenues
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
