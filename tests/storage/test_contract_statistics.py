"""What every store keeps to: market statistics, and the newest point of every coin."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.market import Venue
from bot.domain.statistics import Statistics, VenueStatistics, totals
from bot.ports import Store
from tests.storage.samples import BINANCE, BTC, DAY, ETH, HOUR, MINUTE, NOW, OKX, snapshot

TICK = timedelta(microseconds=1)
FIVE = 5 * MINUTE
BINANCE_ROW = VenueStatistics(
    BINANCE, 100.0, 20.0, 1e7, 0.11, 80.0, 8.0, 5e7, basis=0.05, dated_coins=10.0, accounts=1.5
)
OKX_ROW = VenueStatistics(OKX, 50.0, 0.0)


def told(at: datetime = NOW, asset: Asset = BTC, coins: float = 100.0) -> Statistics:
    rows = (replace(BINANCE_ROW, coins=coins), OKX_ROW)
    return Statistics(asset, at, rows, 19.9e6, NOW - DAY, (0.001, 0.002, 0.003, 0.004, 0.005))


async def test_statistics_come_back_exactly_with_every_venue(store: Store) -> None:
    await store.statistics.record([told(), told(NOW + FIVE), told(NOW, ETH)])
    assert await store.statistics.newest(BTC) == told(NOW + FIVE)
    assert await store.statistics.newest(BTC, NOW + FIVE - TICK) == told()
    assert await store.statistics.newest(BTC, NOW - TICK) is None
    assert await store.statistics.newest(Asset("SOL")) is None


async def test_statistics_recorded_twice_are_there_once(store: Store) -> None:
    await store.statistics.record([told(), told(coins=1.0)])
    await store.statistics.record([told(coins=2.0)])
    assert await store.statistics.newest(BTC) == told()
    assert await store.statistics.series(BTC, NOW, NOW, FIVE) == [totals(told())]


async def test_the_newest_of_every_coin_that_is_not_too_old(store: Store) -> None:
    await store.statistics.record([told(NOW - HOUR, ETH), told(NOW - FIVE), told()])
    assert await store.statistics.newest_of_all(NOW - HOUR) == {BTC: told(), ETH: told(NOW - HOUR, ETH)}
    assert await store.statistics.newest_of_all(NOW - MINUTE) == {BTC: told()}
    assert await store.statistics.newest_of_all(NOW + TICK) == {}


async def test_a_series_holds_the_last_totals_of_each_step(store: Store) -> None:
    start = NOW.replace(minute=0, second=0, microsecond=0)
    rows = [told(start + n * FIVE, coins=100.0 + n) for n in range(24)]
    await store.statistics.record(rows)
    series = await store.statistics.series(BTC, start, start + 2 * HOUR, HOUR)
    assert series == [totals(rows[11]), totals(rows[23])]
    assert await store.statistics.series(BTC, start + 2 * HOUR, start + 3 * HOUR, HOUR) == []


async def test_totals_grow_hourly_after_a_week_and_venues_daily_after_a_month(store: Store) -> None:
    now = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    fresh, week, month = now - DAY, now - 10 * DAY, now - 40 * DAY
    for start in (fresh, week, month):
        await store.statistics.record([told(start + n * FIVE) for n in range(24)])
    assert await store.statistics.trim(now) == 2 * 22 + 2 * 22 + 1
    assert await store.statistics.trim(now) == 0

    async def kept(start: datetime) -> int:
        return len(await store.statistics.series(BTC, start, start + 2 * HOUR, FIVE))

    assert (await kept(fresh), await kept(week), await kept(month)) == (24, 2, 2)
    assert await store.statistics.newest(BTC, week + HOUR) == told(week + 11 * FIVE)
    assert await store.statistics.newest(BTC, month + HOUR) is None
    assert await store.statistics.newest(BTC, month + 2 * HOUR) == told(month + 23 * FIVE)


async def test_a_series_by_the_day_has_the_last_of_each_whatever_was_thinned(store: Store) -> None:
    now = NOW.replace(hour=6, minute=30, second=0, microsecond=0)
    start = now - 100 * DAY
    times = [start + n * 11 * HOUR for n in range(219)]
    await store.journal.snap([snapshot(at, coins=float(n)) for n, at in enumerate(times)])
    await store.statistics.record([told(at, coins=float(n)) for n, at in enumerate(times)])
    await store.journal.trim(now)
    await store.statistics.trim(now)
    await store.journal.snap([snapshot(start + 95 * DAY)])
    since, until = start + HOUR, now - 5 * HOUR
    last = list({at.date(): at for at in times if since <= at <= until}.values())
    points = await store.journal.series(BTC, since, until, DAY)
    late = {(start + 95 * DAY).date()}
    assert [p.at for p in points if p.at.date() not in late] == [at for at in last if at.date() not in late]
    assert [t.at for t in await store.statistics.series(BTC, since, until, DAY)] == last
    by_hour = await store.journal.series(BTC, since, until, HOUR)
    assert points == list({point.at.date(): point for point in by_hour}.values())


async def test_late_totals_do_not_stay_beside_what_was_thinned(store: Store) -> None:
    now = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    hour = now - 10 * DAY
    await store.statistics.record([told(hour + 30 * MINUTE)])
    await store.statistics.trim(now)
    await store.statistics.record([told(hour + 10 * MINUTE), told(hour + 40 * MINUTE)])
    await store.statistics.trim(now)
    assert [t.at for t in await store.statistics.series(BTC, hour, now, MINUTE)] == [hour + 40 * MINUTE]


async def test_the_newest_point_of_every_coin_at_a_time(store: Store) -> None:
    old = NOW - 100 * DAY
    await store.journal.snap([snapshot(old), snapshot(NOW - HOUR), snapshot(), snapshot(NOW - DAY, ETH)])
    await store.journal.trim(NOW)
    points = await store.journal.points()
    assert {asset: point.at for asset, point in points.items()} == {BTC: NOW, ETH: NOW - DAY}
    assert points[BTC].index == snapshot().index
    then = await store.journal.points(NOW - TICK)
    assert {asset: point.at for asset, point in then.items()} == {BTC: NOW - HOUR, ETH: NOW - DAY}
    assert {a: p.at for a, p in (await store.journal.points(NOW - 50 * DAY)).items()} == {BTC: old}


def test_totals_weigh_each_figure_by_what_it_is_of() -> None:
    funded = VenueStatistics(BINANCE, 100.0, 0.0, 1e7, 0.10, 100.0, 8.0, 2e7, accounts=3.0)
    other = VenueStatistics(OKX, 300.0, 300.0, 3e7, 0.30, 100.0, 8.0, None, 0.05, 10.0, 1.0)
    third = VenueStatistics(Venue("gate"), 50.0, 0.0, None, None, 0.0, None, None, 0.08, 20.0)
    fourth = VenueStatistics(Venue("dydx"), 50.0, 0.0, 5e6)
    all_of = totals(Statistics(BTC, NOW, (funded, other, third, fourth)))
    assert all_of.coins == 500.0
    assert all_of.usd is None  # of one venue it is not known
    assert all_of.funding is not None
    assert abs(all_of.funding - 0.20) < 1e-12
    assert all_of.basis is not None
    assert abs(all_of.basis - 0.07) < 1e-12
    assert all_of.oi_to_volume == 0.5
    assert all_of.accounts is not None
    assert abs(all_of.accounts - 0.5625 / 0.4375) < 1e-12
    assert all_of.inverse_share == 0.6
    assert all_of.top_share == 0.9


def test_nothing_told_is_unknown_and_not_zero() -> None:
    empty = totals(Statistics(BTC, NOW, (VenueStatistics(BINANCE, 1.0, 0.0),)))
    assert (empty.usd, empty.funding, empty.basis, empty.volume_usd, empty.accounts) == (None,) * 5
