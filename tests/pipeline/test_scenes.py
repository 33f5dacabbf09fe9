"""Scenes that every change of the detector must pass. A minute a step, after days of quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import pairwise

import pytest

from bot.domain.market import Observation, Report, Venue
from bot.domain.verdicts import Verdict
from bot.domain.waves import STAGE_ORDER, Kind, Lead, Stage, Wave
from bot.pipeline.memory import Pace
from tests.pipeline.market import (
    BTC,
    CALM,
    CONTRACTS,
    HISTORY,
    HUNDRED_USD,
    MINUTE,
    OPENING,
    START,
    Contract,
    Fault,
    Scene,
    changed,
    doubled,
    frozen,
    new_judge,
    outage,
    path,
    play,
    price_at,
    skewed,
    stuck,
    thawed,
    times,
)

Play = Callable[[Scene, int], list[Wave]]

CRASH = path((30, 1.0), (70, 0.80))
CRASH_PRICE = path((30, 1.0), (70, 0.88))
FLASH = Scene(positions=CRASH, price=CRASH_PRICE)
DAY = 1440


def only(revisions: list[Wave]) -> Wave:
    """The newest revision, where everything told is one wave."""
    assert {wave.id for wave in revisions} == {revisions[0].id}
    return revisions[-1]


def minute_of(wave: Wave) -> float:
    return (wave.at - OPENING) / MINUTE


def test_the_quiet_history_itself_raises_no_alarm(quiet_days: tuple[bytes, list[Wave]]) -> None:
    assert [wave for wave in quiet_days[1] if wave.magnitude.w >= 2.2] == []


def test_four_more_quiet_days_raise_at_most_one_weekly_alarm(revisions: Play) -> None:
    told = {wave.id for wave in revisions(CALM, 4 * DAY) if wave.magnitude.w >= 2.2}
    assert len(told) <= 1


def test_a_slow_bleed_of_one_percent_a_day_is_no_wave(revisions: Play) -> None:
    bleed = Scene(positions=path((0, 1.0), (4 * DAY, 0.96)), price=path((0, 1.0), (4 * DAY, 0.97)))
    assert revisions(bleed, 4 * DAY) == []


def test_a_flash_wave_is_found_within_minutes_and_told_to_its_end(revisions: Play) -> None:
    told = revisions(FLASH, 180)
    first, last = told[0], only(told)
    assert minute_of(first) <= 35
    assert last.kind is Kind.FLUSH
    assert last.stage is Stage.OVER
    assert last.lead is Lead.NATIVE
    assert abs(minute_of(last) - 100) < 10
    assert last.magnitude.w > 3.9
    assert last.coverage == pytest.approx(1.0)
    assert not last.one_venue
    assert not last.missing
    assert timedelta(minutes=25) <= last.onset - OPENING <= timedelta(minutes=32)
    assert timedelta(minutes=68) <= last.low_at - OPENING <= timedelta(minutes=80)


def test_the_totals_of_a_wave_are_what_was_closed(revisions: Play) -> None:
    scene = Scene(positions=CRASH, price=CRASH_PRICE, quiet=True)
    wave = only(revisions(scene, 180))
    assert wave.price_move == pytest.approx(-0.12, abs=0.002)
    at_rest = price_at(scene, OPENING)
    assert wave.price_before_usd == pytest.approx(at_rest, rel=1e-4)
    change = wave.usd_change
    assert change is not None
    assert change.position_usd == pytest.approx(-wave.coins_closed * at_rest * 0.88, rel=2e-3)
    assert change.price_usd == pytest.approx(-wave.coins_before * at_rest * 0.12, rel=2e-2)
    linear = {c.venue for c in CONTRACTS} - {c.venue for c in CONTRACTS if c.inverse}
    closed = {v.venue: v.coins_closed / v.coins_before for v in wave.venues if v.venue in linear}
    assert closed == pytest.approx(dict.fromkeys(linear, 0.20), abs=0.002)


def test_inverse_contracts_are_told_by_the_coins_they_are_worth(revisions: Play) -> None:
    wave = only(revisions(FLASH, 180))
    by_venue = {row.venue: row for row in wave.venues}
    deribit = by_venue[Venue("deribit")]
    # A fifth of the contracts closed while each came to be worth 1/0.88 as many coins.
    assert deribit.coins_now / deribit.coins_before == pytest.approx(0.80 / 0.88, abs=0.01)


def test_revisions_count_by_one_and_stages_go_forward(revisions: Play) -> None:
    told = revisions(FLASH, 400)
    only(told)
    assert [wave.revision for wave in told] == list(range(1, len(told) + 1))
    assert told[0].loud == 1
    for before, after in pairwise(told):
        assert STAGE_ORDER[before.stage] <= STAGE_ORDER[after.stage]
        assert before.loud <= after.loud <= after.revision
        assert before.at < after.at
        assert before.coins_closed <= after.coins_closed
    assert len({wave.loud for wave in told}) <= 4, "a wave rings a few times, not at every revision"


@pytest.mark.parametrize("end", [0.90, 1.10])
def test_a_price_move_of_a_tenth_with_flat_positions_is_no_wave(revisions: Play, end: float) -> None:
    assert revisions(Scene(price=path((30, 1.0), (70, end))), 240) == []


def test_positions_closed_at_a_flat_price_are_an_unwind(revisions: Play) -> None:
    told = revisions(Scene(positions=path((30, 1.0), (90, 0.92))), 240)
    assert {wave.kind for wave in told} == {Kind.UNWIND}
    assert only(told).fall == pytest.approx(0.08, abs=0.01)


def test_coins_closed_while_dollars_stand_still_are_a_squeeze(revisions: Play) -> None:
    squeeze = Scene(positions=path((30, 1.0), (90, 1 / 1.08)), price=path((30, 1.0), (90, 1.08)))
    told = revisions(squeeze, 240)
    assert only(told).kind is Kind.SQUEEZE
    assert {wave.kind for wave in told} <= {Kind.SQUEEZE, Kind.UNWIND}


def test_a_crash_that_rebounds_before_the_last_position_is_closed_stays_a_flush(revisions: Play) -> None:
    rebound = path((30, 1.0), (50, 0.90), (80, 0.995))
    wave = only(revisions(Scene(positions=path((30, 1.0), (50, 0.85), (80, 0.83)), price=rebound), 240))
    assert wave.kind is Kind.FLUSH


VENUES = ("binance_usdm", "bybit", "deribit", "binance_coinm")
FAULTS: dict[str, Callable[[str], Fault]] = {
    "is out for an hour": lambda v: outage(v, 30, 90),
    "is out for ten hours": lambda v: outage(v, 30, 630),
    "says zero": lambda v: changed(v, 30, 90, times("0")),
    "says a thousandth": lambda v: changed(v, 30, 90, times("0.001")),
    "says a thousand times as much": lambda v: changed(v, 30, 90, times("1000")),
    "counts one side instead of two": lambda v: changed(v, 30, 9999, times("0.5")),
    "counts one side for an hour": lambda v: changed(v, 30, 90, times("0.5")),
    "counts two sides for an hour": lambda v: changed(v, 30, 90, times("2")),
    "counts in other units for good": lambda v: changed(v, 30, 9999, times("0.001")),
    "stands still": lambda v: changed(v, 30, 330, stuck()),
    "says everything twice": lambda v: changed(v, 30, 90, doubled),
    "has a clock an hour ahead": lambda v: changed(v, 30, 90, skewed(timedelta(hours=1))),
    "has a clock an hour behind": lambda v: changed(v, 30, 90, skewed(timedelta(hours=-1))),
    "says nonsense": lambda v: changed(v, 30, 90, times("NaN")),
    "says less than nothing": lambda v: changed(v, 30, 90, times("-1")),
}


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_venue_is_no_wave(revisions: Play, venue: str, fault: str) -> None:
    assert revisions(Scene(faults=(FAULTS[fault](venue),)), 700) == []


@pytest.mark.parametrize("fault", ["is out for an hour", "says zero", "stands still", "says a thousandth"])
def test_a_fault_of_one_venue_does_not_hide_a_wave(revisions: Play, fault: str) -> None:
    told = revisions(Scene(positions=CRASH, price=CRASH_PRICE, faults=(FAULTS[fault]("okx"),)), 500)
    wave = only(told)
    assert wave.kind is Kind.FLUSH
    assert wave.fall == pytest.approx(0.185, abs=0.02)


@pytest.mark.parametrize("until", [55.0, 85.0, 230.0])
def test_an_outage_inside_a_wave_hides_nothing_once_the_venue_is_back(revisions: Play, until: float) -> None:
    whole = only(revisions(FLASH, 400))
    scene = Scene(positions=CRASH, price=CRASH_PRICE, faults=(outage("binance_usdm", 40, until),))
    told = revisions(scene, 400)
    wave = only(told)
    assert wave.fall == pytest.approx(whole.fall, abs=0.01)
    assert any("binance_usdm" in {m.venue for m in w.missing} for w in told), "it was named while away"
    assert not wave.done or wave.coverage == pytest.approx(1.0)


def quarterly(settles: float) -> Contract:
    return Contract(
        "binance_coinm",
        "BTCUSD_251226",
        40_000,
        inverse=True,
        size=HUNDRED_USD,
        expiry=OPENING + settles * MINUTE,
    )


def test_a_quarterly_expiry_is_no_wave(quiet_days: tuple[bytes, list[Wave]]) -> None:
    judge, dated = thawed(quiet_days[0]), quarterly(120)
    scene = Scene(contracts=(*CONTRACTS, dated), own={dated.symbol: path((100, 1.0), (119, 0.15))})
    assert play(judge, scene, 400) == []
    assert judge.verdict_on(dated.instrument) is Verdict.EXPIRED


def test_a_delisting_is_no_wave(revisions: Play) -> None:
    assert revisions(Scene(faults=(outage("BTCUSD_PERP", 30, 9999),)), 8 * 60) == []


def test_a_venue_that_joins_moves_nothing(revisions: Play) -> None:
    gate = Contract("gate", "BTC_USDT", 80_000)
    assert revisions(Scene(contracts=(*CONTRACTS, gate), faults=(outage("gate", 0, 30),)), 240) == []


def test_a_venue_that_joins_inside_a_wave_changes_no_total(revisions: Play) -> None:
    scene = Scene(
        positions=CRASH,
        price=CRASH_PRICE,
        contracts=(*CONTRACTS, Contract("gate", "BTC_USDT", 50_000)),
        own={"gate": path((0, 1.0))},
        faults=(outage("gate", 0, 50),),
    )
    whole, wave = only(revisions(FLASH, 240)), only(revisions(scene, 240))
    assert wave.coins_closed == pytest.approx(whole.coins_closed, rel=0.02)


def test_a_flush_of_one_venue_alone_says_so(revisions: Play) -> None:
    scene = Scene(own={"hyperliquid": path((30, 1.0), (50, 0.6))}, price=path((30, 1.0), (50, 0.985)))
    wave = only(revisions(scene, 200))
    assert wave.one_venue
    assert wave.venues[0].venue == "hyperliquid"
    assert wave.magnitude.w >= 2.6


def test_a_fall_of_one_venue_alone_needs_more_than_the_same_coins_of_all(revisions: Play) -> None:
    """Two coins in a hundred close, at a price that hardly moves."""
    price = path((30, 1.0), (50, 0.998))
    assert revisions(Scene(own={"hyperliquid": path((30, 1.0), (50, 0.84))}, price=price), 200) == []
    assert revisions(Scene(positions=path((30, 1.0), (50, 0.98)), price=price), 200) != []


def test_a_wave_refilled_within_two_hours_is_over_and_not_retracted(revisions: Play) -> None:
    refilled = Scene(
        positions=path((30, 1.0), (60, 0.85), (150, 0.99)),
        price=path((30, 1.0), (60, 0.92), (150, 0.97)),
    )
    told = revisions(refilled, 300)
    assert only(told).stage is Stage.OVER
    assert Stage.RETRACTED not in {wave.stage for wave in told}


def test_a_wave_is_over_as_soon_as_half_of_it_is_open_again(revisions: Play) -> None:
    soon = Scene(
        positions=path((30, 1.0), (60, 0.85), (80, 0.99)),
        price=path((30, 1.0), (60, 0.92), (80, 0.97)),
    )
    wave = only(revisions(soon, 300))
    assert wave.stage is Stage.OVER
    assert minute_of(wave) < 80


def test_a_glitch_of_one_venue_undone_within_minutes_is_taken_back_with_the_reason(revisions: Play) -> None:
    glitch = Scene(own={"binance_usdm": path((30, 1.0), (33, 0.78), (38, 0.78), (40, 1.0))})
    wave = only(revisions(glitch, 200))
    assert wave.stage is Stage.RETRACTED
    assert wave.loud == wave.revision, "who was told is told aloud"
    assert "binance_usdm" in wave.reason


def test_an_aftershock_within_six_hours_is_the_same_wave(revisions: Play) -> None:
    again = Scene(
        positions=path((30, 1.0), (60, 0.85), (240, 0.86), (260, 0.75)),
        price=path((30, 1.0), (60, 0.92), (240, 0.925), (260, 0.88)),
    )
    wave = only(revisions(again, 500))
    assert wave.aftershocks > 0
    assert wave.fall > 0.2


def test_a_fall_a_day_later_is_a_wave_of_its_own(revisions: Play) -> None:
    later = DAY + 60
    again = Scene(
        positions=path((30, 1.0), (60, 0.85), (later, 0.85), (later + 30, 0.70)),
        price=path((30, 1.0), (60, 0.92), (later, 0.92), (later + 30, 0.83)),
    )
    told = revisions(again, later + 200)
    assert len({wave.id for wave in told}) == 2


def cme(coins_after: float) -> Callable[[int], Iterable[Observation]]:
    """CME's report of the day before, told at the start; that of the day of the wave, told a day later.

    What the first says was closed, was closed before the wave.
    """

    def said(minute: int) -> Iterable[Observation]:
        if minute == 1:
            yield Report(Venue("cme"), BTC, 145_000.0, OPENING - timedelta(hours=2), OPENING, 300_000.0)
        if minute == DAY:
            at = OPENING + timedelta(days=1)
            yield Report(Venue("cme"), BTC, coins_after, at, at, previous_coins=145_000.0)

    return said


@pytest.mark.parametrize(
    ("coins_after", "lead"),
    [(145_000.0, Lead.NATIVE), (120_000.0, Lead.MIXED), (30_000.0, Lead.INSTITUTION)],
)
def test_a_report_confirms_or_changes_who_led(revisions: Play, coins_after: float, lead: Lead) -> None:
    scene = Scene(positions=CRASH, price=CRASH_PRICE, said=cme(coins_after))
    told = revisions(scene, DAY + 60)
    first, last = told[0], only(told)
    assert (first.lead, first.provisional) == (Lead.NATIVE, True)
    assert (last.lead, last.provisional) == (lead, False)
    assert minute_of(last) == DAY
    assert last.coins_closed == told[-2].coins_closed, "a report stands beside the venues, never among them"


def test_a_regulated_venue_that_closes_most_leads(revisions: Play) -> None:
    regulated = Contract("coinbase_cde", "BIG", 40_000)
    scene = Scene(
        positions=path((30, 1.0), (70, 0.98)),
        own={"coinbase_cde": path((30, 1.0), (70, 0.3))},
        contracts=tuple(c if c.venue != "coinbase_cde" else regulated for c in CONTRACTS),
        price=path((30, 1.0), (70, 0.97)),
    )
    assert only(revisions(scene, 240)).lead is not Lead.NATIVE


def test_without_any_price_coins_are_known_and_dollars_are_not(revisions: Play) -> None:
    wave = only(revisions(Scene(positions=CRASH, tells_price=False), 240))
    assert wave.kind is Kind.UNPRICED
    assert wave.coins_closed > 0
    assert wave.usd_change is None
    assert wave.price_move is None


def test_below_the_floor_of_coverage_nothing_new_is_declared(revisions: Play) -> None:
    blind = tuple(outage(v, 10, 9999) for v in ("binance_usdm", "bybit", "okx"))
    assert revisions(Scene(positions=CRASH, price=CRASH_PRICE, faults=blind), 240) == []


def test_with_too_little_history_nothing_is_declared() -> None:
    judge = new_judge()
    play(judge, CALM, DAY // 2, OPENING - timedelta(minutes=DAY // 2))
    assert play(judge, FLASH, 240) == []


def test_a_restart_changes_no_wave(quiet_days: tuple[bytes, list[Wave]]) -> None:
    undisturbed = play(thawed(quiet_days[0]), FLASH, 240)
    judge = thawed(quiet_days[0])
    told: list[Wave] = []
    for minute in range(0, 240, 15):
        told.extend(play(judge, FLASH, 15, OPENING + minute * MINUTE))
        judge = thawed(frozen(judge))
    assert told == undisturbed
    assert len(told) > 5


def test_steps_of_another_length_cannot_be_continued(quiet_days: tuple[bytes, list[Wave]]) -> None:
    state = thawed(quiet_days[0]).state()
    judge = new_judge(Pace(step=timedelta(minutes=5), fresh=timedelta(minutes=10)))
    with pytest.raises(ValueError, match="kept in steps of"):
        judge.restore(state)


def test_five_minute_steps_find_the_same_wave() -> None:
    judge = new_judge(Pace(step=5 * MINUTE, fresh=8 * MINUTE))
    wave = only(play(judge, FLASH, int(HISTORY / MINUTE) + 240, START))
    assert (wave.kind, wave.stage) == (Kind.FLUSH, Stage.OVER)
    assert wave.fall == pytest.approx(0.185, abs=0.02)
    assert wave.magnitude.w > 3.5
