from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from bot.domain.cards import Card, Table, Tone
from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Completeness, Group, Quarantined, Venue
from bot.domain.posts import Destination, Notice
from bot.domain.verdicts import Verdict
from bot.domain.waves import Stage
from handlers.commands import COMMANDS, Ask, answer
from handlers.core_words import retold
from handlers.desk import Desk
from handlers.speech import speaking
from handlers.titles import TABLE_WIDTH
from storage.memory import MemoryStore
from storage.sqlite import open_sqlite
from tests.handlers.conftest import HERE
from tests.handlers.october import BANNER, NOW, SeenVenues, snapshot, source, wave
from tests.handlers.test_cards import words
from tests.local import market_chart

ASK = Ask(HERE, "me")
MISTAKES = [
    "",
    "/",
    "/io btc",
    "hello",
    "/oi bct",
    "/oi btc 24x",
    "/oi btc eth",
    "/wave",
    "/wave zz",
    "/why zz",
]
MISTAKES += [
    "/resets 1.5",
    "/threshold 5%",
    "/unsubscribe",
    "/help xyzzyx",
    "/subscribe 3x",
    "/chart qqqq 1h",
]
GOOD = [example for command in COMMANDS.values() for example in command.examples if "<" not in example]


def width(table: Table) -> int:
    """With two spaces between columns."""
    rows = (table.heads, *table.rows)
    return sum(max(len(row[i]) for row in rows) for i in range(len(table.heads))) + 2 * (len(table.heads) - 1)


async def said(desk: Desk, line: str, ask: Ask = ASK) -> str:
    return words(await answer(desk, ask, line))


@pytest.mark.parametrize("line", [*GOOD, *MISTAKES])
async def test_every_answer_carries_the_banner_and_fits_a_phone(desk: Desk, line: str) -> None:
    await answer(desk, ASK, "/subscribe all weekly")
    card = await answer(desk, ASK, line)
    with speaking(card.language):
        assert card.banner == retold(BANNER)
    assert card.title
    assert "!" not in words(card)
    if card.table:
        assert width(card.table) <= TABLE_WIDTH


@pytest.mark.parametrize("line", GOOD)
async def test_every_example_works(desk: Desk, line: str) -> None:
    ask = replace(ASK, destination=Destination("discord", "7")) if line.startswith("/ping") else ASK
    await answer(desk, ask, "/subscribe btc weekly")
    assert (await answer(desk, ask, line)).tone is not Tone.WARNING


@pytest.mark.parametrize("line", MISTAKES)
async def test_a_mistake_is_answered_by_a_card(desk: Desk, line: str) -> None:
    assert (await answer(desk, ASK, line)).tone is Tone.WARNING


@pytest.mark.parametrize("line", MISTAKES)
async def test_every_suggestion_after_a_mistake_works(desk: Desk, line: str) -> None:
    for button in (await answer(desk, ASK, line)).buttons:
        assert (await answer(desk, ASK, button.command)).tone is not Tone.WARNING, button.command


@pytest.mark.parametrize("line", ["/oi btc 24h", "oi btc 24h", "/oi@washout_bot 24h xbt", "/OI  $BTC"])
async def test_a_command_is_understood_however_it_is_typed(desk: Desk, line: str) -> None:
    assert "24 h: −79,000 BTC (−19.0 %)" in await said(desk, line)


async def test_without_a_coin_the_largest_coins_are_listed(desk: Desk) -> None:
    card = await answer(desk, ASK, "/oi")
    assert card.table is not None
    assert card.table.rows == (("BTC", "$36.0B", "−19.0%"), ("ETH", "$3.6B", "−19.0%"))


async def test_a_swapped_letter_finds_the_command(desk: Desk) -> None:
    assert "Did you mean /oi? For example /oi btc" in await said(desk, "/io btc")


async def test_short_history_is_said(desk: Desk) -> None:
    assert "I have 3 days of ETH history, so I cannot say how rare a fall is yet" in await said(
        desk, "/oi eth"
    )
    assert "history" not in await said(desk, "/oi btc")


async def test_a_period_before_the_first_figure_is_not_guessed(desk: Desk) -> None:
    assert "7 days: nothing was recorded then" in await said(desk, "/oi eth 7d")


async def test_a_figure_from_another_time_is_not_taken_for_the_one_asked_about(desk: Desk) -> None:
    desk.store = MemoryStore()
    await desk.store.journal.snap([snapshot(NOW - timedelta(days=3), fallen=0.0), snapshot(NOW, fallen=1.0)])
    assert "24 h: nothing was recorded then" in await said(desk, "/oi btc 24h")


