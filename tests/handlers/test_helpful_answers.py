"""What people say in passing: names in their own script, slips, and choices that are taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.cards import Card
from bot.domain.posts import Destination
from bot.domain.waves import Kind
from handlers.commands import Ask, answer
from handlers.desk import Desk
from storage.memory import MemoryStore
from tests.handlers.october import NOW, snapshot, wave

ASK = Ask(Destination("local", "page"), "you", "you")


def texts(card: Card) -> str:
    return "\n".join([card.title, *(line.text for line in card.lines)]).replace("**", "")


@pytest.mark.parametrize(
    ("said", "coin"), [("₿", "BTC"), ("биткоин", "BTC"), ("比特币", "BTC"), ("Эфир", "ETH")]
)
async def test_a_coin_is_known_by_the_name_people_have_for_it(desk: Desk, said: str, coin: str) -> None:
    assert (await answer(desk, ASK, f"/oi {said}")).title.startswith(f"{coin} open interest")


@pytest.mark.parametrize(
    ("typed", "works"),
    [
        ("/compare btc ehh", "/compare btc eth"),
        ("/compare nonsense btc eth", "/compare btc eth"),
        ("/compare eth", "/compare eth btc"),
        ("/compare", "/compare btc eth"),
        ("/wave", "/resets"),
        ("/resets since yesterday", "/resets 2020"),
        ("/leverage bct", "/leverage btc"),
        ("/resets zzz full", "/resets btc"),
    ],
)
async def test_what_is_proposed_can_be_answered(desk: Desk, typed: str, works: str) -> None:
    refused = await answer(desk, ASK, typed)
    assert [button.command for button in refused.buttons] == [works]
    assert f"`{works}`" in refused.lines[0].text
    assert (await answer(desk, ASK, works)).tone != refused.tone


async def test_whatever_cannot_be_read_is_answered_with_lines_that_work(desk: Desk) -> None:
    refused = await answer(desk, ASK, "/oi btc 24x")
    assert [button.command for button in refused.buttons] == ["/oi btc", "/oi btc 24h"]


async def test_a_choice_is_taken_back_in_the_words_that_made_it(desk: Desk) -> None:
    await answer(desk, ASK, "/subscribe all 3/week")
    changed = await answer(desk, ASK, "/subscribe all monthly")
    assert changed.buttons[0].command == "/subscribe all 3/week"
    await answer(desk, ASK, "/timezone UTC+2")
    moved = await answer(desk, ASK, "/timezone UTC-9")
    assert moved.buttons[0].command == "/timezone UTC+2"
    back = await answer(desk, ASK, moved.buttons[0].command)
    assert (await desk.settings(ASK.destination)).zone == "Etc/GMT-2"
    assert back.buttons[0].command == "/timezone UTC-9"


async def test_what_may_break_through_is_said_also_before_there_are_quiet_hours(desk: Desk) -> None:
    assert "break through" not in texts(await answer(desk, ASK, "/quiet off"))
    assert "waves of W 3.9 and more may break through" in texts(
        await answer(desk, ASK, "/quiet breakthrough on")
    )


async def test_before_anything_followed_no_median_is_explained(desk: Desk, store: MemoryStore) -> None:
    await store.waves.save(replace(wave(), id="9z", kind=Kind.SQUEEZE, onset=NOW, low_at=NOW, over_at=NOW))
    told = texts(await answer(desk, ASK, "/after 9z"))
    assert "What followed is not known of any of them yet, so no clear edge" in told
    assert "median" not in told


async def test_what_was_asked_for_longer_than_it_was_recorded_is_drawn_in_fine_steps(
    desk: Desk, store: MemoryStore
) -> None:
    await store.journal.snap(
        [snapshot(NOW - timedelta(hours=hours), fallen=0.0) for hours in range(14 * 24, 24, -1)]
    )
    card = await answer(desk, ASK, "/chart btc 3y price")
    assert card.picture is not None
    times = card.picture.chart.times  # type: ignore[union-attr]
    assert len(times) > 30
    assert times[-1] <= NOW + timedelta(days=1)


async def test_history_is_never_told_longer_than_it_is(desk: Desk) -> None:
    store = MemoryStore()
    young = [
        snapshot(NOW - timedelta(days=13, hours=20) + n * timedelta(hours=4), fallen=0.0) for n in range(83)
    ]
    await store.journal.snap([*young, snapshot(NOW, fallen=0.0)])
    young_desk = Desk(store, desk.health, desk.clock, desk.about, wall=desk.wall)
    assert "I have 13 days of BTC history" in texts(await answer(young_desk, ASK, "/oi btc"))
