"""Single verdicts of the gate, and what the aggregate makes of absences."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from bot.domain.assets import Asset
from bot.domain.market import Group, Instrument, OpenInterest, Price, Reading, Venue
from bot.domain.units import Amount, ContractSize, Unit
from bot.domain.verdicts import Verdict
from bot.pipeline.aggregate import Aggregate
from bot.pipeline.gate import Gate
from bot.pipeline.horizons import HORIZONS

BTC = Asset("BTC")
AT = datetime(2025, 10, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FRESH = timedelta(minutes=3)
SWAP = Instrument(Venue("acme"), "BTC-SWAP", BTC)


def said(value: str | float, minute: float, instrument: Instrument = SWAP, late: float = 0) -> OpenInterest:
    at = AT + minute * MINUTE
    amount = Amount(Decimal(str(value)), Unit.BASE)
    return OpenInterest(instrument, amount, at, at + late * MINUTE, Decimal(60_000))


def verdicts(*all_said: OpenInterest) -> list[Verdict]:
    gate = Gate(FRESH)
    return [gate.open_interest(one)[0] for one in all_said]


def lively(minutes: int) -> Iterable[OpenInterest]:
    chance = random.Random(3)  # noqa: S311
    return (said(f"{1000 + chance.uniform(-5, 5):.3f}", minute) for minute in range(minutes))


def test_what_is_late_or_from_the_future_is_not_believed() -> None:
    assert verdicts(said(1, 0, late=2), said(2, 1, late=4)) == [Verdict.ACCEPT, Verdict.STALE]
    assert verdicts(said(1, 0, late=-3)) == [Verdict.FUTURE]


def test_a_lively_market_that_stands_still_is_frozen_until_it_moves() -> None:
    gate = Gate(FRESH)
    for one in lively(60):
        gate.open_interest(one)
    still = [gate.open_interest(said(1000, 60 + minute))[0] for minute in range(30)]
    assert still[:5] == [Verdict.ACCEPT] * 5
    assert still[-1] is Verdict.FROZEN
    assert still == sorted(still, key=list(Verdict).index), "once frozen it stays so"
    assert gate.open_interest(said(1001, 90))[0] is Verdict.ACCEPT


def test_a_market_that_often_stands_still_is_soon_known_not_to_be_frozen() -> None:
    gate = Gate(FRESH)
    told = [gate.open_interest(said(1000 + minute // 20, minute))[0] for minute in range(400)]
    assert set(told[20:]) == {Verdict.ACCEPT}


def test_a_jump_is_believed_when_the_next_reading_agrees_and_brings_its_change() -> None:
    gate = Gate(FRESH)
    first = gate.open_interest(said(1000, 0))
    held = gate.open_interest(said(600, 1))
    agreed, reading = gate.open_interest(said(598, 2))
    assert [first[0], held[0], agreed] == [Verdict.ACCEPT, Verdict.JUMPED, Verdict.ACCEPT]
    assert reading is not None
    assert not reading.new_beginning


def test_a_jump_that_is_taken_back_leaves_no_trace() -> None:
    assert verdicts(said(1000, 0), said(600, 1), said(1001, 2), said(600, 3)) == [
        Verdict.ACCEPT,
        Verdict.JUMPED,
        Verdict.ACCEPT,
        Verdict.JUMPED,
    ]


@pytest.mark.parametrize(("factor", "minutes"), [("0.5", 1), ("2", 1), ("1000", 60), ("0.001", 60)])
def test_a_change_of_counting_that_lasts_is_a_new_beginning(factor: str, minutes: int) -> None:
    gate = Gate(FRESH)
    gate.open_interest(said(1000, 0))
    value = Decimal(1000) * Decimal(factor)
    for minute in range(minutes):
        once_more = value * (1 + Decimal(minute) / 10_000)
        assert gate.open_interest(said(str(once_more), minute + 1)) == (Verdict.JUMPED, None)
    verdict, reading = gate.open_interest(said(str(value * Decimal("1.00601")), minutes + 1))
    assert verdict is Verdict.ACCEPT
    assert reading is not None
    assert reading.new_beginning


def test_a_change_of_counting_that_is_taken_back_leaves_no_trace() -> None:
    flipped = [said(1_000_000 + minute, minute) for minute in range(1, 50)]
    told = verdicts(said(1000, 0), *flipped, said(1001, 50))
    assert told == [Verdict.ACCEPT, *[Verdict.JUMPED] * 49, Verdict.ACCEPT]


def test_a_resized_contract_is_a_new_beginning() -> None:
    def sized(size: str, value: int, minute: int) -> OpenInterest:
        instrument = Instrument(
            Venue("acme"), "BTC-SWAP", BTC, contract=ContractSize(Decimal(size), Unit.BASE)
        )
        at = AT + minute * MINUTE
        return OpenInterest(instrument, Amount(Decimal(value), Unit.CONTRACTS), at, at, Decimal(60_000))

    gate = Gate(FRESH)
    assert gate.open_interest(sized("0.01", 1000, 0))[0] is Verdict.ACCEPT
    assert gate.open_interest(sized("0.1", 1000, 1))[0] is Verdict.RESIZED
    verdict, reading = gate.open_interest(sized("0.1", 1001, 2))
    assert verdict is Verdict.ACCEPT
    assert reading is not None
    assert reading.new_beginning
    assert reading.coins == pytest.approx(100.1)


@pytest.mark.parametrize("changed", [{"funding_interval": timedelta(hours=4)}, {"alias": "17"}])
def test_what_is_told_of_a_contract_besides_begins_nothing_anew(changed: dict[str, object]) -> None:
    """In a crash venues shorten the intervals of funding; open interest goes on."""
    gate = Gate(FRESH)
    for minute, instrument in enumerate((SWAP, SWAP, msgspec.structs.replace(SWAP, **changed))):
        verdict, reading = gate.open_interest(said(1000 - minute, minute, instrument))
    assert verdict is Verdict.ACCEPT
    assert reading is not None
    assert reading.instrument == instrument
    assert not reading.new_beginning


def test_a_price_that_halves_is_held_until_the_next_agrees() -> None:
    gate = Gate(FRESH)
    told = [
        gate.price(Price(SWAP, Decimal(price), AT + minute * MINUTE, AT + minute * MINUTE))
        for minute, price in enumerate((60_000, 20_000, 20_100, 60_000, 20_200))
    ]
    assert told == [
        Verdict.ACCEPT,
        Verdict.JUMPED,
        Verdict.ACCEPT,
        Verdict.JUMPED,
        Verdict.ACCEPT,
    ]


def test_dollars_without_a_fresh_price_are_unpriced() -> None:
    at = AT
    dollars = OpenInterest(SWAP, Amount(Decimal(10**9), Unit.QUOTE), at, at)
    assert Gate(FRESH).open_interest(dollars) == (Verdict.UNPRICED, None)


def market() -> Aggregate:
    groups = {Venue(name): Group.OFFSHORE for name in ("acme", "other")}
    return Aggregate(BTC, groups, step_s=60, fresh_s=180)


def reading(venue: str, coins: float, minute: int, price: float | None = 60_000.0) -> Reading:
    at = AT + minute * MINUTE
    return Reading(Instrument(Venue(venue), "BTC", BTC), coins, price, at, at)


def test_a_change_made_during_an_absence_counts_only_for_horizons_that_span_it() -> None:
    aggregate = market()
    for minute in range(100):
        aggregate.take(reading("other", 1000, minute))
        if minute == 0 or minute == 99:
            aggregate.take(reading("acme", 1000 if minute == 0 else 800, minute))
        step = aggregate.step((AT + minute * MINUTE).timestamp())
    assert step is not None
    by_horizon = dict(zip(HORIZONS, step.moves, strict=True))
    assert [h for h, move in by_horizon.items() if move < -0.05] == [
        timedelta(hours=4),
        timedelta(hours=24),
    ]
    assert [move for h, move in by_horizon.items() if h < timedelta(hours=4)] == [0.0, 0.0, 0.0]


def test_a_venue_out_of_sight_is_named_with_its_weight_and_lowers_the_coverage() -> None:
    aggregate = market()
    aggregate.take(reading("acme", 300, 0))
    for minute in range(10):
        aggregate.take(reading("other", 700, minute))
        now = AT + minute * MINUTE
        step = aggregate.step(now.timestamp())
    assert step is not None
    assert step.coverage == pytest.approx(0.7)
    snapshot = aggregate.snapshot(step, now, {("acme", "BTC"): Verdict.FROZEN})
    (missing,) = snapshot.missing
    assert (missing.venue, missing.why, missing.coins) == ("acme", Verdict.FROZEN, 300)
    assert [v.venue for v in snapshot.venues] == ["other"]
    assert snapshot.coins == 700
    assert snapshot.usd == pytest.approx(700 * 60_000)


def test_a_contract_without_a_price_takes_the_price_of_the_asset() -> None:
    aggregate = market()
    aggregate.take(reading("acme", 10, 0, price=None))
    aggregate.take(reading("other", 5, 0))
    step = aggregate.step(AT.timestamp())
    assert step is not None
    assert aggregate.snapshot(step, AT, {}).usd == pytest.approx(15 * 60_000)


def test_without_any_price_dollars_are_unknown() -> None:
    aggregate = market()
    aggregate.take(reading("acme", 10, 0, price=None))
    step = aggregate.step(AT.timestamp())
    assert step is not None
    assert step.price_usd is None
    assert aggregate.snapshot(step, AT, {}).usd is None


def test_a_price_that_only_follows_from_the_amounts_stands_in_until_a_mark_price_is_told() -> None:
    gate = Gate(FRESH)

    def implied(minute: float) -> OpenInterest:
        one = said(10 + minute, minute)
        return msgspec.structs.replace(one, price=None, worth=one.amount.value * 60_000)

    def price(one: OpenInterest) -> float | None:
        _, reading = gate.open_interest(one)
        assert reading is not None
        return reading.price_usd

    assert price(implied(0)) == 60_000
    gate.price(Price(SWAP, Decimal(61_000), AT + MINUTE, AT + MINUTE))
    assert [price(implied(minute)) for minute in (1, 2, 4)] == [61_000] * 3
    assert price(implied(5)) == 60_000, "no mark price is fresh any more"