async def test_blindness_is_said_before_any_figure(desk: Desk) -> None:
    class Blind(SeenVenues):
        def sources(self) -> list:  # type: ignore[type-arg]
            reports = source("cftc", "CFTC", Group.REPORT, "positions")
            lost = [s for s in super().sources() if s.completeness is None]
            return [
                *(source(s.venue, s.title, s.group, s.source, SourceState.LOST, "no answer") for s in lost),
                reports,
            ]

    desk.health = Blind()
    card = await answer(desk, ASK, "/oi btc")
    assert card.tone is Tone.WARNING
    assert "I cannot see the market: no venue has answered for 4 min. Silence now is not calm" in words(card)
    assert (await answer(desk, ASK, "/venues")).title == "I cannot see the market"
    assert "blind" in (await answer(desk, ASK, "/status")).title


async def test_what_cannot_be_heard_is_said(desk: Desk) -> None:
    why = "connected, but has told nothing since 20:00 UTC while 5 other feeds were busy, also on a new line"

    kucoin = structs.replace(source("kucoin", "KuCoin", Group.OFFSHORE, "tickers"), unheard="no topic")

    class Deaf(SeenVenues):
        def sources(self) -> list[SourceHealth]:
            told = {"bybit": 7, "binance_usdm": 0}
            heard = [
                structs.replace(s, told=told.get(s.venue, 0), gaps=1200 if s.venue == "bybit" else 0)
                for s in super().sources()
            ]
            deaf = source("okx", "OKX", Group.OFFSHORE, "forced", SourceState.DEAF, why)
            other = source("bybit", "Bybit", Group.OFFSHORE, "forced-inverse", told=Completeness.COMPLETE)
            return [*heard, other, deaf, kucoin]

    desk.health = Deaf()
    told = await said(desk, "/venues")
    assert f"OKX, forced: {why} for 4 min" in told
    assert "not told to the public by KuCoin" in told
    assert "unproven, since nothing was heard yet, Binance, Bybit forced-inverse" in told
    assert "messages that never arrived, by the venue's own count, Bybit 2,400" in told


async def test_past_waves_are_listed_with_what_came_next(desk: Desk) -> None:
    card = await answer(desk, ASK, "/resets btc")
    assert card.table is not None
    assert card.table.rows == (
        ("10 Oct", "−19%", "4.7L", "–", "1a"),
        ("25 Sep", "−19%", "2.8L", "+14%", "19"),
    )


async def test_unwinds_are_listed_when_asked_for(desk: Desk) -> None:
    card = await answer(desk, ASK, "/resets all 3")
    assert card.table is not None
    assert [row[-1] for row in card.table.rows] == ["1a", "1b", "19"]


async def test_a_wave_in_full_has_its_picture_and_what_came_next(desk: Desk) -> None:
    card = await answer(desk, ASK, "/wave #1A")
    chart = market_chart(card.picture)
    assert chart.title == "BTC long flush: 79,000 BTC closed (−19.0 %) in 41 min"
    assert sum(chart.long_usd) == pytest.approx(2.8e9)
    assert sum(chart.short_usd) == pytest.approx(0.51e9)
    assert card.picture is not None
    figures = "Coin open interest 415,000 before and 336,000 BTC at the low, price $122,000 and $107,000"
    assert figures in card.picture.alt
    assert BANNER in chart.note
    assert "1 h after the end: price 0.0 %, 0 % of the closed coins open again" in words(card)


async def test_why_shows_the_inputs(desk: Desk) -> None:
    told = await said(desk, "/why 1a")
    assert "Index (natural log), 20:49 UTC → 21:31 UTC: +0.0000 → −0.2112, so −19.0 %, like with like" in told
    assert "coins closed × $107,000 = −$8.45 B. Price: coins before × −$15,000 = −$6.22 B" in told
    assert "Together −$14.7 B" in told
    assert "At its rarest moment, below the highest point within each time" in told
    assert "1 h: −19.0 %, price −12.3 %; so deep once in 16 days of BTC history" in told
    assert "Rarest at 1 h: W 4.70" in told
    assert "BTC history counts since 12 Mar 2020, 5.6 years before the onset" in told
    assert "Left out: Gate since 21:27 UTC, too old when it arrived" in told
    assert "Binance 130,000 → 105,000 · 20:48:12 → 21:30:12 · $122,000 → $107,000" in told
    assert "what is needed to compute it again is kept for 3 days" in told


async def test_one_venue_is_shown_feed_by_feed(desk: Desk) -> None:
    card = await answer(desk, ASK, "/venues Bybit")
    assert card.title == "Bybit: 2 of 2 feeds fresh"
    assert card.table is not None
    assert [row[0] for row in card.table.rows] == ["forced", "tickers"]
    assert "Gate, tickers: no answer for 4 min" in await said(desk, "/venues gat")
    assert 'I watch no venue "mtgox"' in await said(desk, "/venues mtgox")


async def test_venues_names_what_is_not_fresh(desk: Desk) -> None:
    told = await said(desk, "/venues")
    assert "8 of 9 feeds fresh" in told
    assert "Gate, tickers: no answer for 4 min" in told
    assert "complete from Bybit; throttled, so a floor, from Binance" in told


