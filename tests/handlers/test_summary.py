"""The one message for what a chat was spared, from the store through the desk."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from msgspec.structs import replace

from bot.domain.chats import ChatSettings, QuietHours, SettingsChange
from bot.domain.posts import Destination, summary_subject
from bot.domain.waves import Stage
from bot.health import Health
from handlers.desk import About, Desk
from storage.memory import MemoryStore
from tests.handlers.october import wave

NOW = datetime(2025, 10, 11, 8, 0, tzinfo=UTC)
CHAT = Destination("telegram", "-100200", "7")


@pytest.fixture
async def desk() -> Desk:
    desk = Desk(
        MemoryStore(),
        Health(lambda: NOW),
        lambda: NOW,
        About(version="1", started=NOW, banner="A reconstruction"),
        wall=lambda: NOW,
    )
    over = wave(Stage.OVER)
    for number in range(10):
        later = over.onset + timedelta(minutes=number)
        strength = replace(over.magnitude, w=2.0 + number / 10)
        await desk.store.waves.save(replace(over, id=f"w{number}", onset=later, magnitude=strength))
    await desk.store.waves.save(replace(over, id="back", stage=Stage.RETRACTED))
    return desk


async def test_a_summary_names_what_was_spared_on_the_chats_clock(desk: Desk) -> None:
    quiet = ChatSettings(destination=CHAT, zone="Europe/Berlin", quiet=QuietHours(time(23), time(7)))
    await desk.store.chats.choose(quiet, SettingsChange(destination=CHAT, at=NOW, who="ann", what="quiet"))
    shown = await desk.present(summary_subject(["w0", "w1", "back", "gone"]), CHAT)
    assert shown is not None
    assert not shown.over
    assert shown.w is None
    assert shown.card.title == "While you were quiet (23:00–07:00): 2 waves"
    assert shown.card.banner == "A reconstruction"
    first, second = (line.text for line in shown.card.lines)
    assert first.startswith("BTC flush W 2.0 at ")
    assert "CEST, −" in first
    assert second.endswith("of coins · `/wave w1`")


async def test_a_long_summary_names_the_rarest_and_counts_the_rest(desk: Desk) -> None:
    shown = await desk.present(summary_subject([f"w{n}" for n in range(10)]), CHAT)
    assert shown is not None
    assert shown.card.title == "While I could not speak here: 10 waves"
    texts = [line.text for line in shown.card.lines]
    assert ["W 2.2" in texts[0], texts[-1]] == [True, "and 2 smaller"]


async def test_there_is_no_summary_of_what_was_taken_back(desk: Desk) -> None:
    assert await desk.present(summary_subject(["back"]), CHAT) is None
    assert await desk.present("summary-", CHAT) is None
