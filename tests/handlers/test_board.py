"""The board: coins, venues, running waves."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Group
from bot.domain.waves import Stage
from handlers.web.board import Boards, venue_rows
from tests.handlers.october import BTC, ETH, MINUTE, NOW, SeenVenues, snapshot, snapshots, source, wave
from tests.handlers.pages import got, october, visiting, words


async def test_the_board_tells_falls_and_venues() -> None:
    board = await Boards((await october()).desk).now()
    [btc] = board.coins
    assert btc.fall == pytest.approx(336_000 / 415_000 - 1, abs=1e-3)
    assert btc.hour == pytest.approx(0.0)
    assert btc.day == pytest.approx(336_000 / 415_000 - 1, abs=1e-3)
    assert btc.price_day == pytest.approx(107_000 / 122_000 - 1, abs=1e-3)
    assert btc.leverage.heat is None, "a day is too little history"
    assert board.venues[0].state is SourceState.LOST, "what ails stands first"
    shares = [row.share for row in board.venues if row.share is not None]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)


async def test_what_is_told_of_a_coin_stays_until_its_next_snapshot() -> None:
    desk = (await october()).desk
    boards, store = Boards(desk), desk.store
    before, again = (await boards.now()).coins[0], (await boards.now()).coins[0]
    assert again.line is before.line, "nothing is made twice"
    await store.waves.save(wave(Stage.BUILDING))
    [btc] = (await boards.now()).coins
    assert btc.line is before.line
    assert btc.wave is not None, "a wave is told at once"
    await store.journal.snap([snapshot(NOW + MINUTE / 2, fallen=1.5)])
    [btc] = (await boards.now()).coins
    assert btc.now.at == NOW + MINUTE / 2
    assert btc.fall < before.fall


async def test_a_coin_that_is_told_no_more_is_told_from_where_it_stands() -> None:
    """The day goes on, also where no snapshot comes."""
    desk = (await october()).desk
    boards = Boards(desk)
    [before] = (await boards.now()).coins
    desk.clock = lambda: NOW + timedelta(hours=20)
    [later] = (await boards.now()).coins
    assert later.now == before.now
    assert len(later.line) < len(before.line)


async def test_every_change_names_its_span_and_a_fall_that_is_over_is_called_no_calm() -> None:
    async with visiting(await october()) as session:
        page = await got(session, "/board")
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", page)
    assert {"1 h", "24 h", "Price, 24 h", "Funding, % a year"} <= set(heads)
    empty = re.search(r'<p class="empty">([^<]*)</p>', page)
    assert empty is not None
    assert empty[1] == "No wave is running."


async def test_a_coin_in_a_wave_stands_first_and_leads_to_it() -> None:
    site = await october(wave(Stage.BUILDING))
    await site.desk.store.journal.snap(snapshots(NOW - MINUTE, NOW, MINUTE, asset=ETH))
    async with visiting(site) as session:
        page = await got(session, "/board")
    rows = re.findall(r'<th scope="row"[^>]*>(.*?)</th>', page)
    assert 'href="/wave/1a"' in rows[0]
    assert "BTC" in rows[0]
    assert "BTC long flush · W 4.7 and growing" in words(page)
    assert "revised 3 times" in words(page)


async def test_coins_are_told_by_their_heat_the_hottest_first() -> None:
    site = await october()
    days, day = 30, timedelta(days=1)
    for asset, rises in ((BTC, False), (ETH, True)):
        history = [
            snapshot(NOW - n * day, fallen=n / days if rises else 1 - n / days, asset=asset)
            for n in range(days + 1)
        ]
        await site.desk.store.journal.snap(history[::-1])
    board = await Boards(site.desk).now()
    assert [(row.now.asset, row.leverage.heat) for row in board.coins] == [(ETH, 100.0), (BTC, 0.0)]
    async with visiting(site) as session:
        page = await got(session, "/board")
    assert 'title="hotter than on 100 % of 30 days"' in page


def test_a_venue_that_was_never_asked_is_waiting_and_one_feed_that_fails_is_told() -> None:
    rows = {row.title: row for row in venue_rows(SeenVenues().sources(), [])}
    assert rows["Gate"].state is SourceState.LOST
    assert rows["Bybit"].state is SourceState.FRESH
    assert rows["Gate"].share is None


async def test_who_reports_of_venues_is_told_but_is_no_venue() -> None:
    class Reporting(SeenVenues):
        def sources(self) -> list[SourceHealth]:
            return [*super().sources(), source("cftc", "CFTC", Group.REPORT, "positions")]

    pages = {}
    for health in (SeenVenues(), Reporting()):
        site = await october()
        site.desk.health = health
        async with visiting(site) as session:
            page, told = words(await got(session, "/board")), json.loads(await got(session, "/healthz"))
        counted = re.search(r"(\d+) of (\d+) fresh", page)
        assert counted is not None
        line = re.search(r"\d+ of \d+ venues fresh", page)
        assert line is not None
        pages[type(health)] = counted.groups(), line.group(), told["venues"], told["venues_fresh"]
        assert ("CFTC" in page) is (type(health) is Reporting)
    assert pages[SeenVenues] == pages[Reporting]
