"""What every store keeps to: the market and the waves. test_contract_posts.py has the chats."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.domain.market import Holder, Holding, LiquidationSum, Point, Position, ReportKind, Venue
from bot.domain.posts import Notice
from bot.domain.units import ContractSize, Unit
from bot.domain.waves import Stage
from bot.ports import Store
from tests.storage.samples import (
    BTC,
    BTC_SWAP,
    BTCUSDT,
    DAY,
    ETH,
    HOUR,
    KPEPE,
    MINUTE,
    NOW,
    PEPE,
    liquidation,
    quarantined,
    reading,
    report,
    snapshot,
    wave,
)

TICK = timedelta(microseconds=1)
QUARTER = timedelta(minutes=15)


async def test_readings_come_back_exactly_in_order_of_time_and_instrument(store: Store) -> None:
    unpriced = replace(reading(NOW, KPEPE), price_usd=None, new_beginning=True)
    told = [reading(NOW + TICK), reading(NOW, BTC_SWAP), reading(NOW), unpriced]
    await store.journal.record(told)
    assert await store.journal.readings(NOW - TICK, NOW + TICK) == [
        unpriced,
        reading(NOW),
        reading(NOW, BTC_SWAP),
        reading(NOW + TICK),
    ]


async def test_readings_are_asked_for_after_one_time_and_up_to_another(store: Store) -> None:
    await store.journal.record([reading(NOW), reading(NOW + MINUTE), reading(NOW + 2 * MINUTE)])
    assert await store.journal.readings(NOW, NOW + MINUTE) == [reading(NOW + MINUTE)]


async def test_a_reading_recorded_twice_is_there_once(store: Store) -> None:
    await store.journal.record([reading(), reading()])
    await store.journal.record([reading(coins=1.0)])
    assert await store.journal.readings(NOW - TICK, NOW) == [reading()]


async def test_a_contract_that_changes_its_size_keeps_the_old_readings_as_they_were(store: Store) -> None:
    resized = replace(BTC_SWAP, contract=ContractSize(Decimal(1), Unit.BASE))
    told = [reading(NOW, BTC_SWAP), reading(NOW + MINUTE, resized), reading(NOW + HOUR, BTC_SWAP)]
    for one in told:
        await store.journal.record([one])
    assert await store.journal.readings(NOW - TICK, NOW + HOUR) == told


async def test_quarantine_is_told_newest_first_and_once(store: Store) -> None:
    told = [quarantined(NOW), quarantined(NOW + MINUTE), quarantined(NOW + MINUTE, what="ETHUSDT")]
    await store.journal.quarantine(told)
    await store.journal.quarantine(told)
    assert await store.journal.quarantined(NOW) == [told[1], told[2], told[0]]
    assert await store.journal.quarantined(NOW + TICK, limit=1) == [told[1]]


async def test_a_snapshot_comes_back_whole(store: Store) -> None:
    told = [snapshot(), snapshot(asset=ETH, usd=None), snapshot(NOW + MINUTE)]
    await store.journal.snap(told)
    assert await store.journal.snapshot(BTC) == told[2]
    assert await store.journal.snapshot(BTC, NOW + MINUTE - TICK) == told[0]
    assert await store.journal.snapshot(ETH, NOW) == told[1]
    assert await store.journal.snapshot(BTC, NOW - TICK) is None
    assert await store.journal.snapshot(PEPE) is None


async def test_a_snapshot_told_twice_changes_nothing(store: Store) -> None:
    await store.journal.snap([snapshot()])
    await store.journal.snap([snapshot(coins=1.0)])
    assert await store.journal.snapshot(BTC) == snapshot()
    assert len(await store.journal.series(BTC, NOW, NOW, MINUTE)) == 1


async def test_assets_are_told_largest_first_by_their_newest_snapshot(store: Store) -> None:
    await store.journal.snap(
        [snapshot(usd=9e9), snapshot(asset=PEPE, usd=None), snapshot(asset=ETH, usd=2e9)]
    )
    assert await store.journal.assets() == [BTC, ETH, PEPE]
    await store.journal.snap([snapshot(NOW + MINUTE, usd=1e9), snapshot(NOW - MINUTE, asset=ETH, usd=5e5)])
    assert await store.journal.assets() == [ETH, BTC, PEPE]


async def test_a_series_has_the_last_point_of_each_step_and_no_points_in_a_gap(store: Store) -> None:
    start = NOW.replace(minute=0, second=0, microsecond=0)
    minutes = (0, 14, 15, 29, 60, 61)
    await store.journal.snap([snapshot(start + m * MINUTE, coins=float(m)) for m in minutes])
    series = await store.journal.series(BTC, start, start + HOUR, QUARTER)
    assert series == [Point(start + m * MINUTE, float(m), 122_000.0, 0.86, -0.125) for m in (14, 29, 60)]
    assert await store.journal.series(BTC, start + 62 * MINUTE, start + DAY, QUARTER) == []


async def test_whole_snapshots_of_a_span_are_those_that_its_series_points_at(store: Store) -> None:
    start = NOW.replace(minute=0, second=0, microsecond=0)
    told = [snapshot(start + m * MINUTE, coins=float(m)) for m in (0, 14, 15, 29, 60, 61)]
    await store.journal.snap([*told, snapshot(start, ETH)])
    whole = await store.journal.snapshots(BTC, start, start + HOUR, QUARTER)
    assert whole == [told[1], told[3], told[4]]
    points = await store.journal.series(BTC, start, start + HOUR, QUARTER)
    assert [(each.at, each.coins) for each in whole] == [(each.at, each.coins) for each in points]


@pytest.mark.parametrize("step", [timedelta(0), -MINUTE])
async def test_a_step_of_nothing_is_refused(store: Store, step: timedelta) -> None:
    with pytest.raises(ValueError, match="steps"):
        await store.journal.series(BTC, NOW, NOW, step)
    with pytest.raises(ValueError, match="steps"):
        await store.journal.snapshots(BTC, NOW, NOW, step)
    with pytest.raises(ValueError, match="steps"):
        await store.journal.liquidated(BTC, NOW, NOW, step)
    assert await store.journal.snapshot(BTC) is None  # and the store goes on


async def test_old_snapshots_are_thinned_to_the_last_of_each_step(store: Store) -> None:
    now = NOW.replace(minute=0, second=0, microsecond=0)
    raw, quarters, hours = now - 6 * DAY, now - 50 * DAY, now - 100 * DAY
    told = [snapshot(start + m * MINUTE) for start in (raw, quarters, hours) for m in range(120)]
    await store.journal.snap(told)
    assert await store.journal.trim(now) == (120 - 8) + (120 - 2)
    points = await store.journal.series(BTC, hours, now, MINUTE)
    assert [p.at for p in points] == (
        [hours + h * HOUR - MINUTE for h in (1, 2)]
        + [quarters + q * QUARTER - MINUTE for q in range(1, 9)]
        + [raw + m * MINUTE for m in range(120)]
    )
    last = await store.journal.snapshot(BTC, quarters + 20 * MINUTE)
    assert last == snapshot(quarters + 14 * MINUTE)
    assert await store.journal.trim(now) == 0


async def test_a_late_snapshot_does_not_stay_beside_the_one_that_was_rolled_up(store: Store) -> None:
    now = NOW.replace(minute=0, second=0, microsecond=0)
    old = now - 100 * DAY
    await store.journal.snap([snapshot(old + 30 * MINUTE)])
    await store.journal.trim(now)
    await store.journal.snap([snapshot(old + 29 * MINUTE), snapshot(old + 40 * MINUTE)])
    assert await store.journal.trim(now) == 2
    assert [p.at for p in await store.journal.series(BTC, old, now, MINUTE)] == [old + 40 * MINUTE]
    assert await store.journal.snapshot(BTC, old + 39 * MINUTE) is None


async def test_readings_and_quarantine_are_forgotten_after_three_days(store: Store) -> None:
    await store.journal.record([reading(NOW - 3 * DAY - TICK), reading(NOW - 3 * DAY)])
    await store.journal.quarantine([quarantined(NOW - 3 * DAY - TICK), quarantined(NOW - 3 * DAY)])
    assert await store.journal.trim(NOW) == 2
    assert await store.journal.readings(NOW - 9 * DAY, NOW) == [reading(NOW - 3 * DAY)]
    assert await store.journal.quarantined(NOW - 9 * DAY) == [quarantined(NOW - 3 * DAY)]


async def test_a_reading_older_than_what_is_forgotten_is_not_taken_in(store: Store) -> None:
    await store.journal.trim(NOW)
    await store.journal.record([reading(NOW - 3 * DAY - TICK), reading(NOW - 3 * DAY)])
    await store.journal.trim(NOW - 9 * DAY)
    await store.journal.record([reading(NOW - 4 * DAY)])
    assert await store.journal.readings(NOW - 9 * DAY, NOW) == [reading(NOW - 3 * DAY)]


async def test_liquidations_are_summed_per_step_by_the_side_that_lost(store: Store) -> None:
    start = NOW.replace(minute=0, second=0, microsecond=0)
    await store.journal.hear(
        [
            liquidation(start, coins="1"),
            liquidation(start + 5 * MINUTE, Position.SHORT, "2"),
            liquidation(start + HOUR - TICK, coins="4"),
            liquidation(start + HOUR, coins="8"),
            liquidation(start + 3 * HOUR, coins="16"),
            liquidation(start, coins="32", instrument=KPEPE),
        ]
    )
    assert await store.journal.liquidated(BTC, start, start + 3 * HOUR, HOUR) == [
        LiquidationSum(start, 500_000.0, 200_000.0, 3),
        LiquidationSum(start + HOUR, 800_000.0, 0.0, 1),
    ]
    assert await store.journal.liquidated(PEPE, start, start + HOUR, DAY) == [
        LiquidationSum(start.replace(hour=0), 3_200_000.0, 0.0, 1)
    ]


async def test_liquidations_that_a_venue_repeats_count_once(store: Store) -> None:
    first = liquidation()
    await store.journal.hear([first, first])
    await store.journal.hear([replace(first, received=NOW + HOUR)])
    twins = [liquidation(number="1"), liquidation(number="2"), liquidation(position=Position.SHORT)]
    await store.journal.hear(twins)
    assert [s.count for s in await store.journal.liquidated(BTC, NOW, NOW + HOUR, DAY)] == [4]


async def test_a_liquidation_of_unknown_worth_is_counted_without_dollars(store: Store) -> None:
    odd = replace(liquidation(instrument=replace(BTCUSDT, contract=None)), number="x")
    odd = replace(odd, amount=replace(odd.amount, unit=Unit.CONTRACTS))
    await store.journal.hear([odd])
    sums = await store.journal.liquidated(BTC, NOW, NOW + HOUR, DAY)
    assert [(s.long_usd, s.short_usd, s.count) for s in sums] == [(0.0, 0.0, 1)]


async def test_old_liquidations_become_hourly_sums_that_a_repeat_does_not_change(store: Store) -> None:
    old = NOW - 40 * DAY
    told = [liquidation(old + m * MINUTE, coins="1") for m in range(90)] + [liquidation(NOW - DAY)]
    await store.journal.hear(told)
    before = await store.journal.liquidated(BTC, old - HOUR, NOW, HOUR)
    assert await store.journal.trim(NOW) == 90
    await store.journal.hear(told)
    assert await store.journal.liquidated(BTC, old - HOUR, NOW, HOUR) == before
    assert await store.journal.trim(NOW) == 0


async def test_the_newest_report_of_each_venue_is_the_one_that_was_known_then(store: Store) -> None:
    monday, corrected = report(coins=145_000.0), report(received=NOW + HOUR, coins=146_000.0)
    tuesday = report(as_of=NOW, received=NOW + DAY)
    await store.journal.report([tuesday, monday, corrected])
    assert await store.journal.reports(BTC, NOW - TICK) == []
    assert await store.journal.reports(BTC, NOW) == [monday]
    assert await store.journal.reports(BTC, NOW + 2 * HOUR) == [corrected]
    assert await store.journal.reports(BTC, NOW + DAY) == [tuesday]
    assert await store.journal.reports(ETH, NOW + DAY) == []


async def test_each_source_of_a_venue_keeps_its_own_newest_report(store: Store) -> None:
    """Two may tell of one venue at one time; nothing of a report is lost."""
    holdings = (Holding(Holder.LEVERAGED, 1_000.0, None), Holding(Holder.DEALERS, 0.0, 2_500.5))
    first_hand = report()
    retold = replace(
        report(),
        source=Venue("cftc"),
        kind=ReportKind.WEEKLY,
        previous_as_of=NOW - 8 * DAY,
        holds_until=NOW + HOUR,
        holdings=holdings,
        native=True,
    )
    await store.journal.report([first_hand, retold])
    await store.journal.report([replace(first_hand, received=NOW + HOUR)])  # no news of this source
    assert set(await store.journal.reports(BTC, NOW + DAY)) == {first_hand, retold}
    assert set(await store.journal.reports(BTC, NOW)) == {first_hand, retold}


async def test_a_final_figure_replaces_the_preliminary_one_of_its_time(store: Store) -> None:
    early = replace(report(), preliminary=True)
    final = report(received=NOW + HOUR)
    await store.journal.report([early, final])
    assert await store.journal.reports(BTC, NOW) == [early]
    assert await store.journal.reports(BTC, NOW + HOUR) == [final]


async def test_a_report_that_says_the_same_again_keeps_the_time_it_was_first_received(store: Store) -> None:
    await store.journal.report([report()])
    await store.journal.report([report(received=NOW + HOUR)])
    assert await store.journal.reports(BTC, NOW + DAY) == [report()]


async def test_a_kept_state_is_replaced(store: Store) -> None:
    assert await store.journal.kept("detector") is None
    await store.journal.keep("detector", b"\x00one")
    await store.journal.keep("detector", b"\xfftwo")
    assert await store.journal.kept("detector") == b"\xfftwo"


async def test_amendments_at_the_same_time_lose_nothing(store: Store) -> None:
    def with_one_more(number: int) -> Callable[[bytes | None], bytes]:
        return lambda kept: (kept or b"") + bytes([number])

    await asyncio.gather(*(store.journal.amend("notes", with_one_more(number)) for number in range(20)))
    kept = await store.journal.kept("notes")
    assert kept is not None
    assert sorted(kept) == list(range(20))
    assert await store.journal.amend("notes", lambda _: b"done") == b"done"


async def test_every_revision_of_a_wave_is_kept(store: Store) -> None:
    for revision in (1, 2, 3):
        await store.waves.save(wave(revision=revision))
    assert await store.waves.get("1a") == wave(revision=3)
    assert await store.waves.get("1a", 1) == wave(revision=1)
    assert await store.waves.get("1a", 4) is None
    assert await store.waves.get("none") is None


async def test_an_older_or_equal_revision_of_a_wave_changes_nothing(store: Store) -> None:
    await store.waves.save(wave(revision=3))
    await store.waves.save(wave(revision=3, stage=Stage.RETRACTED))
    await store.waves.save(wave(revision=2, stage=Stage.OVER))
    assert await store.waves.get("1a") == wave(revision=3)
    assert await store.waves.get("1a", 2) is None
    assert await store.waves.running() == [wave(revision=3)]


async def test_recent_waves_come_newest_onset_first_without_the_retracted(store: Store) -> None:
    waves = [
        wave("a", onset=NOW),
        wave("b", onset=NOW + HOUR, asset=ETH),
        wave("c", onset=NOW + 2 * HOUR),
        wave("d", onset=NOW + 3 * HOUR, stage=Stage.RETRACTED),
    ]
    for one in waves:
        await store.waves.save(one)
    await store.waves.save(replace(waves[0], revision=2, stage=Stage.OVER))
    assert [w.id for w in await store.waves.recent()] == ["c", "b", "a"]
    assert [(w.id, w.revision) for w in await store.waves.recent(BTC)] == [("c", 1), ("a", 2)]
    assert [w.id for w in await store.waves.recent(limit=1)] == ["c"]
    assert [w.id for w in await store.waves.running()] == ["b", "c"]


async def test_a_notice_keeps_its_newest_revision(store: Store) -> None:
    blind = Notice(id="blind", revision=2, loud=1, at=NOW, title="Blind", text="No venue answers.")
    assert await store.notices.notice("blind") is None
    await store.notices.tell(blind)
    await store.notices.tell(replace(blind, revision=1, title="Older"))
    assert await store.notices.notice("blind") == blind
    await store.notices.tell(replace(blind, revision=3, over=True))
    assert await store.notices.notice("blind") == replace(blind, revision=3, over=True)


async def test_the_store_tells_where_it_is(store: Store) -> None:
    facts = await store.facts()
    assert set(facts) == {"store", "where", "size", "schema"}
    assert all(facts.values())
