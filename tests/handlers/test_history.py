"""One value a day: read once, only added to, and read anew when the past may have been learnt."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.pipeline.leverage import Measure
from handlers.history import LOOKED_ANEW, NEWS_AFTER, READ_ANEW, Days
from handlers.leverage import point_of
from storage.memory import MemoryStore
from tests.handlers.october import BTC, MINUTE, NOW, snapshot, snapshots, statistics

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


async def days_of(days: Days, now: datetime = NOW) -> list[datetime]:
    points, _totals = await days.of(BTC, now)
    return [point.at for point in points]


async def test_the_last_of_each_day_is_told_and_a_year_is_far_enough() -> None:
    store = MemoryStore()
    await store.journal.snap(snapshots(NOW - 400 * DAY, NOW, 6 * HOUR))
    await store.statistics.record(statistics(NOW - 3 * DAY, NOW, 6 * HOUR))
    points, totals = await Days(store).of(BTC, NOW)
    assert len(points) == 367
    assert [point.at for point in points[-2:]] == [NOW - DAY, NOW]
    assert [told.at for told in totals] == [NOW - n * DAY for n in (3, 2, 1, 0)]


async def test_what_came_since_is_added_and_a_day_that_went_on_is_replaced() -> None:
    store = MemoryStore()
    await store.journal.snap(snapshots(NOW - 2 * DAY, NOW, DAY))
    days = Days(store)
    assert await days_of(days) == [NOW - 2 * DAY, NOW - DAY, NOW]
    later = NOW + NEWS_AFTER + MINUTE
    await store.journal.snap(snapshots(later, later, MINUTE))
    assert await days_of(days, NOW + MINUTE) == [NOW - 2 * DAY, NOW - DAY, NOW], "nothing is read so soon"
    found = await days_of(days, later)
    assert found == [NOW - 2 * DAY, NOW - DAY, NOW, later], "23:50 and 00:21 are two days"
    same_day = later + NEWS_AFTER + MINUTE
    await store.journal.snap(snapshots(same_day, same_day, MINUTE))
    assert await days_of(days, same_day) == [NOW - 2 * DAY, NOW - DAY, NOW, same_day]


async def test_a_past_that_was_learnt_meanwhile_is_read_in_time() -> None:
    store = MemoryStore()
    await store.journal.snap(snapshots(NOW, NOW, DAY))
    days = Days(store)
    assert await days_of(days) == [NOW]
    await store.archive.learn(BTC, b"", [], snapshots(NOW - 2 * DAY, NOW - DAY, DAY), NOW)
    assert await days_of(days, NOW + HOUR) == [NOW]
    assert await days_of(days, NOW + READ_ANEW + MINUTE) == [NOW - 2 * DAY, NOW - DAY, NOW]


async def test_earlier_days_are_judged_once_a_day() -> None:
    store = MemoryStore()
    await store.journal.snap(snapshots(NOW - 20 * DAY, NOW, HOUR))
    days = Days(store)
    asked = [NOW, NOW + 5 * MINUTE, NOW + 20 * MINUTE, NOW + 2 * HOUR]
    told = [await days.judged(BTC, point_of(snapshot(at, fallen=1.0)), None) for at in asked]
    first, same_day, after_midnight, with_its_last = told
    assert first is same_day
    assert (first.day, after_midnight.day) == (NOW.date(), NOW.date() + DAY)
    assert len(after_midnight.past.heats) == len(first.past.heats) + 1
    assert with_its_last is not after_midnight, "the last of the day before was read since"
    other = await days.judged(BTC, point_of(snapshot(NOW + 2 * HOUR, fallen=1.0)), 21e6)
    assert len(other.past.ordered[Measure.OI_TO_CAP]) == len(other.past.heats)


async def test_the_newest_of_every_coin_is_at_most_a_minute_old() -> None:
    store = MemoryStore()
    await store.statistics.record(statistics(NOW, NOW, MINUTE))
    days = Days(store)
    assert [told.at for told in (await days.newest(NOW)).values()] == [NOW]
    later = NOW + LOOKED_ANEW + MINUTE
    await store.statistics.record(statistics(later, later, MINUTE))
    assert [told.at for told in (await days.newest(later)).values()] == [later]
    assert await days.newest(later + HOUR) == {}, "what is of an hour ago does not stand for now"
