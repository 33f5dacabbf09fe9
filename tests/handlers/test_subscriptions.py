"""What a chat gets, as people change it: /subscribe, /unsubscribe, /threshold and /alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.assets import Asset
from bot.domain.posts import Destination, Measure, Threshold, Wish
from handlers.commands import answer
from handlers.desk import Desk
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.october import NOW, wave
from tests.handlers.test_cards import words
from tests.handlers.test_commands import ASK, said, tell


async def test_a_subscription_is_kept_and_listed(desk: Desk, store: MemoryStore) -> None:
    told = await said(desk, "/subscribe btc eth 3/week")
    assert "Subscribed: BTC, ETH · about 3 a week" in told
    assert "Of 3 waves recorded since 25 Sep it would have told 2" in told
    (kept,) = await store.subscriptions.of(HERE)
    assert kept.assets == frozenset({Asset("BTC"), Asset("ETH")})
    assert "1 · BTC, ETH · about 3 a week" in await said(desk, "/alerts")


async def test_alerts_tells_of_each_subscription_when_it_was_last_told(
    desk: Desk, store: MemoryStore
) -> None:
    for line in ("/subscribe btc weekly", "/subscribe eth weekly"):
        await answer(desk, ASK, line)
    await tell(store, "19", Destination(HERE.platform, HERE.chat, "5"))
    assert (await said(desk, "/alerts")).count("nothing told in 30 days") == 2
    await tell(store, "1a", HERE)
    told = await said(desk, "/alerts")
    assert "1 · BTC · about weekly (W 2.2 and more) · last told 23:50 UTC, /wave 1a" in told
    assert "2 · ETH · about weekly (W 2.2 and more) · nothing told in 30 days" in told


async def test_many_revisions_of_one_wave_hide_no_other(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, ASK, "/subscribe btc W 2")
    await answer(desk, ASK, "/subscribe eth W 2")
    await store.waves.save(wave(id="2e", asset=Asset("ETH")))
    await tell(store, "2e", HERE, last=NOW - timedelta(hours=2))
    await tell(store, "1a", HERE, revisions=60)
    assert "last told 21:50 UTC, /wave 2e" in await said(desk, "/alerts")


async def test_a_subscription_that_replaces_another_says_so_and_can_be_undone(
    desk: Desk, store: MemoryStore
) -> None:
    await answer(desk, ASK, "/subscribe btc eth 5% 1h native")
    before = await store.subscriptions.of(HERE)
    card = await answer(desk, ASK, "/subscribe eth btc monthly")
    assert "In place of: −5.0 % or more within 1 h · institution-led left out" in words(card)
    assert card.buttons[0].label == "Undo"
    await answer(desk, ASK, card.buttons[0].command)
    assert [s.wish for s in await store.subscriptions.of(HERE)] == [s.wish for s in before]


@pytest.mark.parametrize("choice", ["btc eth $800m", "all 3/week native", "6000 btc"])
async def test_ending_a_subscription_can_be_undone(desk: Desk, store: MemoryStore, choice: str) -> None:
    await answer(desk, ASK, f"/subscribe {choice}")
    (before,) = await store.subscriptions.of(HERE)
    ended = await answer(desk, ASK, f"/unsubscribe {before.id}")
    assert not await store.subscriptions.of(HERE)
    await answer(desk, ASK, ended.buttons[0].command)
    assert [s.wish for s in await store.subscriptions.of(HERE)] == [before.wish]


async def wishes(store: MemoryStore) -> set[Wish]:
    return {subscription.wish for subscription in await store.subscriptions.of(HERE)}


@pytest.mark.parametrize("ended", ["all", "btc"])
async def test_undo_brings_back_all_that_ended_together_and_nothing_else(
    desk: Desk, store: MemoryStore, ended: str
) -> None:
    for line in ("btc eth weekly", "btc 5% 1h native", "sol monthly"):
        await answer(desk, ASK, f"/subscribe {line}")
    before = await wishes(store)
    card = await answer(desk, ASK, f"/unsubscribe {ended}")
    assert await wishes(store) != before
    await answer(desk, ASK, "/subscribe hype weekly")
    meanwhile = {wish for wish in await wishes(store) if wish.assets == frozenset({Asset("HYPE")})}
    (undo,) = [button.command for button in card.buttons if button.label == "Undo"]
    for _ in range(2):  # a tap is easily made twice
        assert (await answer(desk, ASK, undo)).title == "Alerts are back as they were"
        assert await wishes(store) == before | meanwhile


async def test_what_ended_last_is_brought_back_by_name_and_only_where_it_ended(
    desk: Desk, store: MemoryStore
) -> None:
    await answer(desk, ASK, "/subscribe btc weekly")
    (subscription,) = await store.subscriptions.of(HERE)
    await answer(desk, ASK, "/unsubscribe all")
    elsewhere = replace(ASK, destination=Destination(HERE.platform, "another"))
    for line in ("/unsubscribe undo", f"/unsubscribe undo-{subscription.id}"):
        assert "There is nothing to bring back" in words(await answer(desk, elsewhere, line))
    await answer(desk, ASK, "/unsubscribe undo")
    assert await wishes(store) == {subscription.wish}


async def test_a_subscription_for_every_coin_is_changed_by_that_name(desk: Desk, store: MemoryStore) -> None:
    for line in ("/subscribe btc weekly", "/subscribe all weekly", "/threshold all monthly"):
        await answer(desk, ASK, line)
    assert [s.threshold.value for s in await store.subscriptions.of(HERE)] == [2.2, 2.9]


async def test_a_threshold_says_what_it_would_have_told_before_and_now(
    desk: Desk, store: MemoryStore
) -> None:
    await answer(desk, ASK, "/subscribe all weekly")
    card = await answer(desk, ASK, "/threshold monthly")
    assert "Before: about weekly (W 2.2 and more)" in words(card)
    assert "Of 3 recorded waves: before 2, now 1" in words(card)
    assert card.table is not None
    assert [row[-1] for row in card.table.rows] == ["both", "before"]
    (kept,) = await store.subscriptions.of(HERE)
    assert kept.threshold == Threshold(Measure.W, 2.9)


async def test_undo_brings_the_old_threshold_back(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, ASK, "/subscribe btc 5% 1h")
    (before,) = await store.subscriptions.of(HERE)
    changed = await answer(desk, ASK, "/threshold 6000 btc")
    await answer(desk, ASK, changed.buttons[0].command)
    assert list(await store.subscriptions.of(HERE)) == [before]


async def test_trying_a_threshold_changes_nothing(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, ASK, "/subscribe")
    before = await store.subscriptions.of(HERE)
    card = await answer(desk, ASK, "/threshold try $800m")
    assert card.footer == "nothing is changed yet"
    assert await store.subscriptions.of(HERE) == before
    await answer(desk, ASK, card.buttons[0].command)
    assert (await store.subscriptions.of(HERE))[0].threshold == Threshold(Measure.USD, 8e8)


async def test_unsubscribing_from_one_coin_keeps_the_others(desk: Desk, store: MemoryStore) -> None:
    await answer(desk, ASK, "/subscribe btc eth weekly")
    assert "Still on: 2 · ETH" in await said(desk, "/unsubscribe btc")
    (kept,) = await store.subscriptions.of(HERE)
    assert kept.assets == frozenset({Asset("ETH")})


@pytest.mark.parametrize(
    "line", ["/unsubscribe", "/unsubscribe all", "/unsubscribe everything", "/unsubscribe 1"]
)
async def test_the_only_subscription_can_be_ended(desk: Desk, store: MemoryStore, line: str) -> None:
    await answer(desk, ASK, "/subscribe")
    await answer(desk, ASK, line)
    assert not await store.subscriptions.of(HERE)
