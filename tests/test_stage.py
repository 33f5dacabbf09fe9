from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.config import VenueSettings
from bot.domain.market import Venue
from bot.exchanges import EXCHANGES
from bot.feeds.http import open_http
from bot.platforms import Token
from bot.simulator.playing import Play
from bot.simulator.scenario import named
from bot.stage import PLAY, keyed, told_to_the_end, wall
from storage.memory import MemoryStore

NAME = "october-2025"
SCRIPT = named(NAME).script


@pytest.mark.parametrize(("minutes_left", "ended"), [(1, False), (-1, True)])
async def test_a_play_has_ended_once_its_clock_is_past_its_end(minutes_left: int, ended: bool) -> None:
    store = MemoryStore()
    played = SCRIPT.plays_until - SCRIPT.plays_from - timedelta(minutes=minutes_left)
    play = Play(NAME, SCRIPT.plays_from, 60.0, wall() - played / 60.0)
    await store.journal.keep(PLAY, play.dump())
    assert await told_to_the_end(NAME, store.journal) is ended


@pytest.mark.parametrize("kept", [None, b"not ours"])
async def test_a_play_that_never_began_has_not_ended(kept: bytes | None) -> None:
    store = MemoryStore()
    if kept is not None:
        await store.journal.keep(PLAY, kept)
    assert not await told_to_the_end(NAME, store.journal)


async def test_a_key_is_sent_in_its_header_and_stands_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    settings = VenueSettings(Venue("coinglass"), key=Token("NOT_THERE_API_KEY", tmp_path / "key"))
    plain = EXCHANGES[Venue("coinglass")]
    exchange = keyed(plain, settings)
    async with open_http(exchange) as http:
        assert http.session.headers["CG-API-KEY"] == "s3cret"
    assert "CG-API-KEY" not in plain.headers
    assert not any("s3cret" in str(request) for request in exchange.book.requests())
    assert "s3cret" not in repr(settings)


def test_a_venue_without_a_key_is_as_it_was() -> None:
    plain = EXCHANGES[Venue("cme")]
    assert keyed(plain, VenueSettings(Venue("cme"))) == plain
