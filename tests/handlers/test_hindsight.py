"""What came of past waves, as chats are told: outcomes, /after, /scorecard, /resets full."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.charts import AfterChart
from bot.domain.health import LIVE_SINCE
from bot.domain.posts import Destination, Subscription
from bot.domain.waves import AFTER, FollowUp, Magnitude, Outcome, Stage
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.hindsight import comparable, open_then, outcomes
from storage.memory import MemoryStore
from tests.handlers.october import BTC, LOW, MINUTE, NOW, ONSET, snapshot, wave

ASK = Ask(Destination("local", "main"))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def said(desk: Desk, line: str) -> str:
    card = await answer(desk, ASK, line)
    rows = [" ".join(row) for row in card.table.rows] if card.table else []
    texts = [card.title, *(line.text for line in card.lines), *rows, card.footer]
    return "\n".join(texts).replace("**", "").replace("`", "")


async def test_price_after_a_wave_counts_from_its_own_low(store: MemoryStore) -> None:
    at = LOW + DAY
    half = replace(snapshot(at, fallen=0.5), funding=0.04)
    await store.journal.snap([half])
    hour, day, week = await outcomes(store, wave(), at)
    assert hour.price_move == hour.rebuilt == pytest.approx(0.0)
    assert day.price_move == pytest.approx(114_500 / 107_000 - 1)
    assert day.rebuilt == pytest.approx(0.5)
    assert day.funding == 0.04
    assert week == Outcome(7 * DAY, None, None)


async def test_what_is_open_again_is_known_when_the_snapshot_of_the_low_was_thinned_away() -> None:
    store = MemoryStore()
    await store.journal.snap([snapshot(ONSET - 20 * MINUTE, fallen=0.0), snapshot(LOW + DAY, fallen=0.75)])
    known = await outcomes(store, wave(), LOW + DAY)
    assert known[1].rebuilt == pytest.approx(0.25)


async def test_what_was_seen_when_it_was_due_stays(store: MemoryStore) -> None:
    seen = Outcome(HOUR, 0.021, 0.01, 0.04)
    await store.waves.followed_up(FollowUp(LOW + HOUR, "1a", HOUR), seen)
    assert (await outcomes(store, wave(), NOW))[0] == seen


async def test_leverage_is_told_against_the_days_before(store: MemoryStore) -> None:
    assert (await open_then(store, BTC, LOW)).more_than == 0.0
    assert (await open_then(store, BTC, ONSET - 20 * DAY)).more_than is None, "nothing was seen then"
    rising = [
        replace(snapshot(NOW - n * DAY, fallen=0.0), index=-n / 100, funding=0.11) for n in range(17, 40)
    ]
    await store.journal.snap(rising)
    told = await open_then(store, BTC, NOW - 17 * DAY)
    assert (told.more_than, told.days, told.funding) == (1.0, 22, 0.11)


async def test_each_wave_is_told_whole_where_lines_are_long(desk: Desk) -> None:
    told = await said(desk, "/resets btc full")
    assert "10 Oct 20:50 UTC −79,000 BTC (−19.0 %) · in dollars −$14.7 B: positions −$8.5 B" in told
    assert "W 4.7 · longs lost · native-led (confirmed) · price 0.0 % after 1 h" in told
    assert "0 % of the closed coins open again after 1 h · /wave 1a" in told
    assert "price +14.0 % after 1 h, +14.0 % after 24 h, +14.0 % after 7 days" in told


async def test_a_table_fits_on_a_phone(desk: Desk, store: MemoryStore) -> None:
    old = replace(wave(), id="h-1zz", asset=BTC, onset=ONSET - 900 * DAY, over_at=LOW - 900 * DAY)
    await store.waves.save(old)
    for line in ("/resets btc", "/resets", "/scorecard"):
        table = (await answer(desk, ASK, line)).table
        if table is not None:
            widths = [max(map(len, column)) for column in zip(table.heads, *table.rows, strict=True)]
            assert sum(widths) + 2 * (len(widths) - 1) <= 34, (line, widths)


async def test_few_resets_are_told_and_say_nothing(desk: Desk) -> None:
    told = await said(desk, "/after btc")
    assert "After long flushes of BTC, W 2.2 and more" in told
    assert "1 h after 2 resets: median +7.0 %" in told
    assert "Too few to tell: no clear edge" in told


async def test_many_resets_are_compared_with_random_times(desk: Desk, store: MemoryStore) -> None:
    for n in range(12):
        back = timedelta(hours=26 + 30 * n)
        low = replace(wave(), id=f"n{n}", onset=ONSET - back, low_at=LOW - back, over_at=LOW - back)
        await store.waves.save(low)  # each at $107,000, with the market at $122,000 an hour later
    told = await said(desk, "/after 1a")
    assert "After long flushes of BTC, W 4.2 and more" in told
    assert "1 h after 12 resets: median +14.0 %, 8 of 10 from +14.0 % to +14.0 %; random times 0.0 %" in told
    assert "More than chance" in told
    assert await said(desk, "/after 1a") == told


async def test_what_followed_is_drawn_at_more_times_than_are_told(desk: Desk, store: MemoryStore) -> None:
    for n, back in enumerate((10 * DAY, 20 * HOUR)):
        low = replace(wave(), id=f"n{n}", onset=ONSET - back, low_at=LOW - back, over_at=LOW - back)
        await store.waves.save(low)  # each at $107,000, with the market at $122,000 until the fall
    card = await answer(desk, ASK, "/after 1a")
    assert card.picture is not None
    assert isinstance(card.picture.chart, AfterChart)
    chart = card.picture.chart
    assert chart.hours == (0.0, 1.0, 4.0, 12.0, 24.0, 72.0, 168.0)
    risen = pytest.approx(122_000 / 107_000 - 1)
    assert (0.0, *[risen] * 6) in chart.paths
    assert (0.0, *[risen] * 3, None, None, None) in chart.paths
    assert not any("12 h" in line.text for line in card.lines)


async def test_a_coin_without_resets_is_answered_with_what_there_is(desk: Desk) -> None:
    assert "No reset of ETH has been recorded yet" in await said(desk, "/after eth")
    assert "I know no wave" in await said(desk, "/after zz9")


async def test_the_scorecard_counts_what_was_told_and_what_was_not(desk: Desk, store: MemoryStore) -> None:
    to = Destination("telegram", "1")
    await store.subscriptions.add(Subscription(destination=to, created=ONSET - 20 * DAY))
    await store.posts.want("1a", [to], revision=1, loud=1, size=1, now=NOW)
    [post] = await store.posts.claim("telegram", NOW, HOUR, 1)
    at = ONSET + 12 * MINUTE + timedelta(seconds=2)
    await store.posts.shown(post, revision=1, message="m", loud=True, now=at)
    before = {"onset": ONSET - DAY, "opened": ONSET - DAY + 12 * MINUTE}
    false = replace(wave(Stage.RETRACTED), id="1c", magnitude=Magnitude(2.3, 2, 3), **before)
    await store.waves.save(false)
    await store.posts.want("1c", [to], revision=1, loud=1, size=1, now=NOW)
    [post] = await store.posts.claim("telegram", NOW, HOUR, 1)
    await store.posts.shown(post, revision=1, message="m", loud=True, now=ONSET - DAY + 14 * MINUTE)
    told = await said(desk, "/scorecard")
    assert "Scorecard of 30 days: 2 alerts" in told
    assert "Confirmed 1 · taken back 1 · missed 1" in told
    assert "From the onset to the chat: half within 12 min, 99 of 100 within 14 min" in told
    assert "From the alarm to the chat: half within 2.0 s" in told
    assert "10 Oct BTC 4.7 true 1a\n9 Oct BTC 2.3 false 1c\n25 Sep BTC 2.8 missed 19" in told
    assert "Scorecard of 7 days: 2 alerts" in await said(desk, "/scorecard 7d")


def test_every_time_after_has_its_own_subject() -> None:
    subjects = {FollowUp(NOW, "1a", after).subject for after in AFTER}
    assert subjects == {"after-1a-1h", "after-1a-24h", "after-1a-7d"}


async def test_a_venue_whose_past_counts_other_contracts_is_compared_with_nothing() -> None:
    store, live_since = MemoryStore(), NOW - 3 * HOUR
    times = [NOW - DAY, live_since - MINUTE, live_since + MINUTE, live_since + 5 * MINUTE, NOW]
    for at in times:
        whole = snapshot(at, fallen=0.0)
        if at < live_since:  # of the first venue only the perpetuals
            part = replace(whole.venues[0], coins=0.78 * whole.venues[0].coins)
            whole = replace(whole, venues=(part, *whole.venues[1:]))
        await store.journal.snap([whole])
    before, now = snapshot(NOW - DAY, fallen=0.0), snapshot(NOW, fallen=0.0)
    assert await comparable(store, now, before) == before, "nobody knows of a change"
    await store.journal.keep(LIVE_SINCE, live_since.isoformat().encode())
    others = await comparable(store, now, before)
    assert [venue.venue for venue in others.venues] == [venue.venue for venue in before.venues[1:]]
    later = snapshot(live_since + 5 * MINUTE, fallen=0.0)
    assert await comparable(store, now, later) == later, "both ends are live"
