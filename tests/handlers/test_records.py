"""Waves found in history, what was published, and how far back is known: as people are told."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from bot.domain.health import REMEMBERED, Remembered
from bot.domain.market import Venue
from bot.domain.waves import Stage
from bot.known import published
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.known_words import published_card
from handlers.past_words import history_line, how_far
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.october import NOW, ONSET, wave

ASK = Ask(HERE, person="you")


def texts(card: object) -> str:
    return str(card)


async def test_a_wave_from_history_is_marked_in_the_list_and_in_full(desk: Desk, store: MemoryStore) -> None:
    assert "from history" not in texts(await answer(desk, ASK, "/resets btc"))
    await store.waves.save(replace(wave(Stage.OVER), id="h-1", onset=ONSET - timedelta(days=5)))
    listed = await answer(desk, ASK, "/resets btc")
    assert "h-…: from history" in listed.footer
    assert listed.table is not None
    assert "h-1" in [row[-1] for row in listed.table.rows]
    assert "nobody was alerted of it" in texts(await answer(desk, ASK, "/wave h-1"))
    assert "nobody was alerted of it" not in texts(await answer(desk, ASK, "/wave 1a"))


async def test_the_last_message_says_where_the_day_stands_among_published_ones(desk: Desk) -> None:
    shown = await desk.present("1a", HERE)
    assert shown is not None
    line = shown.card.lines[2].text
    assert line.startswith("**Largest on record in dollars, second in coins** after 12 Mar 2020 (one day: −$")
    assert line.endswith(" BTC; 27 published since 2020)")
    assert line in texts(await answer(desk, ASK, "/wave 1a"))


async def test_a_wave_that_runs_is_not_ranked_among_records(desk: Desk, store: MemoryStore) -> None:
    await store.waves.save(replace(wave(Stage.BUILDING), id="2c"))
    shown = await desk.present("2c", HERE)
    assert shown is not None
    assert "on record" not in texts(shown.card)


@pytest.mark.parametrize("words", ["/resets since 2025", "/resets btc 2025", "/resets 2025"])
async def test_published_resets_are_listed_since_a_year_with_their_sources(desk: Desk, words: str) -> None:
    card = await answer(desk, ASK, words)
    found = [event for event in published(None, date(2025, 1, 1)) if event.day <= NOW.date()]
    assert "2026" not in texts(card), "what comes after the market's time is not known in it"
    assert "published resets" in card.title
    (october,) = [line.text for line in card.lines if line.text.startswith("**10 Oct 2025**")]
    assert "$70.0 B → $58.0 B (−17.1 %) and 560,000" in october
    assert "and 560,000 → 481,000 BTC (−14.1 %) over one day" in october
    assert "; good" in october
    assert len(card.lines) == min(12, len(found))


async def test_every_published_reset_can_be_told(desk: Desk) -> None:
    for year in range(2019, 2027):
        found = [event for event in published(None, date(year, 1, 1)) if event.day.year == year]
        card = published_card(found, date(year, 1, 1), None)
        for event, line in zip(found, card.lines, strict=False):
            assert event.name in line.text
            assert line.text.endswith(event.confidence)


async def test_where_nothing_was_published_that_is_said(desk: Desk) -> None:
    told = texts(await answer(desk, ASK, "/resets eth 2020"))
    assert "no published reset of ETH since 2020" in told


BYBIT = Remembered(venue=Venue("bybit"), title="Bybit", contracts=24, known_days=24 * 8.6, asked_days=24 * 14)
OKX = Remembered(
    venue=Venue("okx"), title="OKX", contracts=10, known_days=50, asked_days=50, over=True, skipped=2
)


def test_the_progress_of_a_venue_is_said_in_days() -> None:
    assert how_far(BYBIT) == "Bybit 61 %, 8 of 14 days"
    assert how_far(replace(BYBIT, why="rate limit: slow (wait 9 s)")).endswith(
        "(rate limit: slow (wait 9 s))"
    )
    waits = Remembered(venue=Venue("gate"), title="Gate", why="no answer: HTTP 503")
    assert how_far(waits) == "Gate not asked yet (no answer: HTTP 503)"
    assert how_far(replace(waits, over=True)) == "Gate left out (no answer: HTTP 503)"


def test_the_history_is_told_until_it_is_known() -> None:
    assert history_line([]) == ""
    assert history_line([BYBIT, OKX]) == "History: Bybit 61 %, 8 of 14 days; 1 of 2 venues known"
    assert history_line([OKX]) == "History: known, from 1 venue; 2 contracts could not be read"


async def test_status_tells_how_far_the_history_is(desk: Desk, store: MemoryStore) -> None:
    assert "History" not in texts(await answer(desk, ASK, "/status"))
    await store.journal.keep(REMEMBERED, msgspec.msgpack.encode([BYBIT, OKX]))
    assert "Bybit 61 %, 8 of 14 days" in texts(await answer(desk, ASK, "/status"))
