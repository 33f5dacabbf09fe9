"""The scenario as a function of time: what was published is met, the rest is smooth and always the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import log
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.market import Position
from bot.errors import ConfigError, UsageError
from bot.simulator.curves import Curve, Noise, Series
from bot.simulator.faults import Fault
from bot.simulator.forced import forced, minute_usd
from bot.simulator.playing import Play, ScenarioClock
from bot.simulator.scenario import (
    Coin,
    Contract,
    FiledReport,
    Liquidations,
    Quote,
    Script,
    load,
    named,
    names,
)

BINANCE = ("binance_usdm", "binance_coinm")
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
OCTOBER = named("october-2025")
FILE = Path(__file__).parents[2] / "bot/simulator/scenarios/october-2025.toml"


def at(hour: int, minute: int) -> datetime:
    return datetime(2025, 10, 10, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "total", "binance", "price_usd"),
    [(at(20, 50), 415_000, 130_000, 122_000), (at(21, 31), 336_000, 105_000, 107_000)],
    ids=["start", "low"],
)
def test_the_published_figures_are_met(
    when: datetime, total: float, binance: float, price_usd: float
) -> None:
    market = OCTOBER.at(when)
    assert market.coins("BTC") == pytest.approx(total, rel=1e-12)
    assert market.coins("BTC", *BINANCE) == pytest.approx(binance, rel=1e-12)
    assert OCTOBER.price_usd("BTC", when) == pytest.approx(price_usd, rel=1e-12)


def test_with_the_report_the_totals_are_the_published_ones() -> None:
    (cme,) = OCTOBER.reports(at(20, 50))
    assert OCTOBER.at(at(20, 50)).coins("BTC") + cme.coins == pytest.approx(560_000)
    assert OCTOBER.at(at(21, 31)).coins("BTC") + cme.coins == pytest.approx(481_000)


def test_the_institutions_stay_about_flat() -> None:
    before, after = (OCTOBER.at(when).coins("BTC", "coinbase_cde") for when in (at(20, 50), at(21, 31)))
    assert before == pytest.approx(12_400)
    assert after / before - 1 == pytest.approx(0.003, abs=1e-4)


def test_the_report_of_the_day_appears_after_the_wave() -> None:
    assert [r.coins for r in OCTOBER.reports(at(20, 40))] == [145_000]
    assert [r.coins for r in OCTOBER.reports(at(22, 19))] == [145_000]
    assert [r.coins for r in OCTOBER.reports(at(22, 20))] == [144_710]


def test_the_fall_is_steepest_from_ten_past_nine_to_twenty_past() -> None:
    coins = [OCTOBER.at(at(20, 50) + n * 10 * MINUTE).coins("BTC") for n in range(5)]
    falls = [before - after for before, after in pairwise(coins)]
    assert max(falls) == falls[2]


def test_the_low_is_reached_once_and_then_refills_a_little() -> None:
    minutes = [at(20, 40) + n * MINUTE for n in range(141)]
    coins = {minute: OCTOBER.at(minute).coins("BTC") for minute in minutes}
    assert min(coins, key=lambda minute: coins[minute]) == at(21, 31)
    assert 1.0 < coins[at(23, 0)] / 336_000 <= 1.015


def test_a_restart_plays_the_same_market() -> None:
    again = load(FILE)
    when = at(21, 7) + timedelta(seconds=13)
    assert again.at(when) == OCTOBER.at(when)
    assert forced(again, when, when + MINUTE) == forced(OCTOBER, when, when + MINUTE)


def test_no_reading_repeats_the_one_before() -> None:
    for contract in OCTOBER.script.contracts:
        held = [OCTOBER.holding(contract, at(20, 40) + n * MINUTE).counted for n in range(200)]
        assert all(before != after for before, after in pairwise(held)), contract.symbol


def test_the_two_weeks_before_are_quiet() -> None:
    hours = int((at(20, 40) - OCTOBER.begins) / timedelta(hours=1))
    coins = [OCTOBER.at(OCTOBER.begins + timedelta(hours=n)).coins("BTC") for n in range(hours + 1)]
    moves = [abs(log(after / before)) for before, after in pairwise(coins)]
    assert hours == 14 * 24
    assert 0.0005 < sum(moves) / len(moves) < 0.004
    assert max(moves) < 0.012
    assert max(coins) < 1.02 * 415_000


def test_a_market_that_has_played_to_its_end_drifts_on() -> None:
    days = [OCTOBER.at(at(23, 0) + n * timedelta(days=1)).coins("BTC") for n in range(8)]
    assert len(set(days)) == len(days)
    assert all(0.9 < coins / days[0] < 1.1 for coins in days)


# liquidations


def test_the_peak_minute_is_the_published_one() -> None:
    events = forced(OCTOBER, at(21, 15) - MICROSECOND, at(21, 16) - MICROSECOND)
    lost = {
        position: sum(e.usd for e in events if e.position is position and e.contract.coin == "BTC")
        for position in Position
    }
    assert sum(lost.values()) == pytest.approx(3.21e9, rel=1e-9)
    assert lost[Position.LONG] / sum(lost.values()) == pytest.approx(0.84, rel=1e-9)


def test_the_forty_minutes_add_up_to_the_published_sum() -> None:
    told = [sum(minute_usd(OCTOBER, "BTC", at(20, 50) + n * MINUTE)) for n in range(40)]
    assert sum(told) == pytest.approx(6.93e9)
    assert max(told) == told[25]


def test_before_and_after_the_wave_little_is_liquidated() -> None:
    for quiet in (OCTOBER.begins, at(20, 49), at(21, 30), at(22, 45)):
        assert 0 < sum(minute_usd(OCTOBER, "BTC", quiet)) < 13e6


def test_a_throttled_feed_tells_at_most_one_a_second_of_a_contract() -> None:
    events = forced(OCTOBER, at(21, 15) - MICROSECOND, at(21, 16) - MICROSECOND)
    seconds = [(e.contract.symbol, e.contract.venue, e.at.second) for e in events]
    assert len(seconds) > 500
    assert len(set(seconds)) == len(seconds)


@given(cuts=st.lists(st.integers(0, 120_000), max_size=6))
def test_liquidations_are_the_same_however_often_one_looks(cuts: list[int]) -> None:
    begin, end = at(21, 14) - MICROSECOND, at(21, 16)
    looks = [begin, *sorted(begin + timedelta(milliseconds=cut) for cut in cuts), end]
    parts = [event for since, until in pairwise(looks) for event in forced(OCTOBER, since, until)]
    assert parts == list(forced(OCTOBER, begin, end))
    assert [e.at for e in parts] == sorted(e.at for e in parts)


def test_a_look_that_ends_with_a_liquidation_tells_it_and_the_next_does_not() -> None:
    first, second = forced(OCTOBER, at(21, 15), at(21, 16))[:2]
    assert list(forced(OCTOBER, at(21, 15), first.at)) == [first]
    assert forced(OCTOBER, first.at, second.at)[0] == second


# curves

points = st.lists(
    st.tuples(st.integers(1, 10_000), st.floats(1, 1e6)), min_size=2, max_size=8, unique_by=lambda p: p[0]
).map(sorted)


@given(points=points, share=st.floats(0, 1))
def test_a_curve_never_leaves_the_range_of_its_two_neighbours(
    points: list[tuple[int, float]], share: float
) -> None:
    curve = Curve(points)
    for (before, low), (after, high) in pairwise(points):
        value = curve.at(before + (after - before) * share)
        assert min(low, high) * (1 - 1e-9) <= value <= max(low, high) * (1 + 1e-9)


@given(points=points)
def test_noise_is_nil_at_the_points_of_a_curve(points: list[tuple[int, float]]) -> None:
    series = Series(Curve(points), (Noise("a", 0.01), Noise("b", 0.02)))
    assert [series.at(time) for time, _ in points] == pytest.approx([value for _, value in points])
    assert series.at(points[0][0] + 0.5) != series.at(points[0][0])


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_noise_moves_as_much_in_an_hour_as_asked(seed: str) -> None:
    noise = Noise(seed, 0.004)
    moves = [noise.at(3600.0 * n + 3600) - noise.at(3600.0 * n) for n in range(2000)]
    assert (sum(move * move for move in moves) / len(moves)) ** 0.5 == pytest.approx(0.004, rel=0.15)


# the clock


def test_market_time_runs_at_its_speed_and_never_backwards() -> None:
    wall = [at(9, 0)]
    clock = ScenarioClock(Play("october-2025", at(20, 40), 60.0, at(9, 0)), lambda: wall[0])
    assert clock.now() == at(20, 40)
    wall[0] += timedelta(seconds=10)
    assert clock.now() == at(20, 50)
    wall[0] -= timedelta(seconds=5)
    assert clock.now() == at(20, 50)


def test_a_clock_set_back_before_its_anchor_shows_the_start() -> None:
    clock = ScenarioClock(Play("october-2025", at(20, 40), 60.0, at(9, 0)), lambda: at(8, 0))
    assert clock.now() == at(20, 40)


def test_a_play_goes_on_after_a_restart() -> None:
    play = Play("october-2025", at(20, 40), 30.0, at(9, 0))
    read = Play.read(play.dump())
    assert read == play
    assert ScenarioClock(play, lambda: at(9, 1)).now() == at(21, 10)


@pytest.mark.parametrize("state", [b"", b"{", b"[]", b'{"scenario": "x"}', b"\xff"])
def test_an_unreadable_play_begins_anew(state: bytes) -> None:
    assert Play.read(state) is None


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_must_be_a_number_above_zero(speed: float) -> None:
    with pytest.raises(UsageError, match="speed"):
        ScenarioClock(Play("october-2025", at(20, 40), speed, at(9, 0)), lambda: at(9, 0))


# the file


def test_an_unknown_scenario_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="october-2025"):
        named("november-2025")
    assert "october-2025" in names()


FAULTS = [
    ("415_000, [104_000,", "415_000, [104_001,", "20:40 adds up to 415,001, not to 415,000"),
    ('symbol = "BTCUSDT", share = 0.9 ', 'symbol = "BTCUSDT", share = 0.8 ', "binance_usdm's BTC contracts"),
    ("bybit = 0.46", "bybit = 0.45", "liquidation_feeds add up to 0.99"),
    ("2025-09-28T20:40:00Z", "2025-09-25T20:40:00Z", "stands after a later one"),
    ("2025-09-28T20:40:00Z", "2025-09-28T20:40:00", "with a timezone component"),
    ('coin = "ETH", symbol = "ETH",', 'coin = "XRP", symbol = "ETH",', "ETH has no keyframes for XRP"),
    ("turnover = 1.6", "turnovers = 1.6", "turnover"),
    ("122_000,", '"122,000",', "Expected `float`"),
    ("plays_until = 2025-10-10T23", "plays_until = 2025-10-10T20", "plays_from"),
    ("seed =", "seed", "not a scenario"),
]


@pytest.mark.parametrize(("old", "new", "told"), FAULTS, ids=[told for _, _, told in FAULTS])
def test_a_slip_in_the_file_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = FILE.read_text()
    assert old in text
    broken = tmp_path / "broken.toml"
    broken.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=r"^broken\.toml") as refused:
        load(broken)
    assert told in str(refused.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        load(tmp_path / "none.toml")


def test_the_docs_name_every_scenario_key_and_fault() -> None:
    docs = (Path(__file__).parents[2] / "docs/scenarios.md").read_text()
    structs = (Script, Coin, Contract, Liquidations, FiledReport, Quote)
    words = [field.name for struct in structs for field in msgspec.structs.fields(struct)]
    words += [*Fault, *names()]
    assert [word for word in words if not re.search(rf"[`\[#. ]{word}[`\].]|^## {word}$", docs, re.M)] == []
