"""Who is told of a wave, and that a fall of the whole market is one message."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.posts import Destination, Measure, Subscription, Threshold
from bot.domain.waves import Kind, Lead, Magnitude, Stage, VenueChange, Wave
from bot.pipeline.route import TOGETHER, reaches, route, wants
from tests.handlers.october import ETH, NOW
from tests.handlers.october import wave as october

HERE, THERE = Destination("local", "here"), Destination("local", "there")
BTC_WAVE = october(Stage.BUILDING)
SMALLER = replace(
    BTC_WAVE,
    id="1b",
    asset=ETH,
    venues=tuple(VenueChange(v.venue, v.group, v.coins_before / 9, v.coins_now / 9) for v in BTC_WAVE.venues),
)


def subscribed(**changes: object) -> Subscription:
    fields: dict[str, object] = {
        "destination": HERE,
        "threshold": Threshold(Measure.W, 2.2),
        "created": NOW,
    }
    return Subscription(**{**fields, **changes})  # type: ignore[arg-type]


def chosen(wave: Wave, other: Wave, *told: Destination) -> set[Destination]:
    both = [subscribed(), subscribed(destination=THERE)]
    return route(wave, both, [other], {other.id: told})


@pytest.mark.parametrize(
    ("threshold", "reached"),
    [
        (Threshold(Measure.W, 4.7), True),
        (Threshold(Measure.W, 4.71), False),
        (Threshold(Measure.FALL, 0.119, timedelta(minutes=15)), True),
        (Threshold(Measure.FALL, 0.12, timedelta(minutes=15)), False),
        (Threshold(Measure.FALL, 0.119, timedelta(minutes=5)), False),
        (Threshold(Measure.FALL, 0.12, timedelta(hours=24)), True),
        (Threshold(Measure.FALL, 0.19), True),
        (Threshold(Measure.FALL, 0.2), False),
        (Threshold(Measure.USD, 8.4e9), True),
        (Threshold(Measure.USD, 8.5e9), False),
        (Threshold(Measure.COINS, 78_999), True),
        (Threshold(Measure.COINS, 79_001), False),
    ],
)
def test_a_wave_reaches_a_threshold_by_its_own_measure(threshold: Threshold, reached: bool) -> None:
    assert reaches(BTC_WAVE, threshold) is reached


def test_unknown_dollars_reach_no_threshold_in_dollars() -> None:
    assert not reaches(replace(BTC_WAVE, price_before_usd=None), Threshold(Measure.USD, 1.0))


@pytest.mark.parametrize(
    ("changes", "wave", "wanted"),
    [
        ({}, BTC_WAVE, True),
        ({"assets": frozenset({Asset("BTC")})}, BTC_WAVE, True),
        ({"assets": frozenset({ETH})}, BTC_WAVE, False),
        ({}, replace(BTC_WAVE, kind=Kind.UNWIND), False),
        ({"kinds": frozenset({Kind.UNWIND})}, replace(BTC_WAVE, kind=Kind.UNWIND), True),
        ({}, replace(BTC_WAVE, kind=Kind.UNPRICED), True),
        ({"native_only": True}, BTC_WAVE, True),
        ({"native_only": True}, replace(BTC_WAVE, lead=Lead.INSTITUTION), False),
    ],
)
def test_a_subscription_wants_its_coins_kinds_and_leads(
    changes: dict[str, object], wave: Wave, wanted: bool
) -> None:
    assert wants(subscribed(**changes), wave) is wanted


def test_who_was_told_of_the_larger_coin_is_not_told_of_the_smaller() -> None:
    assert chosen(SMALLER, BTC_WAVE, HERE) == {THERE}


def test_the_larger_coin_is_told_even_after_the_smaller() -> None:
    assert chosen(BTC_WAVE, SMALLER, HERE, THERE) == {HERE, THERE}


def test_a_far_rarer_wave_of_a_smaller_coin_is_told() -> None:
    rarer = replace(SMALLER, magnitude=Magnitude(BTC_WAVE.magnitude.w + 1.0, 5.0, 6.5))
    assert chosen(rarer, BTC_WAVE, HERE) == {HERE, THERE}


def test_a_wave_that_opens_much_later_is_a_fall_of_its_own() -> None:
    later = replace(SMALLER, opened=BTC_WAVE.opened + TOGETHER + timedelta(minutes=1))
    assert chosen(later, BTC_WAVE, HERE) == {HERE, THERE}
