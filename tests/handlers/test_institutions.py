"""Institutions' figures in words: short, dated, never among the live ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from bot.domain.market import Holder, Holding, Report, ReportKind, Venue
from bot.domain.waves import Lead, Stage
from handlers.cards import wave_card
from handlers.institutions import beside_lines
from tests.handlers.october import BTC, CME_AFTER, CME_BEFORE, LOW, NOW, TITLES, snapshot, wave
from tests.handlers.test_cards import words

TITLED = {**TITLES, Venue("cftc"): "CFTC", Venue("coinglass"): "CoinGlass"}
TUESDAY = datetime(2025, 10, 7, 21, tzinfo=UTC)
HELD = (
    Holding(Holder.DEALERS, 5_000.0, 15_000.0),
    Holding(Holder.ASSET_MANAGERS, 45_000.0, 2_500.0),
    Holding(Holder.LEVERAGED, 10_000.0, 60_400.0),
)
COT = Report(
    Venue("cme"),
    BTC,
    140_000.0,
    TUESDAY,
    NOW,
    previous_coins=141_000.0,
    previous_as_of=TUESDAY - timedelta(days=7),
    kind=ReportKind.WEEKLY,
    source=Venue("cftc"),
    holdings=HELD,
)
RETOLD = Report(Venue("cme"), BTC, 1.0, NOW, NOW, kind=ReportKind.RETOLD, source=Venue("coinglass"))


def beside(*reports: Report) -> list[str]:
    return list(beside_lines(reports, snapshot(NOW, fallen=1.0), NOW, TITLED))


def told(*reports: Report, stage: Stage = Stage.OVER, **changes: object) -> str:
    return words(wave_card(wave(stage, reports=reports, **changes), titles=TITLED))


def test_each_institution_stands_once_beside_the_venues_with_its_own_day() -> None:
    assert beside(CME_BEFORE, RETOLD, COT) == [
        "Beside them: CME 145,000 BTC as of 9 Oct close",
        "CFTC, Tue 7 Oct, net BTC: leveraged funds −50,400 (10,000 long, 60,400 short)"
        " · asset managers +42,500 (45,000 long, 2,500 short) · dealers −10,000 (5,000 long, 15,000 short)",
    ]


@pytest.mark.parametrize(
    ("reports", "line"),
    [
        ((replace(CME_AFTER, preliminary=True),), "CME 145,000 BTC as of 10 Oct close (preliminary)"),
        ((COT,), "CME 140,000 BTC as of 7 Oct (CFTC)"),
        ((RETOLD,), "CME 1.000 BTC (as CoinGlass tells, 10 Oct)"),
        ((replace(CME_AFTER, preliminary=True), CME_AFTER), "CME 145,000 BTC as of 10 Oct close"),
    ],
)
def test_a_figure_says_of_when_and_of_whom_it_is(reports: tuple[Report, ...], line: str) -> None:
    assert beside(*reports)[0] == f"Beside them: {line}"


def test_a_venue_that_is_live_or_missing_never_stands_beside_itself() -> None:
    twice = replace(COT, venue=Venue("coinbase_cde"), holdings=())
    assert beside(twice, replace(RETOLD, venue=Venue("bybit"), native=True)) == []


def test_two_who_tell_again_are_each_named_beside_what_they_told() -> None:
    one = replace(RETOLD, venue=Venue("v1"), coins=2_000.0, native=True)
    other = replace(RETOLD, venue=Venue("v2"), coins=1_000.0, native=True, source=Venue("coinalyze"))
    assert beside(one, other) == ["Not asked here: V1 2,000 BTC (CoinGlass) · V2 1,000 BTC (Coinalyze)"]


def test_venues_that_are_not_asked_are_told_by_whom_and_never_as_institutions() -> None:
    others = [replace(RETOLD, venue=Venue(f"v{n}"), coins=1_000.0 * n, native=True) for n in range(1, 6)]
    assert beside(*others) == [
        "Not asked here: V5 5,000 BTC · V4 4,000 BTC · V3 3,000 BTC · 2 more (CoinGlass)"
    ]


def test_a_figure_of_long_ago_is_not_shown_as_one_of_now() -> None:
    assert beside(replace(CME_BEFORE, as_of=NOW - timedelta(days=31))) == []


def test_holders_whose_side_is_not_known_are_left_out() -> None:
    half = (Holding(Holder.LEVERAGED, 1.0, None), Holding(Holder.ASSET_MANAGERS, 3_000.0, 1_000.0))
    told = "CFTC, Tue 7 Oct, net BTC: asset managers +2,000 (3,000 long, 1,000 short)"
    assert beside(replace(COT, holdings=half))[1] == told
    assert len(beside(replace(COT, holdings=half[:1]))) == 1


def test_a_flat_report_confirms_a_crypto_native_wave() -> None:
    flat = replace(CME_AFTER, coins=144_710.0)
    assert "Confirmed crypto-native: CME −0.2 % on 10 Oct" in told(flat)


def test_a_falling_report_says_that_institutions_sold_too() -> None:
    fallen = replace(CME_AFTER, coins=136_300.0)
    assert "Institutions sold too: CME −6.0 % on 10 Oct" in told(fallen, lead=Lead.MIXED)


def test_a_preliminary_report_confirms_nothing_yet() -> None:
    text = told(replace(CME_AFTER, coins=136_300.0, preliminary=True), provisional=True)
    assert "CME −6.0 % on 10 Oct, preliminary" in text
    assert "(provisional)" in text
    assert "onfirmed crypto-native" not in text
    assert "sold too" not in text


def test_a_weeks_report_says_that_it_holds_a_week() -> None:
    week = replace(COT, as_of=TUESDAY + timedelta(days=7), previous_as_of=TUESDAY)
    text = told(week)
    assert "Confirmed crypto-native: CME −0.7 % in the week to 14 Oct (CFTC)" in text
    assert "with CME" not in text, "a week's totals are not the wave's"


def test_figures_days_apart_say_from_when_to_when() -> None:
    late = replace(CME_AFTER, coins=140_000.0, previous_as_of=datetime(2025, 10, 2, 21, tzinfo=UTC))
    assert "CME −3.4 % from 2 Oct to 10 Oct" in told(late)


def test_a_wave_that_no_report_covers_says_so() -> None:
    assert "CME: no figure since the end, 145,000 BTC as of 9 Oct close" in told(CME_BEFORE, provisional=True)
    assert "Institutional reports: no figure yet" in told(provisional=True)
    within = replace(CME_BEFORE, as_of=LOW - timedelta(minutes=1))
    assert "no figure since the onset" in told(within, stage=Stage.BUILDING, provisional=True)


def test_a_live_venue_is_not_counted_again_from_a_report() -> None:
    twice = replace(CME_AFTER, venue=Venue("coinbase_cde"), coins=6_000.0, previous_coins=12_400.0)
    assert "sold too" not in told(twice)
    assert "; with" not in told(twice)
