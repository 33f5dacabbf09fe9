"""A burst of liquidations opens a wave early; open interest confirms it or takes it back."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.market import Liquidation, Position
from bot.domain.waves import Kind, Stage, Wave
from bot.pipeline.memory import JudgeState
from bot.pipeline.route import weight_usd
from tests.pipeline.liquidations import FEEDS, SECOND, burst, chatter, forced, listening, live
from tests.pipeline.market import CALM, MINUTE, OPENING, Scene, frozen, outage, path

AT = 30 * 60
"""The second at which bursts begin."""
LARGE = 400e6
SCENE = Scene(price=path((29, 1.0), (34, 0.985)))
CRASH = Scene(positions=path((30, 1.0), (60, 0.85)), price=path((29, 1.0), (60, 0.92)))

Hear = Callable[[Scene, int, list[Liquidation]], list[Wave]]


@pytest.fixture
def hear(quiet_days: tuple[bytes, list[Wave]]) -> Hear:
    """Play a scene with liquidations after the quiet history."""

    def played(scene: Scene, minutes: int, heard: list[Liquidation]) -> list[Wave]:
        return live(listening(state_of(quiet_days)), scene, minutes, heard)

    return played


def state_of(quiet_days: tuple[bytes, list[Wave]]) -> JudgeState:
    return msgspec.msgpack.decode(quiet_days[0], type=JudgeState)


def early(waves: list[Wave]) -> list[Wave]:
    return [wave for wave in waves if wave.stage is Stage.EARLY]


def test_a_burst_opens_a_wave_at_the_liquidation_that_crosses_the_threshold(hear: Hear) -> None:
    told = hear(SCENE, 31, chatter(31) + burst(AT, LARGE))
    first = told[0]
    assert first.stage is Stage.EARLY
    assert (first.revision, first.loud) == (1, 1)
    # 0.2 % of 284,000 BTC at about $100,000 is $57 M: the fifth second of $13 M each.
    assert timedelta(seconds=3) <= first.at - (OPENING + AT * SECOND) <= timedelta(seconds=6)
    assert first.opened == first.at
    assert first.kind is Kind.FLUSH
    assert first.magnitude.w >= 1.9
    seen = first.burst
    assert seen is not None
    assert 55e6 < seen.usd < 75e6
    assert seen.multiple > 100
    assert seen.long_share > 0.9
    assert set(seen.venues) == set(FEEDS)
    assert first.liquidated_long_usd is not None
    assert first.liquidated_long_usd >= 55e6
    assert weight_usd(first) == seen.usd


def test_a_burst_that_grows_revises_the_early_wave_without_a_sound(hear: Hear) -> None:
    told = early(hear(SCENE, 31, chatter(31) + burst(AT, LARGE)))
    assert len(told) > 2
    assert {wave.loud for wave in told} == {1}
    for before, after in pairwise(told):
        assert after.magnitude.w > before.magnitude.w
        assert after.at > before.at
    assert told[-1].burst is not None
    assert told[-1].burst.usd > 0.75 * LARGE


def test_shorts_are_a_squeeze(hear: Hear) -> None:
    shorts = [msgspec.structs.replace(said, position=Position.SHORT) for said in burst(AT, LARGE)]
    first = hear(Scene(price=path((29, 1.0), (34, 1.02))), 31, chatter(31) + shorts)[0]
    assert first.kind is Kind.SQUEEZE
    assert first.flushed is Position.SHORT
    assert first.burst is not None
    assert first.burst.long_share < 0.1


def test_open_interest_confirms_a_burst_in_the_same_message(hear: Hear) -> None:
    told = hear(CRASH, 120, chatter(120) + burst(AT, LARGE))
    assert told[0].stage is Stage.EARLY
    assert {wave.id for wave in told} == {told[0].id}
    assert [wave.revision for wave in told] == list(range(1, len(told) + 1))
    assert {wave.loud for wave in told} == {1}, "who was told early is not rung again for being right"
    confirmed = next(wave for wave in told if wave.stage is Stage.BUILDING)
    assert confirmed.at - told[0].at <= 2 * MINUTE
    assert confirmed.coins_closed > 0
    assert confirmed.magnitude.w >= told[0].magnitude.w
    assert told[-1].stage is Stage.OVER
    assert told[-1].burst is not None


def test_a_burst_after_which_no_position_was_closed_is_taken_back_with_the_reason(hear: Hear) -> None:
    told = hear(SCENE, 120, chatter(120) + burst(AT, LARGE))
    last = told[-1]
    assert last.stage is Stage.RETRACTED
    assert last.loud == last.revision
    assert "no positions were closed" in last.reason
    assert timedelta(minutes=5) <= last.at - last.opened <= timedelta(minutes=7)
    assert {wave.id for wave in told} == {last.id}


def test_after_a_burst_was_taken_back_the_next_one_waits_or_is_far_rarer(hear: Hear) -> None:
    again = burst(AT + 20 * 60, LARGE)
    told = hear(SCENE, 120, chatter(120) + burst(AT, LARGE) + again)
    assert len({wave.id for wave in told}) == 1
    huge = burst(AT + 20 * 60, 12 * LARGE)
    assert len({wave.id for wave in hear(SCENE, 120, chatter(120) + burst(AT, LARGE) + huge)}) == 2


EVERYONE = ("binance_usdm", "binance_coinm", "bybit", "okx", "deribit", "hyperliquid", "coinbase_cde")


def unheard(until: float) -> Scene:
    return Scene(faults=tuple(outage(venue, 30, until) for venue in EVERYONE))


def test_without_fresh_open_interest_a_wave_stays_early_and_says_so(hear: Hear) -> None:
    told = hear(unheard(999), 90, chatter(90) + burst(AT, LARGE))
    assert {wave.stage for wave in told} == {Stage.EARLY}
    assert told[-1].coverage == 0
    assert {gone.venue for gone in told[-1].missing} == set(EVERYONE)


def test_a_burst_is_told_though_open_interest_has_just_fallen_silent(hear: Hear) -> None:
    silent = Scene(faults=tuple(outage(venue, 15, 999) for venue in EVERYONE))
    assert hear(silent, 33, chatter(33) + burst(AT, LARGE))[0].stage is Stage.EARLY
    long_ago = burst(AT + 60 * 60, LARGE)
    assert hear(silent, 93, chatter(93) + long_ago) == [], "who knows what is open by now"


def test_once_open_interest_is_back_an_early_wave_is_judged(hear: Hear) -> None:
    told = hear(unheard(60), 90, chatter(90) + burst(AT, LARGE))
    assert told[-1].stage is Stage.RETRACTED
    assert told[-1].at >= OPENING + 60 * MINUTE
    falls = path((30, 1.0), (35, 0.9))
    fallen = Scene(positions=falls, price=path((30, 1.0), (35, 0.95)), faults=unheard(60).faults)
    told = hear(fallen, 90, chatter(90) + burst(AT, LARGE))
    assert Stage.BUILDING in {wave.stage for wave in told}
    assert len({wave.id for wave in told}) == 1


def test_nobody_waits_for_open_interest_for_ever(hear: Hear) -> None:
    told = hear(unheard(9999), 8 * 60, chatter(60) + burst(AT, LARGE))
    assert told[-1].stage is Stage.RETRACTED
    assert "No fresh open interest" in told[-1].reason


def test_a_feed_that_joins_is_no_burst(hear: Hear) -> None:
    old, new = [v for v in FEEDS if v != "bybit"], "bybit"
    joined = burst(AT, 20 * LARGE, [new]) + burst(AT + 30, 20e6, old)
    assert hear(SCENE, 60, chatter(60, old) + joined) == []


def test_a_feed_counts_once_it_was_heard_for_ten_minutes(hear: Hear) -> None:
    assert hear(SCENE, 40, chatter(40, since=25) + burst(AT, LARGE)) == []
    assert hear(SCENE, 40, chatter(40, since=19) + burst(AT, LARGE)) != []


def test_history_told_again_at_a_reconnect_is_no_burst(hear: Hear) -> None:
    replayed = [
        forced(60 * n, 2e6, venue, late=AT + 60 * 20 - 60 * n, number=f"r{n}")
        for n in range(1, 300)
        for venue in FEEDS
        if AT + 60 * 20 - 60 * n > 60
    ]
    assert hear(SCENE, 90, chatter(90) + replayed) == []


def test_what_is_told_twice_counts_once(hear: Hear) -> None:
    small = burst(AT, 45e6)
    assert hear(SCENE, 60, chatter(60) + small) == []
    assert hear(SCENE, 60, chatter(60) + small + small + small) == []


def test_auto_deleveraging_is_no_burst(hear: Hear) -> None:
    winners = [msgspec.structs.replace(said, deleveraged=True) for said in burst(AT, LARGE)]
    assert hear(SCENE, 60, chatter(60) + winners) == []


@pytest.mark.parametrize("venue", ["bybit", "binance_usdm"])
def test_one_venue_that_counts_a_thousand_times_as_much_is_no_burst(hear: Hear, venue: str) -> None:
    """Nor where the market is busy, which is when its figures are largest."""

    def units(said: Liquidation) -> Liquidation:
        if said.instrument.venue != venue or said.at < OPENING + AT * SECOND:
            return said
        return msgspec.structs.replace(
            said, amount=msgspec.structs.replace(said.amount, value=said.amount.value * 1000)
        )

    assert hear(SCENE, 180, [units(said) for said in chatter(180)]) == []
    busy = chatter(180) + burst(AT + 60, 2e6)
    assert hear(SCENE, 180, [units(said) for said in busy]) == []


def test_a_burst_on_one_venue_alone_must_be_twenty_times_as_large(hear: Hear) -> None:
    assert hear(SCENE, 60, chatter(60) + burst(AT, 1000e6, ["bybit"], lasts=55)) == []
    told = hear(SCENE, 60, chatter(60) + burst(AT, 1400e6, ["bybit"], lasts=55))
    assert told[0].stage is Stage.EARLY
    shared = hear(SCENE, 60, chatter(60) + burst(AT, 1400e6, lasts=55))
    assert told[0].magnitude.w < max(wave.magnitude.w for wave in early(shared))


def test_throttled_feeds_alone_open_a_wave_too_and_nothing_is_estimated(hear: Hear) -> None:
    floors = ["okx", "binance_usdm"]
    told = hear(CRASH, 120, chatter(120, floors) + burst(AT, LARGE, floors))
    assert told[0].stage is Stage.EARLY
    assert told[-1].forced is not None
    assert told[-1].forced.seen_usd >= LARGE
    assert told[-1].forced.likely_high_usd is None


def test_days_of_chatter_are_never_early(quiet_days: tuple[bytes, list[Wave]]) -> None:
    days = 4 * 1440
    told = live(listening(state_of(quiet_days)), CALM, days, chatter(days, usd=40_000))
    assert early(told) == []


def test_a_coin_that_is_liquidated_in_masses_every_day_has_another_normal(
    quiet_days: tuple[bytes, list[Wave]],
) -> None:
    """A minute of 0.5 % every six hours and a bit is rare at first and is no longer news after weeks."""
    judge = listening(state_of(quiet_days))
    often = [said for n in range(9) for said in burst(AT + n * 7 * 3600, 150e6)]
    told = live(judge, CALM, 3 * 1440, chatter(3 * 1440) + often)
    opened = [wave for wave in told if wave.revision == 1 and wave.burst]
    strength = [max(w.magnitude.w for w in told if w.id == wave.id) for wave in opened]
    assert len(strength) > 3
    assert strength[0] - strength[-1] > 0.2


def test_with_too_little_history_of_open_interest_no_burst_is_declared() -> None:
    assert live(listening(), SCENE, 60, chatter(60) + burst(AT, LARGE)) == []


def test_a_burst_inside_a_wave_revises_it_at_once(hear: Hear) -> None:
    late = burst(45 * 60, LARGE)
    told = hear(CRASH, 120, chatter(120) + late)
    assert told[0].stage is Stage.BUILDING
    revised = next(wave for wave in told if wave.burst is not None)
    assert 1 <= sum(wave.at.second != 0 for wave in told) <= 3, "one message is not edited by the second"
    assert revised.at.second != 0
    assert revised.at - (OPENING + 45 * MINUTE) <= timedelta(seconds=6)
    assert [wave.revision for wave in told] == list(range(1, len(told) + 1))
    for before, after in pairwise(told):
        assert before.at < after.at


def test_a_restart_between_a_burst_and_the_next_step_changes_nothing(
    quiet_days: tuple[bytes, list[Wave]],
) -> None:
    heard = chatter(120) + burst(AT, LARGE, lasts=20)
    undisturbed = live(listening(state_of(quiet_days)), CRASH, 120, heard)
    judge = listening(state_of(quiet_days))
    told: list[Wave] = []
    for minute in range(0, 120, 1):
        told.extend(live(judge, CRASH, 1, heard, OPENING + minute * MINUTE))
        judge = listening(msgspec.msgpack.decode(frozen(judge), type=JudgeState))
    assert told == undisturbed
    assert len(told) > 5


def test_an_early_wave_is_adopted_where_the_memory_kept_is_older(
    quiet_days: tuple[bytes, list[Wave]],
) -> None:
    heard = chatter(60) + burst(AT, LARGE)
    (first, *_) = live(listening(state_of(quiet_days)), SCENE, 31, heard)
    judge = listening(state_of(quiet_days))
    live(judge, SCENE, 30, chatter(30))
    judge.adopt(first)
    told = live(judge, SCENE, 60, chatter(60), OPENING + 30 * MINUTE)
    assert {wave.id for wave in told} == {first.id}
    assert told[-1].stage is Stage.RETRACTED


def played_in(
    quiet: tuple[bytes, list[Wave]], heard: list[Liquidation], scale: float = 1.0
) -> list[tuple[datetime, Stage, float]]:
    """When which stage was told of what size, with every venue's dollars multiplied."""
    told = live(listening(state_of(quiet)), SCENE, 33, [times(said, scale) for said in heard])
    return [(wave.at, wave.stage, wave.magnitude.w) for wave in told]


