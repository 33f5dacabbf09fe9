"""Liquidations tell what was forced; told again at a reconnect, they change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from bot.domain.market import Instrument, Liquidation, Observation, OpenInterest, Position, Venue
from bot.domain.units import Amount, Unit
from bot.domain.verdicts import Verdict
from bot.domain.waves import Wave
from bot.pipeline.tally import KEPT_MINUTES, Tally
from tests.pipeline.market import BTC, MINUTE, OPENING, Scene, new_judge, path, play, thawed

Play = Callable[[Scene, int], list[Wave]]
BTCUSDT = Instrument(Venue("bybit"), "BTCUSDT", BTC)


def forced(minute: float, coins: str, position: Position = Position.LONG, number: str = "") -> Liquidation:
    at = OPENING + minute * MINUTE
    return Liquidation(BTCUSDT, position, Amount(Decimal(coins), Unit.BASE), Decimal(100_000), at, at, number)


def cascade(minute: int) -> Iterable[Observation]:
    if 30 < minute <= 60:
        yield forced(minute, "20", number=f"a{minute}")
        yield forced(minute, "2", Position.SHORT, number=f"b{minute}")
    if minute == 45:
        yield forced(minute, "300", number="the worst")


def flush(said: Callable[[int], Iterable[Observation]] = lambda _: ()) -> Scene:
    return Scene(positions=path((30, 1.0), (60, 0.85)), price=path((30, 1.0), (60, 0.92)), said=said)


def test_a_wave_states_what_was_forced_on_each_side_and_the_worst_minute(revisions: Play) -> None:
    wave = revisions(flush(cascade), 240)[-1]
    assert wave.liquidated_long_usd == 30 * 2_000_000 + 30_000_000
    assert wave.liquidated_short_usd == 30 * 200_000
    assert wave.worst_minute_at == OPENING + 45 * MINUTE
    assert wave.worst_minute_usd == 32_200_000


def test_without_a_feed_what_was_forced_is_unknown_not_zero(revisions: Play) -> None:
    wave = revisions(flush(), 240)[-1]
    assert wave.liquidated_long_usd is None
    assert wave.worst_minute_at is None


def test_replayed_liquidations_are_no_wave_and_count_once(quiet_days: tuple[bytes, list[Wave]]) -> None:
    judge = thawed(quiet_days[0])
    old = [forced(-600 + i, "100", number=str(i)) for i in range(300)]

    def reconnects(minute: int) -> Iterable[Observation]:
        return old if minute in (10, 20, 30) else ()

    assert play(judge, Scene(said=reconnects), 120) == []
    assert {judge.take(said)[0] for said in old} == {Verdict.REPEATED}


def test_the_same_event_told_after_a_reconnect_changes_no_total(revisions: Play) -> None:
    def twice(minute: int) -> Iterable[Observation]:
        yield from cascade(minute)
        if minute == 70:
            for earlier in range(31, 61):
                yield from cascade(earlier)

    once, again = revisions(flush(cascade), 240), revisions(flush(twice), 240)
    assert once[-1].liquidated_long_usd == again[-1].liquidated_long_usd


def test_two_events_of_one_instant_count_twice_when_numbered() -> None:
    tally = Tally()
    assert tally.hear(forced(0, "1", number="1"))
    assert tally.hear(forced(0, "1", number="2"))
    assert not tally.hear(forced(0, "1", number="2"))
    assert tally.between(OPENING.timestamp() - 60, OPENING.timestamp() + 60)[0] == 200_000


def test_a_position_told_anew_with_each_part_of_its_closing_counts_once() -> None:
    tally, whole = Tally(), replace(forced(1, "5", number="a position"), whole=True)
    rest = replace(whole, at=whole.at + timedelta(milliseconds=4), amount=Amount(Decimal("4.9"), Unit.BASE))
    assert tally.hear(whole) is not None
    assert tally.hear(rest) is None
    assert tally.hear(replace(rest, number="another")) is not None


def test_a_liquidation_of_unknown_size_is_not_counted() -> None:
    unsized = Liquidation(
        BTCUSDT,
        Position.LONG,
        Amount(Decimal(1), Unit.CONTRACTS),
        Decimal(100_000),
        OPENING,
        OPENING,
    )
    assert new_judge().take(unsized)[0] is Verdict.UNPRICED
    assert new_judge().take(forced(0, "0"))[0] is Verdict.IMPOSSIBLE


def test_the_tally_keeps_a_day_and_a_half() -> None:
    tally = Tally()
    for minute in range(KEPT_MINUTES + 100):
        tally.hear(forced(minute, "1"))
    assert len(tally.minutes()) == KEPT_MINUTES
    first = OPENING + timedelta(minutes=100)
    assert tally.minutes()[0].at_s == first.timestamp()


def test_of_a_venue_that_seems_to_count_in_other_units_none_is_counted_until_it_does_not() -> None:
    """A thousand times the liquidations, which nothing else could contradict, would be in every sum."""
    judge = new_judge()

    def held(minute: int, coins: str) -> Verdict:
        at = OPENING + minute * MINUTE
        said = OpenInterest(BTCUSDT, Amount(Decimal(coins), Unit.BASE), at, at, Decimal(100_000))
        return judge.take(said)[0]

    def lost(minute: int, coins: str) -> Verdict:
        return judge.take(forced(minute, coins, number=f"m{minute}"))[0]

    assert (held(0, "1000"), lost(0, "1")) == (Verdict.ACCEPT, Verdict.ACCEPT)
    assert (held(1, "1000000"), lost(1, "1000")) == (Verdict.JUMPED, Verdict.RECOUNTED)
    assert lost(60, "1000") is Verdict.RECOUNTED
    assert lost(70, "1") is Verdict.ACCEPT, "no open interest is told any more: not held back for ever"
    assert (held(2, "999"), lost(2, "1")) == (Verdict.ACCEPT, Verdict.ACCEPT)
    assert (held(3, "600"), lost(3, "300")) == (Verdict.JUMPED, Verdict.ACCEPT), "a fall is no other unit"
