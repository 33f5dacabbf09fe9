"""What one judge has learnt another takes over as a prior; waves are ranked like with like."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.market import Group, Venue
from bot.domain.waves import Kind, Lead, Magnitude, Stage, VenueChange, Wave
from bot.pipeline.attribution import past_of, rank
from bot.pipeline.rarity import PRIOR_COIN_SCALE, History, Learned, Scales, learned_from
from tests.pipeline.market import BTC, START

DAYS = 27.0
WIDE = Learned(DAYS, (0.05,) * 5, (0.04,) * 5, DAYS * 24, events=2.0, excess=3.0)


def test_without_own_figures_a_scale_stands_between_the_prior_and_the_lesson() -> None:
    scales = Scales(before=WIDE)
    assert scales.coin_scale(0) == pytest.approx(0.05**0.9 * PRIOR_COIN_SCALE[0] ** 0.1)
    assert Scales().coin_scale(0) == PRIOR_COIN_SCALE[0]


def test_own_figures_outweigh_the_lesson_by_their_days() -> None:
    scales = Scales(before=WIDE)
    for _ in range(1000):
        scales.coins[0].add(0.001)
    scales.days = 30.0
    own, stands = scales.coins[0].value(), Scales(before=WIDE).coin_scale(0)
    assert scales.coin_scale(0) == pytest.approx((own * stands) ** 0.5)


def test_a_horizon_the_lesson_never_saw_is_left_to_the_prior() -> None:
    scales = Scales(before=replace(WIDE, coins=(0.0,) * 5))
    assert scales.coin_scale(0) == PRIOR_COIN_SCALE[0]


def test_a_lesson_of_quiet_days_makes_the_same_score_rarer() -> None:
    unlearnt = History().magnitude(4.0)
    quiet = History(before=replace(WIDE, hours=24 * 365.0, events=3.0, excess=1.0)).magnitude(4.0)
    assert quiet.w > unlearnt.w


def test_a_lesson_counts_as_if_its_hours_had_been_lived() -> None:
    lived, taught = History(hours=500.0, events=9.0, excess=12.0), History()
    taught.before = learned_from(Scales(), lived)
    assert taught.magnitude(3.0) == lived.magnitude(3.0)


def test_a_moment_still_in_progress_is_part_of_the_lesson() -> None:
    lived = History(hours=500.0, events=9.0, excess=12.0, peak=3.5)
    taught = learned_from(Scales(), lived)
    lived.close()
    assert (taught.events, taught.excess) == (lived.events, lived.excess)


def wave(**closed: float) -> Wave:
    """A finished wave in which each venue of a thousand coins closed so many."""
    venues = tuple(VenueChange(Venue(v), Group.OFFSHORE, 1000.0, 1000.0 - c) for v, c in closed.items())
    return Wave(
        id="1a",
        asset=BTC,
        kind=Kind.FLUSH,
        stage=Stage.OVER,
        revision=1,
        loud=1,
        onset=START,
        opened=START,
        at=START,
        low_at=START,
        horizon=timedelta(hours=1),
        depths=(),
        venues=venues,
        price_before_usd=100.0,
        price_now_usd=50.0,
        magnitude=Magnitude(3.0, 2.5, 3.5),
        coverage=1.0,
        lead=Lead.NATIVE,
    )


def places(now: Wave, *earlier: Wave) -> tuple[int, int, int | None]:
    found = rank(now, [past_of(one) for one in earlier], START)
    return found.of, found.coins_place, found.usd_place


def test_waves_of_the_same_venues_are_ranked_by_all_of_them() -> None:
    assert places(wave(okx=200, bybit=100), wave(okx=150, bybit=160), wave(okx=10, bybit=10)) == (3, 2, 2)


def test_a_venue_that_joined_later_makes_no_wave_larger() -> None:
    """Over the venues both were seen on the earlier one is the larger, though in all it has fewer coins."""
    assert places(wave(okx=200, gate=180), wave(okx=250)) == (2, 2, 2)


def test_waves_of_other_venues_are_not_compared() -> None:
    assert places(wave(okx=200), wave(bybit=500)) == (1, 1, 1)
    assert places(wave(okx=200, gate=20), wave(bybit=500, gate=30)) == (1, 1, 1)


def test_what_an_older_release_kept_is_compared_whole() -> None:
    found = rank(wave(okx=200), [replace(past_of(wave(bybit=500)), venues={})], START)
    assert (found.of, found.coins_place) == (2, 2)


def test_dollars_are_those_of_the_shared_venues() -> None:
    """A wave at half the price closes half the dollars with the same coins."""
    dear = replace(wave(okx=190), price_now_usd=60.0)
    assert places(wave(okx=200, gate=150), dear) == (2, 1, 2)