def times(said: Liquidation, scale: float) -> Liquidation:
    amount = msgspec.structs.replace(said.amount, value=said.amount.value * Decimal(scale))
    return msgspec.structs.replace(said, amount=amount)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.randoms(use_true_random=False), st.floats(80e6, 900e6))
def test_in_which_order_feeds_tell_the_same_second_changes_no_wave(
    quiet_days: tuple[bytes, list[Wave]], chance: random.Random, usd: float
) -> None:
    heard = chatter(33) + burst(AT, usd)
    mixed = list(heard)
    chance.shuffle(mixed)
    one, other = played_in(quiet_days, heard), played_in(quiet_days, mixed)
    assert one[0][:2] == other[0][:2]
    assert one[-1][:2] == other[-1][:2]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.floats(10e6, 900e6), st.sampled_from([1, 2, 5]))
def test_doubling_what_every_feed_tells_changes_nothing(
    quiet_days: tuple[bytes, list[Wave]], usd: float, more: int
) -> None:
    heard = chatter(33) + burst(AT, usd)
    assert played_in(quiet_days, heard * (1 + more)) == played_in(quiet_days, heard)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from([1, 1000, 1_000_000]), st.floats(80e6, 900e6))
def test_in_which_units_coins_are_listed_changes_no_wave(
    quiet_days: tuple[bytes, list[Wave]], coins_per_base: int, usd: float
) -> None:
    """A thousand coins to the unit: so many fewer units, each so much dearer."""

    def relisted(said: Liquidation) -> Liquidation:
        instrument = msgspec.structs.replace(said.instrument, coins_per_base=coins_per_base)
        amount = msgspec.structs.replace(said.amount, value=said.amount.value / coins_per_base)
        price = said.price * coins_per_base
        return msgspec.structs.replace(said, instrument=instrument, amount=amount, price=price)

    heard = chatter(33) + burst(AT, usd)
    one, other = played_in(quiet_days, heard), played_in(quiet_days, [relisted(said) for said in heard])
    assert [row[:2] for row in one] == [row[:2] for row in other]


