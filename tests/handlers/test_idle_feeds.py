"""A feed that has none of the watched coins to tell of is no fault of its venue."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Completeness, Group, Venue
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.web.figures import exposition, freshness, source_samples
from tests.handlers.conftest import HERE
from tests.handlers.october import NOW, SeenVenues, source
from tests.handlers.test_cards import words

NOTHING = "none of the watched coins is told here"


class WithIdle(SeenVenues):
    """OKX's feed of futures has nothing to tell, and was never heard."""

    def sources(self) -> list[SourceHealth]:
        idle = source(
            "okx", "OKX", Group.OFFSHORE, "futures", SourceState.WAITING, NOTHING, Completeness.COMPLETE
        )
        return [*super().sources(), idle]


async def said(desk: Desk, line: str) -> str:
    return words(await answer(desk, Ask(HERE, "me"), line))


async def test_it_counts_nowhere_and_is_told_where_its_venue_is_asked_for(desk: Desk) -> None:
    before = [await said(desk, line) for line in ("/venues", "/status")]
    desk.health = WithIdle()
    assert [await said(desk, line) for line in ("/venues", "/status")] == before
    told = await said(desk, "/venues okx")
    assert "OKX: 1 of 1 feed fresh" in told
    assert f"OKX, futures: {NOTHING}" in told


async def test_one_that_was_not_asked_yet_does_count(desk: Desk) -> None:
    class NotYet(SeenVenues):
        def sources(self) -> list[SourceHealth]:
            return [*super().sources(), source("okx", "OKX", Group.OFFSHORE, "futures", SourceState.WAITING)]

    desk.health = NotYet()
    assert "OKX waiting" in await said(desk, "/venues")


def test_it_makes_no_venue_stale_and_raises_no_alarm() -> None:
    assert freshness(WithIdle().sources()) == freshness(SeenVenues().sources())
    figures = exposition(source_samples(WithIdle().sources(), NOW))
    assert 'washout_source_fresh{venue="okx",source="tickers"} 1' in figures
    assert 'washout_source_fresh{venue="okx",source="futures"}' not in figures


async def test_a_venue_that_is_not_asked_here_is_not_one_without_feeds(desk: Desk) -> None:
    desk.about = replace(desk.about, titles={Venue("mexc"): "MEXC"})
    assert 'I watch no venue "mexc"' in await said(desk, "/venues mexc")