async def test_what_is_held_back_is_told_with_its_venue(desk: Desk, store: MemoryStore) -> None:
    at = NOW - timedelta(minutes=5)
    await store.journal.quarantine(
        [
            Quarantined(Venue("bybit"), "BTCUSDT", Verdict.JUMPED, at, "1000: a jump"),
            Quarantined(Venue("bybit"), "BTCUSDT liquidations", Verdict.RECOUNTED, at, "3: held back"),
            Quarantined(Venue("gate"), "BTC_USDT", Verdict.ZERO, at, "0: zero"),
        ]
    )
    told = await said(desk, "/venues")
    assert "1 × a jump, held back until the next readings agree (Bybit)" in told
    assert "1 × zero where there was open interest (Gate)" in told
    alone = await said(desk, "/venues gate")
    assert "Held back in the last hour: 1 × zero where there was open interest" in alone
    assert "jump" not in alone
    assert "Some of Bybit are not counted: their units were in doubt" in await said(desk, "/liquidations btc")


async def tell(
    store: MemoryStore, subject: str, place: Destination, revisions: int = 1, last: datetime = NOW
) -> None:
    """What delivery leaves behind, a revision a minute."""
    for revision in range(1, revisions + 1):
        at = last - timedelta(minutes=revisions - revision)
        await store.posts.want(subject, [place], revision=revision, loud=1, size=1.0, now=at)
        (post,) = await store.posts.claim(place.platform, at, timedelta(minutes=1), 1)
        await store.posts.shown(post, revision=revision, message="7", loud=revision == 1, now=at)


async def test_status_counts_what_was_told_in_this_chat(desk: Desk, store: MemoryStore) -> None:
    await tell(store, "1a", HERE, revisions=3)
    await tell(store, "19", Destination(HERE.platform, HERE.chat, "5"))
    assert "Told here in the last day: 1 with a sound, 2 quietly" in await said(desk, "/status")


async def test_a_picture_is_said_with_its_age_and_coverage(desk: Desk) -> None:
    desk.clock = lambda: NOW + timedelta(minutes=30)
    told = await said(desk, "/chart btc")
    assert "As of 10 Oct 23:50 UTC, seen 97 % of usual open interest" in told
    assert BANNER not in told


async def test_a_coin_without_waves_is_asked_with_those_of_choice(desk: Desk) -> None:
    card = await answer(desk, ASK, "/resets eth")
    assert [button.command for button in card.buttons] == ["/resets eth all"]


async def test_help_begins_with_what_is_asked_most(desk: Desk) -> None:
    lines = (await answer(desk, ASK, "/help")).lines
    assert [line.text.split("`")[1] for line in lines][:3] == ["/oi", "/leverage", "/resets"]


async def test_help_lists_every_command(desk: Desk) -> None:
    told = await said(desk, "/help")
    assert all(f"/{name} " in told for name in COMMANDS)


async def test_status_says_both_the_markets_time_and_its_own(desk: Desk) -> None:
    assert "Market time 23:50 UTC, 10 Oct 2025; running for 3 h 10 min" in await said(desk, "/status")


async def test_status_does_not_say_where_the_operators_files_are(desk: Desk, tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "washout.db") as store:
        desk.store = store
        told = await said(desk, "/status")
        await answer(desk, ASK, "/language es")
        assert re.search(r"tamaño \d+,\d MB", await said(desk, "/status"))
    assert re.search(r"store SQLite .* size \d+\.\d MB", told)
    assert str(tmp_path) not in told


async def test_an_empty_store_is_answered_honestly(desk: Desk) -> None:
    desk.store = MemoryStore()
    assert "I have not seen any market yet" in await said(desk, "/oi")
    assert "No wave has been recorded yet" in await said(desk, "/resets")
    assert "Nothing has been recorded yet" in await said(desk, "/status")


async def test_a_wave_and_a_notice_are_presented_with_the_banner(desk: Desk, store: MemoryStore) -> None:
    shown = await desk.present("1a", HERE)
    assert shown is not None
    assert (shown.revision, shown.loud, shown.over, shown.card.banner) == (4, 2, True, BANNER)
    assert shown.card.picture is not None
    await store.notices.tell(
        Notice(id="blind-1", revision=1, loud=1, at=NOW, title="Blind", text="No venue.")
    )
    notice = await desk.present("blind-1", HERE)
    assert notice is not None
    assert (notice.over, notice.card.banner) == (False, BANNER)
    assert await desk.present("nothing", HERE) is None


async def test_an_early_wave_has_no_picture_yet(desk: Desk) -> None:
    card: Card = await desk.wave_card(wave(Stage.EARLY))
    assert card.picture is None
    assert (await desk.wave_card(wave(Stage.BUILDING))).picture is not None
