"""What follows resets, beside random times: laws of the statistics, and what recorded history says."""

from __future__ import annotations

from datetime import timedelta
from math import exp
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.assets import Asset
from bot.domain.market import Point
from bot.pipeline.aftermath import LEAST, Aftermath, Followed, Prices, Reset, aftermath
from bot.pipeline.quantiles import quantile
from tests.storage.samples import BTC, DAY, ETH, HOUR, NOW


def walk(hours: int, seed: int, bump_at: frozenset[int] = frozenset(), bump: float = 0.0) -> list[Point]:
    """A price that wanders by the hour, and jumps by ``bump`` the hour after each of ``bump_at``."""
    random, level, points = Random(seed), 0.0, []  # noqa: S311
    for hour in range(hours):
        points.append(Point(NOW + hour * HOUR, 1.0, 100 * exp(level), 1.0, 0.0))
        level += random.gauss(0, 0.005) + (bump if hour in bump_at else 0.0)
    return points


def resets(hours: list[int], asset: Asset = BTC) -> list[Reset]:
    return [Reset(NOW + hour * HOUR, asset, 2.0 + hour / 1e6) for hour in hours]


EVERY = list(range(100, 2000, 100))


def followed(events: list[Reset], history: dict[Asset, Prices], after: timedelta) -> list[Followed]:
    moves = [(event, history[event.asset].move(event.at.timestamp(), after)) for event in events]
    return [Followed(event, move) for event, move in moves if move is not None]


def after_all(events: list[Reset], history: dict[Asset, Prices], after: timedelta) -> Aftermath | None:
    return aftermath(followed(events, history, after), history, after)


def found(points: list[Point], hours: list[int] = EVERY, after: timedelta = HOUR) -> Aftermath:
    told = after_all(resets(hours), {BTC: Prices(points)}, after)
    assert told is not None
    return told


def test_what_differs_from_random_times_is_an_edge_and_what_does_not_is_none() -> None:
    rising = found(walk(2400, 1, frozenset(EVERY), 0.03))
    assert rising.edge
    assert rising.median > 0.02
    assert rising.usual is not None
    assert abs(rising.usual) < 0.002
    assert not found(walk(2400, 1)).edge


def test_chance_alone_is_called_an_edge_about_one_time_in_twenty() -> None:
    called = sum(found(walk(2400, seed)).edge for seed in range(2, 42))
    assert called <= 6


def test_few_outcomes_say_nothing_however_large_they_are() -> None:
    few = EVERY[: LEAST - 1]
    told = found(walk(2400, 1, frozenset(few), 0.2), few)
    assert told.n == LEAST - 1
    assert told.median > 0.15
    assert not told.edge


def test_a_short_history_has_no_random_times() -> None:
    told = found(walk(60, 1), [10, 20, 30], after=HOUR * 6)
    assert told.usual is None
    assert not told.edge


def test_resets_whose_aftermaths_overlap_count_once_and_the_largest_stands() -> None:
    near = [
        Reset(NOW + 30 * HOUR, BTC, 3.0),
        Reset(NOW + 34 * HOUR, ETH, 4.0),
        Reset(NOW + 90 * HOUR, ETH, 2.0),
    ]
    history = {BTC: Prices(walk(200, 1)), ETH: Prices(walk(200, 2))}
    told = after_all(near, history, DAY)
    assert told is not None
    assert told.n == 2
    alone = after_all(near[1:], history, DAY)
    assert alone == told


def test_an_outcome_that_was_not_seen_counts_nowhere() -> None:
    gap = [point for point in walk(300, 1) if not 104 <= (point.at - NOW) / HOUR < 140]
    assert after_all(resets([100]), {BTC: Prices(gap)}, 24 * HOUR) is None
    assert after_all(resets([299]), {BTC: Prices(gap)}, HOUR) is None


def test_a_price_that_is_still_to_come_is_not_taken_from_before() -> None:
    prices = Prices(walk(10, 1))
    last = walk(10, 1)[-1]
    assert prices.later(last.at - 4 * HOUR, 4 * HOUR) == last.price_usd
    assert prices.later(last.at - 4 * HOUR, 4 * HOUR + HOUR / 2) is None
    assert Prices([]).later(last.at, HOUR) is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=30),
    st.integers(1, 5),
    st.integers(),
)
def test_the_same_inputs_in_any_order_give_the_same_answer(hours: list[int], seed: int, order: int) -> None:
    points, events = walk(400, seed), resets(hours)
    shuffled = events[:]
    Random(order).shuffle(shuffled)  # noqa: S311
    one = after_all(events, {BTC: Prices(points)}, 4 * HOUR)
    assert after_all(shuffled, {BTC: Prices(points)}, 4 * HOUR) == one
    if one is not None:
        assert 1 <= one.n <= len(set(hours))
        assert one.low <= one.median <= one.high
        if one.usual is not None and one.usual_low is not None and one.usual_high is not None:
            assert one.usual_low <= one.usual <= one.usual_high


@given(st.lists(st.floats(-1, 1), min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_lie_within_and_in_order(values: list[float], low: float, high: float) -> None:
    ordered = sorted(values)
    below, above = quantile(ordered, min(low, high)), quantile(ordered, max(low, high))
    assert ordered[0] - 1e-12 <= below <= above + 1e-12
    assert above <= ordered[-1] + 1e-12
