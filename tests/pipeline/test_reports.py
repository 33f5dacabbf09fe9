"""Scenes of institutions' reports: what confirms a wave, what changes who led it, and what must not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import pytest

from bot.domain.market import Observation, Report, ReportKind, Venue
from bot.domain.verdicts import Verdict
from bot.domain.waves import Lead, Wave
from bot.pipeline.attribution import told_of
from tests.pipeline.market import BTC, MINUTE, OPENING, Scene, frozen, new_judge, path, play, thawed

Play = Callable[[Scene, int], list[Wave]]
Said = Callable[[int], Iterable[Observation]]

CRASH = path((30, 1.0), (70, 0.80))
CRASH_PRICE = path((30, 1.0), (70, 0.88))
DAY = 1440
CME, CFTC, GLASS, PUBLISHED = Venue("cme"), Venue("cftc"), Venue("coinglass"), Venue("published")
BEFORE = OPENING - timedelta(hours=2)
AFTER = OPENING + timedelta(hours=22)
FLAT, FALLEN = 144_700.0, 30_000.0


def figure(coins: float, as_of: datetime, **more: object) -> Report:
    facts = {"as_of": as_of, "received": max(as_of, OPENING), "venue": CME, "asset": BTC, "coins": coins}
    return Report(**{**facts, **more})  # type: ignore[arg-type]


def filed(*at: tuple[int, Report]) -> Said:
    """The reports, each told at its minute."""
    return lambda minute: [report for when, report in at if when == minute]


def crash(*at: tuple[int, Report]) -> Scene:
    return Scene(positions=CRASH, price=CRASH_PRICE, said=filed((1, figure(145_000.0, BEFORE)), *at))


def minute_of(wave: Wave) -> float:
    return (wave.at - OPENING) / MINUTE


@pytest.mark.parametrize(("coins", "lead"), [(FLAT, Lead.NATIVE), (FALLEN, Lead.INSTITUTION)])
def test_the_first_final_figure_from_after_the_wave_settles_who_led_once_and_quietly(
    revisions: Play, coins: float, lead: Lead
) -> None:
    later = figure(500_000.0, AFTER + timedelta(days=1))
    told = revisions(crash((DAY, figure(coins, AFTER)), (2 * DAY, later)), 2 * DAY + 10)
    settled = told[-1]
    assert minute_of(settled) == DAY, "nothing is said of what came after"
    assert (settled.lead, settled.provisional, settled.loud) == (lead, False, told[-2].loud)
    (cme,) = settled.reports
    assert (cme.coins, cme.previous_coins, cme.previous_as_of) == (coins, 145_000.0, BEFORE)


def test_a_preliminary_figure_leaves_it_open_until_the_final_one(revisions: Play) -> None:
    early = figure(FALLEN, AFTER, preliminary=True)
    told = revisions(crash((DAY, early), (DAY + 60, figure(FLAT, AFTER))), DAY + 120)
    first, last = told[-2:]
    assert (minute_of(first), first.lead, first.provisional) == (DAY, Lead.INSTITUTION, True)
    assert (minute_of(last), last.lead, last.provisional) == (DAY + 60, Lead.NATIVE, False)


def test_a_preliminary_figure_never_replaces_the_final_one() -> None:
    judge = new_judge()
    final, early = figure(FLAT, AFTER), figure(FALLEN, AFTER, preliminary=True)
    assert [judge.take(one)[0] for one in (early, final, early, final)] == [
        *(Verdict.ACCEPT, Verdict.ACCEPT),
        *(Verdict.REPEATED, Verdict.REPEATED),
    ]


def test_a_weeks_positions_alone_settle_it_days_later(revisions: Play) -> None:
    tuesday = {"kind": ReportKind.WEEKLY, "source": CFTC, "previous_as_of": OPENING - timedelta(days=5)}
    cot = figure(FLAT, OPENING + timedelta(days=2), previous_coins=145_000.0, **tuesday)
    scene = Scene(positions=CRASH, price=CRASH_PRICE, said=filed((3 * DAY, cot)))
    followed = crash((3 * DAY, cot))
    told = revisions(followed, 3 * DAY + 5)
    assert (minute_of(told[-1]), told[-1].lead, told[-1].provisional) == (3 * DAY, Lead.NATIVE, False)
    assert [r.source for r in told[-1].reports] == [CFTC]
    assert revisions(scene, 3 * DAY + 5)[-1].provisional, "where no report is followed nothing is waited for"


def test_a_report_that_never_comes_leaves_it_provisional(revisions: Play) -> None:
    told = revisions(crash(), 3 * DAY)
    assert told[-1].provisional
    assert [r.as_of for r in told[-1].reports] == [BEFORE]


def test_a_figure_from_before_the_end_confirms_nothing(revisions: Play) -> None:
    within = figure(FALLEN, OPENING + 40 * MINUTE)
    last = revisions(crash((DAY, within)), DAY + 5)[-1]
    assert (last.lead, last.provisional) == (Lead.NATIVE, True)


def test_a_close_that_held_over_the_wave_confirms_it(revisions: Play) -> None:
    """On a Friday before trading went round the clock: closed from within the wave until Sunday."""
    closed = figure(FLAT, OPENING + 40 * MINUTE, holds_until=OPENING + timedelta(days=2))
    assert not revisions(crash((DAY, closed)), DAY + 5)[-1].provisional


def test_a_figure_only_retold_confirms_nothing(revisions: Play) -> None:
    """As of when is not known: it may be yesterday's."""
    retold = figure(FALLEN, AFTER, source=GLASS, kind=ReportKind.RETOLD, previous_coins=145_000.0)
    last = revisions(crash((DAY, retold)), DAY + 5)[-1]
    assert (last.lead, last.provisional) == (Lead.NATIVE, True)


