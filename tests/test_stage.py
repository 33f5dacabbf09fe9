from __future__ import annotations

from datetime import timedelta

import pytest

from bot.simulator.playing import Play
from bot.simulator.scenario import named
from bot.stage import PLAY, told_to_the_end, wall
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
