"""Who hears of a wave: thresholds, coins, kinds and leads; and of a market-wide fall the largest coin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.posts import Destination, Measure, Threshold, Wish
from bot.domain.waves import Kind, Lead, Magnitude, Wave
from bot.pipeline.route import MORE_TELLING, TOGETHER, listeners, outshone_by, wants
from tests.storage.samples import BTC, ETH, HOUR, subscription, wave

# 25,000 of 130,000 coins closed at $122,000 → $107,000: 19.2 %, $2.9 B of positions, W 4.1.
WAVE = wave()


@pytest.mark.parametrize(
    ("threshold", "told"),
    [
        (Threshold(Measure.W, 4.1), True),
        (Threshold(Measure.W, 4.2), False),
        (Threshold(Measure.FALL, 0.19), True),
        (Threshold(Measure.FALL, 0.2), False),
        (Threshold(Measure.FALL, 0.12, HOUR), True),
        (Threshold(Measure.FALL, 0.19, HOUR), False),
        (Threshold(Measure.FALL, 0.19, 4 * HOUR), True),
        (Threshold(Measure.USD, 2.6e9), True),
        (Threshold(Measure.USD, 3.1e9), False),
        (Threshold(Measure.COINS, 25_000), True),
        (Threshold(Measure.COINS, 25_001), False),
    ],
)
def test_a_wave_is_told_from_the_threshold_on(threshold: Threshold, told: bool) -> None:
    wish = replace(subscription(), threshold=threshold).wish
    assert wants(wish, WAVE) is told
    assert bool(listeners(WAVE, {wish: {Destination("x", "1")}})) is told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"assets": frozenset({ETH, BTC})}, True),
        ({"assets": frozenset({ETH})}, False),
        ({"kinds": frozenset({Kind.SQUEEZE})}, False),
        ({"native_only": True}, True),
    ],
)
def test_a_wish_is_about_some_coins_kinds_and_leads(change: dict[str, object], told: bool) -> None:
    assert wants(replace(subscription(), **change).wish, WAVE) is told


def test_waves_that_institutions_led_are_left_out_where_a_chat_wants_native_ones() -> None:
    assert not wants(replace(subscription(), native_only=True).wish, replace(WAVE, lead=Lead.INSTITUTION))


def test_a_fall_whose_price_is_unknown_is_told_whatever_kinds_were_chosen() -> None:
    assert wants(subscription().wish, replace(WAVE, kind=Kind.UNPRICED))


def test_a_chat_with_several_wishes_hears_of_a_wave_once() -> None:
    one, two, three = (Destination("x", str(n)) for n in range(3))
    wishes: dict[Wish, set[Destination]] = {
        subscription().wish: {one, two},
        subscription(assets=frozenset({BTC})).wish: {two, three},
        subscription(assets=frozenset({ETH})).wish: {Destination("x", "9")},
    }
    assert listeners(WAVE, wishes) == {one, two, three}


def smaller(**change: object) -> Wave:
    venues = tuple(replace(venue, coins_now=venue.coins_now + 10_000) for venue in WAVE.venues)
    return replace(WAVE, id="2b", asset=ETH, venues=venues, **change)


def test_of_a_fall_of_the_whole_market_the_largest_coin_is_told() -> None:
    assert outshone_by(smaller(), [WAVE]) == ["1a"]
    assert outshone_by(WAVE, [smaller()]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"opened": WAVE.opened + TOGETHER + timedelta(seconds=1)},
        {"magnitude": Magnitude(WAVE.magnitude.w + MORE_TELLING, 4, 6)},
        {"asset": BTC},
    ],
    ids=["another hour", "far rarer", "the same coin"],
)
def test_a_wave_that_tells_something_else_is_not_outshone(change: dict[str, object]) -> None:
    assert outshone_by(replace(smaller(), **change), [WAVE]) == []
