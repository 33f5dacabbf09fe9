"""Laws of the pure steps, over anything that may be said."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain.assets import Asset
from bot.domain.market import Group, Instrument, OpenInterest, Price, Reading, Venue
from bot.domain.units import Amount, Unit, UsdChange
from bot.domain.verdicts import Verdict
from bot.domain.waves import STAGE_ORDER, Stage, Wave
from bot.pipeline.aggregate import Aggregate
from bot.pipeline.gate import Gate
from bot.pipeline.names import wave_name
from bot.pipeline.rarity import SCORE_FLOOR, TAIL, History, Scale, joint, surprise
from tests.pipeline.market import CONTRACTS, MINUTE, OPENING, Curve, Scene, path, play, thawed

BTC = Asset("BTC")
AT = datetime(2025, 10, 1, tzinfo=UTC)
GROUPS = {Venue(name): Group.OFFSHORE for name in "abcdef"}

dollars = st.floats(0.01, 1e12, allow_nan=False)
counts = st.floats(0, 1e9, allow_nan=False)


def instrument(venue: str, symbol: str = "BTC") -> Instrument:
    return Instrument(Venue(venue), symbol, BTC)


@given(counts, dollars, counts, dollars)
def test_a_change_in_dollars_is_its_two_parts(
    before: float, price_before: float, now: float, price_now: float
) -> None:
    change = UsdChange.between(before, price_before, now, price_now)
    largest = max(before * price_before, now * price_now, before * price_now)
    assert change.total_usd == pytest.approx(
        now * price_now - before * price_before, abs=1e-9 * largest + 1e-9
    )


@given(st.lists(st.decimals(allow_nan=True, allow_infinity=True), min_size=1, max_size=12))
def test_the_gate_believes_no_negative_no_zero_and_no_nonsense(values: list[Decimal]) -> None:
    gate = Gate(timedelta(minutes=3))
    for minute, value in enumerate(values):
        at = AT + minute * MINUTE
        verdict, reading = gate.open_interest(
            OpenInterest(instrument("a"), Amount(value, Unit.BASE), at, at, Decimal(100))
        )
        assert (reading is not None) is (verdict is Verdict.ACCEPT)
        if reading is not None:
            assert value.is_finite()
            assert value > 0
            assert reading.coins > 0
            assert math.isfinite(reading.coins)


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_the_gate_believes_no_impossible_price(price: Decimal) -> None:
    verdict = Gate(timedelta(minutes=3)).price(Price(instrument("a"), price, AT, AT))
    possible = price.is_finite() and float(price) > 0 and math.isfinite(float(price))
    assert (verdict is Verdict.ACCEPT) is possible


@given(st.lists(st.integers(-200, 400), min_size=2, max_size=40))
def test_believed_readings_of_one_contract_only_go_forward(stamps: list[int]) -> None:
    gate = Gate(timedelta(minutes=3))
    seen = AT
    believed = []
    for number, second in enumerate(stamps):
        at = AT + timedelta(seconds=second)
        seen = max(seen, at)
        said = OpenInterest(instrument("a"), Amount(Decimal(1000 + number), Unit.BASE), at, seen, Decimal(9))
        if gate.open_interest(said)[0] is Verdict.ACCEPT:
            believed.append(at)
    assert believed == sorted(set(believed))


def aggregate() -> Aggregate:
    return Aggregate(BTC, GROUPS, step_s=60, fresh_s=180)


def reading(venue: str, coins: float, at: datetime, *, new: bool = False) -> Reading:
    return Reading(instrument(venue), coins, 100.0, at, at, new)


shares = st.lists(st.floats(0.2, 5.0), min_size=2, max_size=20)


@given(shares, st.sampled_from([0.5, 2.0, 1000.0, 1e-6]), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_a_constant_scale_of_a_venue_changes_no_move(
    path_of: list[float], scale: float, weights: list[int]
) -> None:
    """Venues that count one side or both, or in other units, give the same index when alone."""
    one, other = aggregate(), aggregate()
    for number, share in enumerate(path_of):
        at = AT + number * MINUTE
        for venue, weight in zip("abcdef", weights, strict=False):
            one.take(reading(venue, weight * share, at))
            other.take(reading(venue, weight * share * scale, at))
        first, second = one.step(at.timestamp()), other.step(at.timestamp())
        assert first is not None
        assert second is not None
        assert first.moves == pytest.approx(second.moves, abs=1e-9)


@given(st.lists(st.sets(st.sampled_from("abcdef"), min_size=0), min_size=2, max_size=30))
def test_venues_that_come_and_go_never_move_the_index(present: list[set[str]]) -> None:
    """Whoever is heard at whatever step: while no venue changes its own count, nothing moves."""
    market = aggregate()
    for number, heard in enumerate(present):
        at = AT + number * MINUTE
        for venue in heard:
            market.take(reading(venue, 1000.0 * (1 + "abcdef".index(venue)), at))
        step = market.step(at.timestamp())
        if step is not None:
            assert step.moves == (0.0,) * len(step.moves)
            assert all(change == 0.0 for change in step.changes)
            assert 0 < step.coverage <= 1


@given(st.lists(st.floats(0.5, 1.5), min_size=2, max_size=30), st.floats(1, 1e6))
def test_a_new_beginning_never_moves_the_index(factors: list[float], coins: float) -> None:
    market = aggregate()
    for number, factor in enumerate(factors):
        at = AT + number * MINUTE
        market.take(reading("a", 5000.0, at))
        market.take(reading("b", coins * factor, at, new=True))
        step = market.step(at.timestamp())
        assert step is not None
        assert step.moves == (0.0,) * len(step.moves)


@given(
    st.lists(
        st.tuples(
            st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.sets(st.sampled_from("bc"))
        ),
        min_size=1,
        max_size=30,
    )
)
def test_once_all_venues_are_back_the_moves_add_up_to_what_all_of_them_did(
    steps: list[tuple[float, float, float, set[str]]],
) -> None:
    """However some were away while others fell: nothing is counted twice, and nothing is lost."""
    market, moved = aggregate(), 0.0
    coins = {"a": 600.0, "b": 300.0, "c": 100.0}
    for number, (*changes, away) in enumerate(
        [(0.0, 0.0, 0.0, set[str]()), *steps, (0.0, 0.0, 0.0, set[str]())]
    ):
        at = AT + number * MINUTE
        coins = {
            venue: held * math.exp(move) for (venue, held), move in zip(coins.items(), changes, strict=True)
        }
        for venue in coins.keys() - away:
            market.take(reading(venue, coins[venue], at))
        step = market.step(at.timestamp())
        assert step is not None
        moved += step.moves[-1]
    assert moved == pytest.approx(math.log(sum(coins.values()) / 1000.0), abs=1e-9)


@given(st.lists(st.floats(1, 1e6), min_size=2, max_size=20), st.integers(1, 30))
def test_an_absence_brings_back_exactly_the_change_it_hid(values: list[float], away: int) -> None:
    market = aggregate()
    market.take(reading("a", values[0], AT))
    market.take(reading("b", 1000.0, AT))
    market.step(AT.timestamp())
    for number in range(1, away + 1):
        at = AT + number * MINUTE
        market.take(reading("b", 1000.0, at))
        market.step(at.timestamp())
    back = AT + (away + 1) * MINUTE
    market.take(reading("a", values[-1], back))
    market.take(reading("b", 1000.0, back))
    step = market.step(back.timestamp())
    assert step is not None
    assert step.changes[0] == pytest.approx(values[-1] - values[0])


@given(st.lists(st.floats(2e-5, 2.0), min_size=1, max_size=400))
def test_the_scale_is_within_a_bin_of_the_exact_quantile(values: list[float]) -> None:
    scale = Scale()
    for value in values:
        scale.add(value)
    ordered = sorted(values)
    above = int(TAIL * len(ordered))  # so many may lie above the quantile
    exact = ordered[len(ordered) - 1 - above]
    assert math.exp(-0.165) * exact <= scale.value() <= math.exp(0.085) * exact


@given(st.lists(st.floats(2e-5, 2.0), min_size=1, max_size=200))
def test_a_faded_scale_says_the_same(values: list[float]) -> None:
    scale = Scale()
    for value in values:
        scale.add(value)
    before = scale.value()
    scale.fade()
    assert scale.value() == pytest.approx(before)


@given(st.floats(0, 50), st.floats(0, 50))
def test_surprise_grows_with_the_fall(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= surprise(low) <= surprise(high)


@given(st.floats(0, 8), st.floats(0, 8), st.floats(0, 8))
def test_price_confirms_and_never_leads(coins: float, price: float, more: float) -> None:
    assert joint(0.0, price) == 0.0
    assert coins <= joint(coins, price) <= joint(coins, price + more) <= 2.5 * coins + 1e-9


scores = st.floats(0, 12, allow_nan=False)


@given(st.lists(scores, max_size=200), scores, scores)
def test_a_higher_score_is_never_less_rare(heard: list[float], one: float, other: float) -> None:
    history = History()
    for number, score in enumerate(heard):
        history.observe(score, 3600.0 * number, 3600.0)
    low, high = sorted((one, other))
    assert history.magnitude(low).w <= history.magnitude(high).w
    magnitude = history.magnitude(high)
    assert magnitude.low <= magnitude.w <= magnitude.high


def test_a_magnitude_is_the_logarithm_of_the_hours_between_such_moments() -> None:
    """Twenty years in which an independent moment comes every 100 hours, with exponential excesses."""
    chance = random.Random(5)  # noqa: S311
    history = History()
    scores = []
    for hour in range(20 * 8760):
        score = SCORE_FLOOR + chance.expovariate(1 / 1.5) if hour % 100 == 50 else 0.0
        scores.append(score)
        history.observe(score, 3600.0 * hour, 3600.0)
    assert history.magnitude(SCORE_FLOOR).w == pytest.approx(2.0, abs=0.03)
    for w in (2.2, 2.9, 3.4):
        found = sum(score > 0 and history.magnitude(score).w >= w for score in scores)
        promised = len(scores) / 10**w
        assert abs(found - promised) < 3 * math.sqrt(promised)


@given(st.integers(2, 60))
def test_the_interval_of_a_magnitude_narrows_with_history(days: int) -> None:
    def after(length: int) -> float:
        history = History()
        for hour in range(24 * length):
            history.observe(3.0 if hour % 72 == 0 else 0.0, 3600.0 * hour, 3600.0)
        magnitude = history.magnitude(4.0)
        return magnitude.high - magnitude.low

    assert after(10 * days) < after(days)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_every_wave_has_its_own_name(one: int, other: int) -> None:
    assert (wave_name(one) == wave_name(other)) is (one == other)
    assert wave_name(one).isalnum()


levels = st.lists(st.sampled_from([0.6, 0.8, 0.9, 0.97, 1.0, 1.05]), min_size=1, max_size=6)


def curve(ends: list[float]) -> Curve:
    return path((30, 1.0), *((60.0 + 40 * i, end) for i, end in enumerate(ends)))


@settings(max_examples=25, deadline=None)
@example([1.0, 0.6, 0.6, 1.05], [0.8, 0.9, 0.8, 0.8], {}, 278)  # an earlier high that holds fewer coins
@given(
    positions=levels,
    price=levels,
    own=st.dictionaries(st.sampled_from(sorted({c.venue for c in CONTRACTS})), levels, max_size=3),
    cut=st.integers(1, 299),
)
def test_whatever_happens_a_life_is_lawful(
    quiet_days: tuple[bytes, list[Wave]],
    positions: list[float],
    price: list[float],
    own: dict[str, list[float]],
    cut: int,
) -> None:
    scene = Scene(curve(positions), curve(price), {venue: curve(ends) for venue, ends in own.items()})
    told = play(thawed(quiet_days[0]), scene, 300)
    for wave in told:
        assert wave.coins_closed == pytest.approx(sum(v.coins_closed for v in wave.venues))
        assert wave.coins_before - wave.coins_now == pytest.approx(wave.coins_closed)
        assert wave.onset <= wave.low_at <= wave.at
        assert wave.coins_closed > 0
        assert wave.magnitude.low <= wave.magnitude.w <= wave.magnitude.high
        change = wave.usd_change
        assert change is not None
        assert change.total_usd == pytest.approx(change.position_usd + change.price_usd)
    for name in {wave.id for wave in told}:
        life = [wave for wave in told if wave.id == name]
        assert [wave.revision for wave in life] == list(range(1, len(life) + 1))
        for before, after in pairwise(life):
            assert STAGE_ORDER[before.stage] <= STAGE_ORDER[after.stage]
            assert before.stage is not Stage.RETRACTED
            assert before.loud <= after.loud <= after.revision
    assert disturbed(quiet_days[0], scene, cut) == msgspec.json.encode(told)


def disturbed(state: bytes, scene: Scene, cut: int) -> bytes:
    """The same scene with a restart after ``cut`` minutes."""
    judge = thawed(state)
    told = play(judge, scene, cut)
    kept = msgspec.msgpack.encode(judge.state())
    return msgspec.json.encode([*told, *play(thawed(kept), scene, 300 - cut, OPENING + cut * MINUTE)])
