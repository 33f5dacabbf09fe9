from __future__ import annotations

import random
from collections.abc import Callable, Collection

import pytest

from bot.feeds.deaf import SLOT, Advice, Ears, Suspicion
from tests.feeds.acme import START

FEEDS = ("a", "b", "c", "d")
Slot = Callable[[int], Collection[str]]


def play(ears: Ears, slots: int, told: Slot, first: int = 0) -> list[tuple[int, Suspicion]]:
    return [
        (n, one) for n in range(first, first + slots) for one in ears.slot(START + n * SLOT, told(n), FEEDS)
    ]


def all_busy(n: int) -> Collection[str]:
    return FEEDS


def without(feed: str) -> Slot:
    return lambda n: [name for name in FEEDS if name != feed]


def test_a_night_in_which_nobody_tells_anything_is_calm() -> None:
    ears = Ears()
    play(ears, 100, all_busy)
    assert play(ears, 10_000, lambda n: (), first=100) == []


def test_silence_while_the_others_are_busy_is_first_renewed_and_then_reported_once() -> None:
    ears = Ears()
    play(ears, 100, all_busy)
    raised = play(ears, 1000, without("b"), first=100)
    assert [(one.feed, one.advice) for _, one in raised] == [("b", Advice.RENEW), ("b", Advice.REPORT)]
    assert "told nothing since 21:16 UTC while 3 other feeds were busy" in raised[1][1].why
    assert raised[1][1].why.endswith("also on a new line")
    (renewed, _), (reported, _) = raised
    assert reported - renewed > 5  # the new line had its time


def test_the_more_a_feed_usually_tells_the_sooner_its_silence_is_noticed() -> None:
    def first_doubt(every: int) -> int:
        ears = Ears()
        play(ears, 2000, lambda n: FEEDS if n % every == 0 else ("a", "c", "d"))
        return play(ears, 5000, without("b"), first=2000)[0][0] - 2000

    often, seldom, rarely = first_doubt(1), first_doubt(5), first_doubt(25)
    assert often < 15
    assert 4 < seldom / often < 8
    assert 3 < rarely / seldom < 8


def test_silence_is_measured_by_what_the_others_tell_not_by_the_clock() -> None:
    def first_doubt(busy: float) -> int:
        ears, chance = Ears(), random.Random(1)  # noqa: S311
        play(ears, 2000, lambda n: FEEDS if chance.random() < busy else ())
        return play(ears, 20_000, lambda n: ("a", "c", "d") if chance.random() < busy else ())[0][0]

    assert 5 < first_doubt(0.1) / first_doubt(1.0) < 20


def test_a_feed_that_never_told_anything_is_found_out() -> None:
    """Binance's old path connects and stays silent (venues.md §0)."""
    raised = play(Ears(), 1000, without("b"))
    assert [one.advice for _, one in raised] == [Advice.RENEW, Advice.REPORT]
    assert "has never told anything since 21:00 UTC" in raised[0][1].why
    assert raised[0][0] > 60  # not before an average peer told something in as many slots


def test_what_was_told_before_anybody_else_spoke_says_nothing_of_a_silence_later() -> None:
    ears = Ears()
    assert play(ears, 50, lambda n: "a") == []
    assert play(ears, 10, lambda n: "a" if n % 2 else "b", first=50) == []


def test_a_feed_that_speaks_again_is_believed_and_may_be_doubted_anew() -> None:
    ears = Ears()
    play(ears, 100, all_busy)
    assert len(play(ears, 200, without("b"), first=100)) == 2
    assert play(ears, 50, all_busy, first=300) == []
    assert [one.advice for _, one in play(ears, 300, without("b"), first=350)] == [
        Advice.RENEW,
        Advice.REPORT,
    ]


def test_who_is_not_connected_is_not_deaf() -> None:
    ears = Ears()
    play(ears, 100, all_busy)
    assert not [one for n in range(500) for one in ears.slot(START + n * SLOT, "acd", "acd")]


def test_alone_nobody_can_be_called_deaf() -> None:
    ears = Ears()
    for n in range(100):
        ears.slot(START + n * SLOT, "a", "a")
    assert not [one for n in range(10_000) for one in ears.slot(START + n * SLOT, (), "a")]


@pytest.mark.parametrize("seed", range(5))
def test_honest_feeds_in_a_bursty_market_are_not_reported(seed: int) -> None:
    """Each tells in a share of the slots in which the market is busy; a day of slots."""
    chance = random.Random(seed)  # noqa: S311
    shares = {"a": 0.9, "b": 0.5, "c": 0.1, "d": 0.02}

    def told(n: int) -> Collection[str]:
        if chance.random() > 0.3:
            return ()
        return [feed for feed, share in shares.items() if chance.random() < share]

    raised = play(Ears(), 8640, told)
    assert [one for _, one in raised if one.advice is Advice.REPORT and one.feed != "d"] == []
    assert len(raised) <= 4
