"""/leverage, /funding, /compare and /top: the figures, what is normal, and what is not known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.cards import Card
from bot.domain.charts import BarsChart, LinesChart
from bot.domain.posts import Destination
from bot.domain.statistics import Statistics, totals
from bot.domain.waves import Stage
from bot.pipeline.leverage import Measure
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.leverage import seen
from handlers.leverage_charts import extremes_chart
from handlers.titles import TABLE_WIDTH
from storage.memory import MemoryStore
from tests.handlers.october import BTC, ETH, LOW, MINUTE, NOW, ONSET, snapshot, snapshots, statistics, wave

ASK = Ask(Destination("local", "main"))
DAY = timedelta(days=1)


async def said(desk: Desk, text: str) -> Card:
    return await answer(desk, ASK, text)


def lines(card: Card) -> str:
    return "\n".join(line.text for line in card.lines)


def widths(card: Card) -> set[int]:
    assert card.table is not None
    rows = [card.table.heads, *card.table.rows]
    columns = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return {sum(columns) + 2 * (len(columns) - 1)}


async def test_a_coin_whose_leverage_was_washed_out(desk: Desk) -> None:
    card = await said(desk, "/leverage btc")
    assert card.title == "BTC leverage: 10 of 100 (6 days ago 61)"
    told = lines(card)
    assert "Open interest: less than on each of the last 16 days" in told
    assert "1.69 % of market cap (normal 2.08)" in told
    assert "Funding −3.2 % a year (normal 12–13)" in told
    assert "basis of dated contracts +5.1 % a year (normal 5.1)" in told
    assert "long/short accounts 1.38" in told
    assert "Margined in the coin 20 %" in told
    assert "top 3 venues 71 %" in told
    assert "Less leveraged than on every one of these days" in told
    assert "Shorts pay longs to hold." in told
    assert "Compared with 16 days, since 24 Sep: not yet a year" in told
    assert "Market cap from 19.93 M BTC in circulation as of 10 Oct" in told
    assert "Seen: 97 % of usual open interest" in told
    assert card.picture is not None
    assert isinstance(card.picture.chart, LinesChart)
    assert len(card.picture.chart.lines[0].values) == 17


async def test_a_venue_that_joins_within_the_day_changes_no_rank(desk: Desk) -> None:
    before = (await seen(desk, BTC)).leverage
    now = await desk.latest(BTC)
    more = replace(now, at=now.at + MINUTE, coins=2 * now.coins, usd=2 * (now.usd or 0.0))
    await desk.store.journal.snap([more])
    after = (await seen(desk, BTC)).leverage
    assert (after.heat, after.hotter_than) == (before.heat, before.hotter_than)
    for measure, times in ((Measure.OI, 2.0), (Measure.OI_TO_CAP, 2.0), (Measure.FUNDING, 1.0)):
        was, became = before.standings[measure], after.standings[measure]
        assert became.rank == was.rank
        assert became.value == pytest.approx(times * was.value)
        assert became.low == pytest.approx(times * (was.low or 0.0))


async def test_what_is_not_recorded_is_left_out_and_named(store: MemoryStore, desk: Desk) -> None:
    sol = Asset("SOL")
    await store.journal.snap(snapshots(NOW - 10 * DAY, NOW, timedelta(hours=6), asset=sol))
    card = await said(desk, "/leverage sol")
    told = lines(card)
    assert card.title.startswith("SOL leverage: ")
    assert "Of funding, volume, basis and accounts nothing was recorded lately" in told
    assert "Not in the heat for want of history: funding, market cap, volume and basis" in told
    assert "Funding" not in told.replace("Of funding", "")


async def test_too_little_history_gives_no_heat(store: MemoryStore, desk: Desk) -> None:
    sol = Asset("SOL")
    await store.journal.snap(snapshots(NOW - 3 * DAY, NOW, timedelta(hours=6), asset=sol))
    card = await said(desk, "/leverage sol")
    assert card.title == "SOL leverage: 3 days of history, too few for a heat"
    assert "I cannot say yet what is normal for SOL" in lines(card)
    assert card.picture is None


async def test_statistics_of_long_ago_do_not_stand_for_now(desk: Desk, store: MemoryStore) -> None:
    later = NOW + timedelta(hours=1)
    await store.journal.snap([snapshot(later, fallen=1.0)])
    desk.clock = lambda: later
    assert "nothing was recorded lately" in lines(await said(desk, "/leverage btc"))
    assert "No venue has told the funding of BTC lately" in (await said(desk, "/funding btc")).title


async def test_funding_by_venue_as_it_is_charged_and_per_year(desk: Desk) -> None:
    card = await said(desk, "/funding btc")
    assert card.title == "BTC funding −3.2 % a year"
    told = lines(card)
    assert "A position of $10,000 short pays $0.87 a day" in told
    assert "above 0 of the last 16 days" in told
    assert "OI-weighted over 6 of 6 venues: 90 % of open interest tells its funding" in told
    assert card.table is not None
    rows = {row[0]: row[1:] for row in card.table.rows}
    assert rows["Binance"] == ("−0.0023%/8h", "−2.5%")
    assert rows["Hyperliquid"][0] == "−0.0004%/1h"
    assert widths(card) <= set(range(TABLE_WIDTH + 1))
    assert card.picture is not None
    assert isinstance(card.picture.chart, BarsChart)
    assert [bar.native for bar in card.picture.chart.bars].count(False) == 1


async def test_no_venue_is_called_highest_where_all_are_told_alike(desk: Desk, store: MemoryStore) -> None:
    desk.clock = lambda: NOW + MINUTE
    told = statistics(NOW, NOW, MINUTE)[0]
    alike = tuple(replace(venue, funding=-0.04 + n * 1e-6) for n, venue in enumerate(told.venues))
    await store.statistics.record([replace(told, at=NOW + MINUTE, venues=alike)])
    text = lines(await said(desk, "/funding btc"))
    assert "A position of $10,000 short pays" in text
    assert "Highest" not in text


async def test_the_extremes_of_funding_leave_small_coins_out_and_say_so(
    store: MemoryStore, desk: Desk
) -> None:
    small = statistics(NOW, NOW, MINUTE, asset=Asset("DUST"))[0]
    poor = tuple(replace(v, usd=1_000.0, funding=9.0) for v in small.venues)
    hushed = tuple(replace(v, funding=None, funding_coins=0.0) for v in small.venues[:-1])
    await store.statistics.record([replace(small, venues=poor)])
    await store.statistics.record([replace(small, asset=Asset("HUSH"), venues=(*hushed, small.venues[-1]))])
    card = await said(desk, "/funding")
    assert card.title == "Funding: the extremes of 2 coins"
    assert card.table is not None
    assert {row[0] for row in card.table.rows} == {"BTC", "ETH"}
    assert "Left out: 2 coins of less than $10.0 M" in lines(card)


def test_the_extremes_of_funding_are_two_coins_even_where_they_are_alike() -> None:
    one = totals(Statistics(BTC, NOW, ()))
    rows = [(asset, replace(one, funding=-0.033)) for asset in (BTC, ETH)]
    assert extremes_chart(rows, NOW, "").title == "Funding a year: BTC −3.3 %, ETH −3.3 %"
    assert extremes_chart(rows[:1], NOW, "").title == "BTC funding −3.3 % a year"


async def test_without_prices_there_is_no_funding_weighed_by_dollars(desk: Desk, store: MemoryStore) -> None:
    desk.clock = lambda: NOW + MINUTE
    for coin in (BTC, Asset("ETH")):
        told = statistics(NOW, NOW, MINUTE, asset=coin)[0]
        unpriced = tuple(replace(venue, usd=None) for venue in told.venues)
        await store.statistics.record([replace(told, at=NOW + MINUTE, venues=unpriced)])
    card = await said(desk, "/funding")
    assert card.title == "Funding: the extremes of 2 coins"
    assert "Over all of them" not in lines(card)


async def test_coins_side_by_side_fit_a_phone(desk: Desk) -> None:
    card = await said(desk, "/compare btc vs eth, btc")
    assert card.title == "BTC and ETH: leverage side by side"
    assert card.table is not None
    assert [row[0] for row in card.table.rows] == ["BTC", "ETH"]
    assert card.table.rows[0][2] == "−19.0%"
    assert widths(card) <= set(range(TABLE_WIDTH + 1))
    assert "None of them is above the middle of its own history" in lines(card)
    assert card.picture is not None
    assert isinstance(card.picture.chart, LinesChart)
    assert card.picture.chart.title == "Open interest since 7 Oct: BTC −19.0 %, ETH −19.0 %"
    assert card.picture.chart.times[-1] == NOW


@pytest.mark.parametrize("line", ["/compare btc", "/compare btc btc"])
async def test_one_coin_cannot_be_compared(desk: Desk, line: str) -> None:
    card = await said(desk, line)
    assert "Name 2 to 6 coins to compare" in card.title + lines(card)


async def test_the_largest_changes_are_told_in_multiples_of_what_is_usual(
    store: MemoryStore, desk: Desk
) -> None:
    wild = [replace(s, asset=Asset("WILD"), index=2 * s.index) for s in snapshots(NOW - DAY, NOW, DAY)]
    tiny = [replace(s, asset=Asset("TINY"), coins=1.0, price_usd=1.0) for s in snapshots(NOW - DAY, NOW, DAY)]
    dim = [replace(s, asset=Asset("DIM"), coverage=0.3) for s in snapshots(NOW - DAY, NOW, DAY)]
    await store.journal.snap([*wild, *tiny, *dim])
    usual = statistics(NOW, NOW, MINUTE)[0]
    await store.statistics.record(
        [replace(usual, asset=Asset("WILD"), usual=tuple(10 * x for x in usual.usual))]
    )
    card = await said(desk, "/top 24h")
    assert card.table is not None
    rows = {row[0]: row for row in card.table.rows}
    assert list(rows) == ["BTC", "ETH", "WILD"]
    assert rows["BTC"][1:3] == ("−19.0%", "3.8")
    assert rows["WILD"][1:3] == ("−34.4%", "0.7")
    told = lines(card)
    assert "BTC closed most for what is usual of it: −19.0 %, 3.8 ×" in told
    assert "Left out: 1 coin of less than $10.0 M open interest · 1 not seen well enough" in told


async def test_a_period_that_was_not_recorded_is_said_to_be_so(desk: Desk) -> None:
    card = await said(desk, "/top 30d")
    assert "No coin was seen well enough at both ends of 30 days" in lines(card)
    assert card.table is None
    assert card.picture is None


async def test_the_same_records_give_the_same_answer(store: MemoryStore, desk: Desk) -> None:
    first = await said(desk, "/leverage btc")
    again = Desk(store, desk.health, desk.clock, desk.about, wall=desk.wall)
    assert await said(again, "/leverage btc") == first
    newest = await store.statistics.newest(BTC)
    assert newest is not None
    assert totals(newest).top_share == pytest.approx(0.7112, abs=1e-3)


async def test_the_last_message_of_a_wave_tells_leverage_before_and_after(
    store: MemoryStore, desk: Desk
) -> None:
    for at in (ONSET, LOW):
        await store.statistics.record(statistics(at, at, MINUTE))
    shown = await desk.present("1a", Destination("local", "main"))
    assert shown is not None
    assert "Open interest before: above 0 % of the last 16 days; at the low: the lowest" in lines(shown.card)
    assert "Funding 12.8 % → −3.2 % a year" in lines(shown.card)
    await store.waves.save(replace(wave(Stage.PEAK), id="2c"))
    running = await desk.present("2c", Destination("local", "main"))
    assert running is not None
    assert "Leverage" not in lines(running.card)
