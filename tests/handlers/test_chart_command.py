"""/chart and the pictures by venue, over a market that fell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.charts import Chart, LinesChart, MarketChart, VenueCoins, VenuesChart
from bot.domain.market import Group, Missing, Snapshot, Venue, VenueOpenInterest
from bot.domain.statistics import Statistics, VenueStatistics
from bot.domain.verdicts import Verdict
from handlers.charts import svg
from handlers.commands import Ask, answer
from handlers.commands.chart import liquidated_first
from handlers.desk import Desk
from handlers.hindsight import Recount
from handlers.picture_words import said
from handlers.venue_series import venues_chart
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.october import BTC, ETH, MINUTE, NOW, ONSET, TITLES, snapshot, snapshots

ASK = Ask(HERE)
STEP = timedelta(minutes=2)


async def shown(desk: Desk, line: str) -> Chart:
    card = await answer(desk, ASK, line)
    assert card.picture is not None, card.lines
    assert card.picture.alt.startswith(card.title)
    return card.picture.chart


async def test_a_word_says_what_to_show(desk: Desk) -> None:
    parts = {}
    for word in ("", "oi", "price", "liquidations"):
        chart = await shown(desk, f"/chart btc 6h {word}")
        assert isinstance(chart, MarketChart)
        parts[word] = [
            any(value is not None for value in chart.coins),
            any(value is not None for value in chart.price_usd),
            any(chart.long_usd),
        ]
    assert parts == {
        "": [True, True, True],
        "oi": [True, False, False],
        "price": [False, True, False],
        "liquidations": [False, True, True],
    }


async def test_words_come_in_any_order_and_the_largest_coin_is_meant_where_none_is_said(desk: Desk) -> None:
    assert await shown(desk, "/chart venues 6h") == await shown(desk, "/chart btc 6h venues")


async def test_what_cannot_be_shown_is_named_with_what_can(desk: Desk) -> None:
    card = await answer(desk, ASK, "/chart btc 7d venue")
    assert "`/chart btc 7d venues`" in card.title + " ".join(line.text for line in card.lines)


async def test_buttons_keep_what_is_shown(desk: Desk) -> None:
    card = await answer(desk, ASK, "/chart btc 24h venues")
    assert {button.command for button in card.buttons} >= {"/chart btc 4h venues", "/chart btc 7d venues"}


async def test_venues_fall_as_they_fell(desk: Desk) -> None:
    chart = await shown(desk, "/chart btc 6h venues")
    assert isinstance(chart, VenuesChart)
    by_name = {venue.name: venue for venue in chart.venues}
    assert (by_name["Binance"].coins[0], by_name["Binance"].coins[-1]) == (130_000, 105_000)
    assert [venue.name for venue in chart.venues if not venue.native] == ["Coinbase Derivatives"]
    title = chart.title.replace("\u00a0", " ")
    assert title == "BTC open interest −19.0 % in 6 h: Binance −19.2 %, Bybit −23.0 %"
    assert "Crypto-native venues hold 96 % of 336,000 BTC" in said(chart)


async def test_the_picture_of_an_answer_has_its_figures(desk: Desk) -> None:
    """Also where some venues were not seen at both ends, and where shares are rounded to add up."""
    desk.store = store = MemoryStore()
    before, now = snapshots(NOW - 120 * MINUTE, NOW, 120 * MINUTE)
    few = tuple(replace(held, coins=held.coins * 1.002) for held in before.venues[:3])
    soon = tuple(replace(held, coins=held.coins * 0.99) for held in few)
    between = [replace(now, at=NOW - n * 20 * MINUTE) for n in (1, 2, 3)]
    between.append(replace(before, at=NOW - 119 * MINUTE, venues=soon, index=-0.01))
    await store.journal.snap(
        [replace(before, venues=few, coins=sum(held.coins for held in few)), *between, now]
    )
    card = await answer(desk, ASK, "/oi btc 2h")
    assert card.picture is not None
    assert card.table is not None
    (move,) = re.findall(r"2 h: \*\*[^(]*\((.*?)\)", card.lines[0].text)
    assert card.picture.alt.startswith(f"BTC open interest {move} in 2 h")
    told = [f"{row[0]} {row[1].replace('%', ' %')}" for row in card.table.rows]
    assert all(part in card.picture.alt for part in told if "Coinbase" not in part)


def test_shares_on_a_picture_add_up() -> None:
    held = tuple(VenueCoins(name, True, (1.0, 1.0)) for name in ("A", "B", "C"))
    chart = VenuesChart("t", BTC, (NOW - MINUTE, NOW), held)
    assert "A 34 %, B 33 %, C 33 %" in said(chart)
    assert [f">{name}<" in svg(chart) for name in ("A 34 %", "B 33 %", "C 33 %")] == [True] * 3


async def test_what_was_liquidated_is_told_as_the_card_counts_it(desk: Desk) -> None:
    market = await shown(desk, "/chart btc 6h")
    assert isinstance(market, MarketChart)
    told = said(liquidated_first(market, timedelta(hours=6), (3e9, 4e8)))
    assert "BTC: $3.0 B of longs and $400 M of shorts liquidated in 6 h" in told
    assert "Liquidated: $3.0 B longs, $400 M shorts" in told


async def test_funding_is_shown_where_it_was_recorded(desk: Desk) -> None:
    desk.store = store = MemoryStore()
    await store.journal.snap(snapshots(NOW - 60 * MINUTE, NOW, MINUTE, asset=ETH))
    assert (await answer(desk, ASK, "/chart eth 6h funding")).picture is None
    one = VenueStatistics(Venue("okx"), 1e3, 0.0, funding_coins=1e3)
    told = [
        Statistics(ETH, NOW - n * 5 * MINUTE, (replace(one, funding=funding),))
        for n, funding in enumerate((-0.04, 0.02, 0.11))
    ]
    await store.statistics.record(told)
    chart = await shown(desk, "/chart eth 6h funding")
    assert isinstance(chart, LinesChart)
    assert chart.title == "ETH funding from +11.0 % to −4.0 % a year in 10 min"
    assert chart.lines[0].values == (0.11, 0.02, -0.04)


async def test_leverage_is_shown_against_its_own_year(desk: Desk) -> None:
    chart = await shown(desk, "/chart btc leverage")
    assert isinstance(chart, LinesChart)
    assert chart.limits == (0.0, 100.0)
    assert chart.title.startswith("BTC leverage")


async def test_a_picture_speaks_the_chats_language(desk: Desk) -> None:
    english = await shown(desk, "/chart btc 6h")
    await answer(desk, ASK, "/language ru")
    chart = await shown(desk, "/chart btc 6h")
    assert (english.language, chart.language) == ("en", "ru")
    assert "415 000" in svg(chart).replace("\u00a0", " ")


# --- snapshots into layers -------------------------------------------------------------------------


def layers(found: Sequence[Snapshot]) -> VenuesChart:
    chart = venues_chart("BTC", found, 20 * MINUTE, titles=TITLES, now=NOW)
    assert chart is not None
    return chart


def market(minutes: int) -> list[Snapshot]:
    return list(snapshots(ONSET - minutes * MINUTE, ONSET, STEP))


def without(snap: Snapshot, venue: str) -> Snapshot:
    gone = next(held for held in snap.venues if held.venue == venue)
    missing = (Missing(gone.venue, snap.at, Verdict.STALE, gone.coins),)
    return replace(snap, venues=tuple(v for v in snap.venues if v is not gone), missing=missing)


def test_a_venue_that_is_missing_for_a_while_keeps_its_layer_and_is_marked() -> None:
    found = market(20)
    found[3:6] = [without(snap, "okx") for snap in found[3:6]]
    okx = next(venue for venue in layers(found).venues if venue.name == "OKX")
    assert okx.coins == (70_000.0,) * len(found)
    assert okx.stale == ((found[3].at, found[6].at),)
    assert "Not fresh for a while: OKX" in said(layers(found))


def test_where_nothing_was_recorded_every_layer_has_a_gap() -> None:
    found = market(60)
    del found[8:20]
    for venue in layers(found).venues:
        assert venue.coins[8:20] == (None,) * 12
        assert None not in venue.coins[:8]


def joined(snap: Snapshot, *venues: str) -> Snapshot:
    more = (VenueOpenInterest(Venue(venue), Group.OFFSHORE, 90_000.0, None, ONSET) for venue in venues)
    return replace(snap, venues=(*snap.venues, *more))


def test_a_venue_that_joined_is_said_and_changes_no_headline() -> None:
    found = market(30)
    found[8:] = [joined(snap, "gate") for snap in found[8:]]
    chart = layers(found)
    assert next(venue for venue in chart.venues if venue.name == "Gate").coins[:8] == (None,) * 8
    assert chart.breaks == (found[8].at,)
    assert "Dashed: 1 more venue is counted from there on, which is no rise." in chart.note
    assert chart.title == "BTC open interest 0.0 % in 20 min"


def test_the_stack_is_not_joined_where_a_venue_joined() -> None:
    found = market(30)
    found[8:] = [joined(snap, "gate") for snap in found[8:]]
    del found[9:11]  # too short for a gap
    layer = re.search(r'class="venue" d="([^"]*)"', svg(layers(found)))
    assert layer is not None
    assert layer.group(1).count("M") == 2
    assert 'class="break"' in svg(layers(found))


def test_while_venues_answer_for_the_first_time_nothing_is_drawn() -> None:
    """After a start they come one by one: sums of some of them are no market."""
    found = market(60)
    found[15] = joined(found[15], "gate")
    found[16] = joined(found[16], "gate", "htx")
    found[17:] = [joined(snap, "gate", "htx", "mexc") for snap in found[17:]]
    chart = layers(found)
    assert chart.breaks == (found[17].at,)
    for venue in chart.venues:
        assert venue.coins[15:17] == (None, None)
    assert "3 more venues are counted" in chart.note


def test_where_live_figures_count_other_contracts_the_stack_is_not_joined() -> None:
    found = market(60)
    anew = Recount(found[15].at, frozenset({Venue("okx")}))
    chart = venues_chart("BTC", found, 60 * MINUTE, titles=TITLES, now=NOW, anew=anew)
    assert chart is not None
    assert chart.breaks == (found[15].at,)
    assert "Dashed: other contracts are counted from there on, which is no move." in chart.note
    assert layers(found).breaks == ()


@pytest.mark.parametrize("more", [1, 9])
def test_small_venues_share_a_layer_that_holds_what_they_hold(more: int) -> None:
    extra = tuple(
        VenueOpenInterest(Venue(f"small{n}"), Group.OFFSHORE, 100.0 + n, None, ONSET) for n in range(more)
    )
    found = [replace(snap, venues=(*snap.venues, *extra)) for snap in market(20)]
    chart = layers(found)
    assert len(chart.venues) <= 8
    held = sum(venue.coins[-1] or 0.0 for venue in chart.venues)
    assert held == pytest.approx(415_000 + sum(each.coins for each in extra))


def test_one_snapshot_is_no_picture() -> None:
    assert venues_chart("BTC", [snapshot(NOW, fallen=1.0)], 20 * MINUTE, titles=TITLES, now=NOW) is None
