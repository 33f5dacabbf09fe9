"""What was forced: seen is a floor, likely is what complete feeds show of the throttled ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.market import Completeness, Liquidation, Position, Venue
from bot.domain.waves import Forced, Kind
from bot.pipeline.forced import forced as estimate
from bot.pipeline.tally import Tally
from tests.pipeline.liquidations import FEEDS, burst, chatter, forced, listening, live
from tests.pipeline.market import OPENING, Scene, path
from tests.pipeline.test_bursts import AT, state_of

HELD = {Venue("bybit"): 60_000.0, Venue("deribit"): 20_000.0, Venue("okx"): 40_000.0}
FULL, FLOOR = Completeness.COMPLETE, Completeness.THROTTLED
TELLS: Mapping[Venue, Completeness | None] = {
    Venue("bybit"): FULL,
    Venue("deribit"): FULL,
    Venue("okx"): FLOOR,
    Venue("mexc"): None,
}
SINCE = OPENING.timestamp() + 30 * 3600


def tally(*heard: Liquidation) -> Tally:
    kept = Tally()
    for said in heard:
        kept.hear(said)
    return kept


def hours(ratio: Callable[[int], float], count: int = 24) -> list[Liquidation]:
    """Calm hours before the wave in which OKX told so much of what Bybit told."""
    told = []
    for hour in range(30 - count, 30):
        told.append(forced(hour * 3600 + 60, 1e6, "bybit", number=f"{hour}"))
        told.append(forced(hour * 3600 + 60, 1e6 * ratio(hour), "okx", number=f"{hour}"))
    return told


WAVE = [forced(30 * 3600 + 60, 80e6, "bybit", number="w"), forced(30 * 3600 + 90, 10e6, "okx", number="w")]


def of(heard: list[Liquidation], tells: Mapping[Venue, Completeness | None] = TELLS) -> Forced:
    found = estimate(tally(*heard), SINCE, SINCE + 600, HELD, tells)
    assert found is not None
    return found


def test_a_throttled_feed_is_scaled_by_what_it_is_worth_in_calm_hours() -> None:
    found = of(hours(lambda hour: 0.4 + 0.01 * (hour % 5)) + WAVE)
    assert found.seen_usd == pytest.approx(90e6, rel=1e-3)
    assert found.likely_low_usd == pytest.approx(80e6 + 0.41 * 80e6, rel=0.01)
    assert found.likely_high_usd == pytest.approx(80e6 + 0.43 * 80e6, rel=0.01)


def test_bounds_are_as_wide_as_the_relation_varies() -> None:
    steady = of(hours(lambda hour: 0.5 + 0.01 * (hour % 3)) + WAVE)
    unsteady = of(hours(lambda hour: 0.5 + 0.3 * (hour % 3)) + WAVE)
    assert steady.likely_high_usd is not None
    assert steady.likely_low_usd is not None
    assert unsteady.likely_high_usd is not None
    assert unsteady.likely_low_usd is not None
    width = steady.likely_high_usd - steady.likely_low_usd
    assert unsteady.likely_high_usd - unsteady.likely_low_usd > 10 * width


def test_before_it_is_learned_open_interest_stands_for_the_relation() -> None:
    """OKX holds half of what the complete venues hold: a quarter to three quarters of their dollars."""
    found = of(hours(lambda _: 9.0, count=3) + WAVE)
    assert found.likely_low_usd == pytest.approx(80e6 + 20e6, rel=1e-3)
    assert found.likely_high_usd == pytest.approx(80e6 + 60e6, rel=1e-3)


def test_an_estimate_is_never_below_what_was_seen() -> None:
    found = of([*hours(lambda _: 0.01), *WAVE])
    assert found.likely_low_usd == pytest.approx(found.seen_usd)


def test_without_a_complete_feed_in_the_wave_nothing_is_estimated() -> None:
    found = of([*hours(lambda _: 0.4), WAVE[1]])
    assert (found.likely_low_usd, found.likely_high_usd) == (None, None)
    nobody = of(WAVE, dict.fromkeys(TELLS, FLOOR))
    assert nobody.likely_high_usd is None
    assert nobody.seen_usd > 0


def test_without_any_feed_nothing_is_known() -> None:
    assert estimate(tally(*hours(lambda _: 0.4)), SINCE, SINCE + 600, HELD, TELLS) is None


def test_a_venue_without_a_feed_is_not_made_up() -> None:
    more = {**HELD, Venue("mexc"): 50_000.0, Venue("nobody"): 50_000.0}
    with_them = estimate(tally(*WAVE), SINCE, SINCE + 600, more, TELLS)
    assert with_them == of(WAVE)


def test_auto_deleveraging_is_counted_apart() -> None:
    winner = forced(30 * 3600 + 61, 7e6, "bybit", Position.SHORT, number="adl", deleveraged=True)
    found = of([*WAVE, winner])
    assert found.deleveraged_usd == pytest.approx(7e6, rel=1e-3)
    assert msgspec.structs.replace(found, deleveraged_usd=0.0) == of(WAVE)


@given(st.permutations(WAVE + hours(lambda hour: 0.3 + 0.02 * (hour % 4), count=8)))
def test_the_order_in_which_feeds_tell_changes_nothing(heard: list[Liquidation]) -> None:
    one, other = of(heard), of(WAVE + hours(lambda hour: 0.3 + 0.02 * (hour % 4), count=8))
    for name in Forced.__struct_fields__:
        assert getattr(one, name) == pytest.approx(getattr(other, name))


def test_a_wave_tells_how_much_of_the_fall_was_forced(quiet_days: tuple[bytes, list[object]]) -> None:
    scene = Scene(positions=path((30, 1.0), (60, 0.85)), price=path((29, 1.0), (60, 0.92)))
    heard = chatter(120) + [said for n in range(20) for said in burst(AT + 60 * n, 50e6)]
    wave = live(listening(state_of(quiet_days)), scene, 150, heard)[-1]  # type: ignore[arg-type]
    assert wave.kind is Kind.FLUSH
    assert wave.flushed is Position.LONG
    assert wave.forced is not None
    assert wave.forced.seen_usd == pytest.approx(1e9, rel=0.05)
    assert wave.forced.likely_high_usd is not None
    assert wave.forced.likely_high_usd >= wave.forced.seen_usd
    part = wave.forced_share
    assert part is not None
    assert part[0] == pytest.approx(wave.forced.seen_coins / wave.coins_closed)
    assert part[0] <= part[1] <= 1
    assert set(FEEDS.values()) == {FULL, FLOOR}
    squeezed = msgspec.structs.replace(wave, kind=Kind.SQUEEZE)
    assert squeezed.flushed is None, "price and liquidations contradict each other"
    by_choice = msgspec.structs.replace(wave, kind=Kind.UNWIND)
    assert by_choice.flushed is Position.LONG
