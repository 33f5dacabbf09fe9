from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.cards import Tone
from bot.domain.posts import MONTHLY_W, WEEKLY_W, YEARLY_W, Measure, Threshold
from handlers.charts import svg
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.example import AT, example_picture, example_wave
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.test_cards import words
from tests.local import market_chart

ALONE = Ask(HERE, "12", "Ann")
GROUP = replace(ALONE, is_group=True)


async def test_a_group_is_told_in_four_lines_what_will_happen(desk: Desk) -> None:
    card = await answer(desk, GROUP, "/start")
    assert len(card.lines) == 4
    told = words(card)
    assert "I watch open interest on 7 venues" in told
    assert "one message per event that I keep correct" in told
    assert "How often may I speak here?" in told
    assert "Only administrators change this" in told
    assert [b.command for b in card.buttons] == [
        "/subscribe historic",
        "/subscribe big",
        "/subscribe notable",
    ]


async def test_a_person_alone_hears_nothing_of_administrators(desk: Desk) -> None:
    assert "dministrators" not in words(await answer(desk, ALONE, "/start"))


@pytest.mark.parametrize(("place", "w"), [(0, YEARLY_W), (1, MONTHLY_W), (2, WEEKLY_W)])
async def test_one_tap_subscribes(desk: Desk, store: MemoryStore, place: int, w: float) -> None:
    await answer(desk, GROUP, (await answer(desk, GROUP, "/start")).buttons[place].command)
    (kept,) = await store.subscriptions.of(HERE)
    assert (kept.assets, kept.threshold) == (None, Threshold(Measure.W, w))


@pytest.mark.parametrize(
    ("link", "coins", "w"),
    [
        ("btc-weekly", {"BTC"}, WEEKLY_W),
        ("all-monthly", None, MONTHLY_W),
        ("historic", None, YEARLY_W),
        ("btc_eth-monthly", {"BTC", "ETH"}, MONTHLY_W),
        ("eth-1-a-month", {"ETH"}, pytest.approx(2.86, abs=0.01)),
    ],
)
async def test_a_deep_link_subscribes_at_once(
    desk: Desk, store: MemoryStore, link: str, coins: set[str] | None, w: float
) -> None:
    card = await answer(desk, ALONE, f"/start {link}")
    (kept,) = await store.subscriptions.of(HERE)
    assert (kept.assets, kept.threshold.value) == (frozenset(coins) if coins else None, w)
    assert card.title.startswith("Subscribed: ")
    assert [change.who for change in await store.chats.changes(HERE)] == ["Ann (12)"]


@pytest.mark.parametrize("link", ["ref123", "x" * 64, "__", "-"])
async def test_a_link_that_asks_for_nothing_we_know_is_a_welcome(
    desk: Desk, store: MemoryStore, link: str
) -> None:
    card = await answer(desk, ALONE, f"/start {link}")
    assert (card.title, card.tone) == ("Washout", Tone.ANSWER)
    assert not await store.subscriptions.of(HERE)


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("bct-weekly", 'I know no coin "bct". Did you mean BTC?'),
        ("btc-5-percent", "needs a period: /subscribe btc 5% 1h"),
    ],
)
async def test_a_link_that_asks_for_what_cannot_be_says_why(
    desk: Desk, store: MemoryStore, link: str, why: str
) -> None:
    card = await answer(desk, ALONE, f"/start {link}")
    assert why in words(card)
    assert len(card.lines) == 4
    assert not await store.subscriptions.of(HERE)


async def test_a_link_works_before_anything_was_seen(desk: Desk) -> None:
    desk.store = MemoryStore()
    assert (await answer(desk, ALONE, "/start btc-weekly")).title.startswith("Subscribed: BTC")


async def test_a_chat_that_lets_the_bot_in_again_is_told_what_came_back(desk: Desk) -> None:
    await answer(desk, GROUP, "/subscribe btc weekly")
    told = words(await answer(desk, replace(GROUP, restored=1), "/start"))
    assert "I am back, and 1 subscription with me. On here: BTC · about weekly" in told


async def test_a_chat_that_is_met_again_is_told_what_it_gets(desk: Desk) -> None:
    await answer(desk, GROUP, "/subscribe btc weekly")
    assert "On here: BTC · about weekly" in words(await answer(desk, GROUP, "/start"))


async def test_the_example_has_the_reconstructions_shape_and_says_what_it_is(desk: Desk) -> None:
    picture = (await answer(desk, GROUP, "/start")).picture
    chart = market_chart(picture)
    assert picture is not None
    assert chart.title == "Example · BTC long flush: 79,000 BTC closed (−19.0 %) in 41 min"
    assert "Reconstruction of 10 October 2025" in chart.note
    assert picture.alt.startswith("Example · ")
    known = [value for value in chart.coins if value is not None]
    assert (max(known), min(known)) == (415_000, 336_000)
    assert sum(chart.long_usd) + sum(chart.short_usd) == pytest.approx(6.93e9, rel=0.001)
    assert "<svg" in svg(chart)


@pytest.mark.parametrize("stage", AT)
def test_the_examples_venues_add_up_to_its_picture(stage) -> None:  # type: ignore[no-untyped-def]
    wave, chart = example_wave(stage), market_chart(example_picture(stage))
    assert wave.coins_before == 415_000
    if stage != "early":  # no reading of open interest has come since the onset
        assert wave.coins_now == chart.coins[chart.times.index(wave.at)]
    assert wave.price_now_usd == chart.price_usd[chart.times.index(wave.at)]