@pytest.mark.parametrize(("usd", "opens"), [(45e6, False), (75e6, True), (400e6, True)])
def test_the_least_burst_is_a_five_hundredth_of_open_interest(
    quiet_days: tuple[bytes, list[Wave]], usd: float, opens: bool
) -> None:
    assert bool(played_in(quiet_days, chatter(33) + burst(AT, usd))) is opens


def test_the_worst_of_times_is_heard_in_time(quiet_days: tuple[bytes, list[Wave]]) -> None:
    """Five thousand a second: whatever is looked at more often than the first time is looked at rarely."""
    judge = listening(state_of(quiet_days))
    live(judge, SCENE, 30, chatter(30))
    seconds = [forced(AT + 1 + n / 5000, 20e3, list(FEEDS)[n % 4], number=f"{n}") for n in range(15_000)]
    for said in seconds:
        judge.take(said)
    told = judge.early()
    assert told
    assert len(told) < 12
    assert judge.early() == (), "each is told once"


def test_one_figure_however_large_is_no_burst(hear: Hear) -> None:
    slip = forced(AT, 1500e6, "bybit", number="slip")
    assert hear(SCENE, 60, [*chatter(60), slip]) == []


def test_a_venue_that_loses_most_of_what_it_holds_in_a_minute_counts_in_other_units(hear: Hear) -> None:
    """Bybit may lose so much at once, Deribit holds too little for it."""
    assert hear(SCENE, 60, chatter(60) + burst(AT, 1450e6, ["bybit"], lasts=55)) != []
    assert hear(SCENE, 60, chatter(60) + burst(AT, 1450e6, ["deribit"], lasts=55)) == []


def test_a_fall_too_common_to_open_a_wave_still_confirms_a_burst(hear: Hear) -> None:
    """Six coins in a thousand."""
    small = Scene(positions=path((30, 1.0), (33, 0.994)), price=SCENE.price)
    assert hear(small, 60, []) == []
    told = hear(small, 60, chatter(60) + burst(AT, LARGE))
    assert Stage.BUILDING in {wave.stage for wave in told}
    assert Stage.RETRACTED not in {wave.stage for wave in told}