def test_a_venue_that_is_asked_itself_is_not_taken_from_a_report(revisions: Play) -> None:
    twice = figure(0.0, AFTER, venue=Venue("coinbase_cde"), source=CFTC, previous_coins=500_000.0)
    last = revisions(crash((DAY, twice)), DAY + 5)[-1]
    assert (last.lead, last.provisional) == (Lead.NATIVE, True)


def test_two_sources_of_one_venue_count_once() -> None:
    end = OPENING + timedelta(hours=1)
    daily = figure(FLAT, AFTER, previous_coins=145_000.0, source=PUBLISHED)
    weekly = figure(140_000.0, AFTER, previous_coins=150_000.0, source=CFTC, kind=ReportKind.WEEKLY)
    retold = figure(1.0, AFTER, source=GLASS, kind=ReportKind.RETOLD)
    assert told_of([weekly, retold, daily], OPENING, end) == (daily,)


def test_a_report_days_late_is_compared_with_what_stood_before_the_wave() -> None:
    """The figure before it is from after the wave, so its own change says nothing of it."""
    end = OPENING + timedelta(hours=1)
    before = figure(145_000.0, BEFORE)
    late = figure(100_000.0, AFTER + timedelta(days=3), previous_coins=101_000.0, previous_as_of=AFTER)
    (told,) = told_of([late, before], OPENING, end)
    assert (told.previous_coins, told.previous_as_of) == (145_000.0, BEFORE)
    (alone,) = told_of([late], OPENING, end)
    assert alone.previous_coins is None


def test_a_figure_from_within_the_wave_is_neither_its_beginning_nor_its_end() -> None:
    end = OPENING + timedelta(hours=1)
    known = [figure(145_000.0, BEFORE), figure(90_000.0, OPENING + 40 * MINUTE), figure(FLAT, AFTER)]
    (told,) = told_of(known, OPENING + 30 * MINUTE, end)
    assert (told.coins, told.previous_coins) == (FLAT, 145_000.0)


def test_the_nearest_figure_from_before_the_wave_is_compared_with() -> None:
    yesterday = OPENING - timedelta(hours=5)
    after = figure(FLAT, AFTER, previous_coins=146_000.0, previous_as_of=yesterday)
    old = figure(90_000.0, OPENING - timedelta(days=9))
    (told,) = told_of([old, after], OPENING, OPENING + MINUTE)
    assert (told.previous_coins, told.previous_as_of) == (146_000.0, yesterday)


def test_a_report_that_comes_after_a_restart_still_settles_it(quiet_days: tuple[bytes, list[Wave]]) -> None:
    scene = crash((2 * DAY, figure(FLAT, AFTER)))
    judge = thawed(quiet_days[0])
    first = play(judge, scene, DAY)
    again = thawed(frozen(judge))
    rest = play(again, scene, DAY + 5, OPENING + timedelta(days=1))
    assert first[-1].provisional
    assert [(minute_of(w), w.id, w.revision, w.provisional) for w in rest] == [
        (2 * DAY, first[-1].id, first[-1].revision + 1, False)
    ]


def test_a_report_heard_just_before_a_restart_still_settles_it(quiet_days: tuple[bytes, list[Wave]]) -> None:
    judge = thawed(quiet_days[0])
    last = play(judge, crash(), DAY)[-1]
    judge.take(figure(FLAT, AFTER))
    (settled,) = play(thawed(frozen(judge)), crash(), 3, OPENING + timedelta(days=1))
    assert (last.provisional, settled.provisional) == (True, False)


def test_an_older_report_is_kept_to_compare_with_but_not_without_end() -> None:
    judge = new_judge()
    ages = [figure(1.0, OPENING - timedelta(days=n)) for n in range(20)]
    verdicts = [judge.take(one)[0] for one in ages]
    assert verdicts == [Verdict.ACCEPT] * 16 + [Verdict.BACKWARDS] * 4


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (figure(-1.0, BEFORE), Verdict.IMPOSSIBLE),
        (figure(1.0, OPENING + timedelta(days=1), received=OPENING), Verdict.FUTURE),
    ],
)
def test_an_impossible_report_is_not_believed(report: Report, verdict: Verdict) -> None:
    assert new_judge().take(report)[0] is verdict
