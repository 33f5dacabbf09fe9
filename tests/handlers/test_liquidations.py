"""/liquidations: what was forced, on which side, how unusual that is, and who told it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from bot.domain.cards import Card
from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Completeness, Group, Instrument, Liquidation, PastLiquidations, Position, Venue
from handlers.commands import Ask, answer
from handlers.desk import About, Desk
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.october import BTC, ETH, LOW, MINUTE, NOW, ONSET, liquidation

HOUR = timedelta(hours=1)
ASK = Ask(HERE, person="me")


def words(card: Card) -> str:
    return "\n".join((card.title, *(line.text for line in card.lines), card.footer))


def source(venue: str, title: str, completeness: Completeness | None, unheard: str = "") -> SourceHealth:
    return SourceHealth(
        venue=Venue(venue),
        title=title,
        group=Group.OFFSHORE,
        source="liquidations",
        state=SourceState.FRESH,
        since=ONSET,
        completeness=completeness,
        unheard=unheard,
    )


@dataclass
class Feeds:
    """What the process knows of its feeds of liquidations."""

    known: list[SourceHealth] = field(
        default_factory=lambda: [
            source("bybit", "Bybit", Completeness.COMPLETE),
            source("okx", "OKX", Completeness.THROTTLED),
            source("kucoin", "KuCoin", None, "its feed wants a key"),
        ]
    )

    def sources(self) -> list[SourceHealth]:
        return self.known


def desk_of(store: MemoryStore, feeds: Feeds) -> Desk:
    about = About(version="0.1.0", started=ONSET)
    return Desk(store, feeds, lambda: NOW, about, wall=lambda: NOW)


def on(venue: str, said: Liquidation) -> Liquidation:
    instrument = Instrument(Venue(venue), said.instrument.symbol, said.instrument.asset)
    return replace(said, instrument=instrument)


@pytest.fixture
async def told(store: MemoryStore) -> MemoryStore:
    """Beside the October's: OKX told some, one was auto-deleveraging, and each day before had its own."""
    await store.journal.hear(
        [
            on("okx", liquidation(LOW, 3e8, number="okx")),
            replace(on("bybit", liquidation(LOW, 5e6, Position.SHORT, "adl")), deleveraged=True),
            *(liquidation(NOW - timedelta(days=n, hours=2), 2e7, number=f"d{n}") for n in range(1, 12)),
        ]
    )
    return store


async def test_both_sides_the_worst_minute_and_how_unusual_it_is(told: MemoryStore) -> None:
    card = await answer(desk_of(told, Feeds()), ASK, "/liquidations btc 24h")
    text = words(card)
    assert card.title == "BTC liquidations in 24 h: ≥ $3.6 B"
    assert "**Longs $3.1 B** (" in text
    assert "**shorts $510 M** (" in text
    assert "86 % longs" in text
    assert f"Worst minute {ONSET + timedelta(minutes=25):%H:%M}: $3.21 B" in text
    assert "180 × the usual $20.0 M in 24 h" in text
    assert "as of" in card.footer
    assert card.picture is not None
    assert "BTC: $3.1 B of longs and $510 M of shorts liquidated in 24 h" in card.picture.alt
    assert "Liquidated: $3.1 B longs, $510 M shorts" in card.picture.alt


async def test_venues_stand_with_what_their_feeds_tell(told: MemoryStore) -> None:
    feeds = Feeds([*Feeds().known, source("gate", "Gate", Completeness.COMPLETE)])
    card = await answer(desk_of(told, feeds), ASK, "/liquidations btc")
    assert card.table is not None
    assert card.table.rows[0] == ("Bybit", "$3.3B", "all")
    assert card.table.rows[1] == ("OKX", "$300M", "a floor")
    assert card.table.rows[2] == ("Gate", "$0", "all")
    assert "None public from KuCoin (its feed wants a key)" in words(card)


async def test_auto_deleveraging_is_told_apart(told: MemoryStore) -> None:
    text = words(await answer(desk_of(told, Feeds()), ASK, "/liquidations btc"))
    assert "Auto-deleveraged besides: $5.0 M" in text


async def test_silence_is_not_called_calm_where_nobody_listens(store: MemoryStore) -> None:
    quiet = await answer(desk_of(store, Feeds()), ASK, "/liquidations eth 1h")
    assert quiet.title == "ETH liquidations in 1 h: none heard"
    deaf = await answer(desk_of(store, Feeds([])), ASK, "/liquidations eth 1h")
    assert "unknown, no feed is followed" in deaf.title


async def test_little_history_is_said(store: MemoryStore) -> None:
    text = words(await answer(desk_of(store, Feeds()), ASK, "/liquidations btc 24h"))
    assert "too little yet to say what is normal in 24 h" in text


async def test_a_period_longer_than_is_kept_is_cut_and_said(told: MemoryStore) -> None:
    card = await answer(desk_of(told, Feeds()), ASK, "/liquidations btc 90d")
    assert "in 30 d" in card.title
    assert "I keep each of them for 30 d" in words(card)
    assert "Worst hour" in words(card)


async def test_without_a_coin_those_that_lost_most_come_first(told: MemoryStore) -> None:
    of_eth = replace(liquidation(LOW, 8e9), instrument=Instrument(Venue("bybit"), "ETHUSDT", ETH))
    await told.journal.hear([of_eth])
    card = await answer(desk_of(told, Feeds()), ASK, "/liquidations")
    assert card.table is not None
    assert [row[0] for row in card.table.rows] == ["ETH", "BTC"]
    assert card.title == "Liquidations in 24 h: ≥ $11.6 B"


async def test_before_anything_was_seen_it_says_so() -> None:
    card = await answer(desk_of(MemoryStore(), Feeds()), ASK, "/liquidations")
    assert "I have not seen any market yet" in words(card)


async def test_a_coin_nobody_knows_is_asked_back(told: MemoryStore) -> None:
    text = words(await answer(desk_of(told, Feeds()), ASK, "/liquidations bct"))
    assert "Did you mean **BTC**?" in text


async def test_a_venue_that_is_not_followed_any_more_keeps_its_part(told: MemoryStore) -> None:
    card = await answer(desk_of(told, Feeds([])), ASK, "/liquidations btc")
    assert card.table is not None
    assert card.table.rows[0][2] == "?"


GATE_BTC = Instrument(Venue("gate"), "BTC_USDT", BTC)
FIVE = timedelta(minutes=5)


async def keep_past(store: MemoryStore, since: datetime, until: datetime, usd: float | None = 1e6) -> None:
    """Each five minutes Gate tells a million dollars of longs, and a quarter of that of shorts."""
    sums = [
        PastLiquidations(GATE_BTC, position, since + n * FIVE, FIVE, None, None, usd and usd * part)
        for n in range((until - since) // FIVE)
        for position, part in ((Position.LONG, 1.0), (Position.SHORT, 0.25))
    ]
    await store.archive.keep(GATE_BTC, since, until, [], sums)


async def past_line(store: MemoryStore, period: str) -> str:
    feeds = Feeds([*Feeds().known, source("gate", "Gate", Completeness.COMPLETE)])
    card = await answer(desk_of(store, feeds), ASK, f"/liquidations btc {period}")
    return next((line.text for line in card.lines if "not counted above" in line.text), "")


async def test_the_time_before_it_listened_is_told_beside_and_in_no_sum(told: MemoryStore) -> None:
    before = await answer(desk_of(told, Feeds()), ASK, "/liquidations btc 24h")
    await keep_past(told, NOW - timedelta(days=3), ONSET - 10 * MINUTE)
    after = await answer(desk_of(told, Feeds()), ASK, "/liquidations btc 24h")
    assert await past_line(told, "24h") == (
        "Before 10 Oct 20:40 Gate alone tells $250 M longs, $62.5 M shorts, in 5 min sums: not counted above"
    )
    assert (after.title, after.table, after.lines[:4]) == (before.title, before.table, before.lines[:4])


async def test_a_past_that_does_not_reach_so_far_says_from_when(told: MemoryStore) -> None:
    await keep_past(told, ONSET - HOUR, ONSET)
    assert (await past_line(told, "24h")).startswith(
        "From 10 Oct 19:50 to 10 Oct 20:50 Gate alone tells $12.0 M"
    )
    assert await past_line(told, "1h") == ""


@pytest.mark.parametrize("period", ["24h", "7d"])
async def test_what_was_heard_of_a_venue_is_not_told_again_as_its_past(
    told: MemoryStore, period: str
) -> None:
    await keep_past(told, ONSET - HOUR, ONSET + HOUR)
    await told.journal.hear([on("gate", liquidation(ONSET + 2 * MINUTE, 1e6, number="gate"))])
    assert "to 10 Oct 20:50 Gate alone tells $12.0 M longs" in await past_line(told, period)


async def test_a_past_that_cannot_be_counted_is_unknown_and_one_with_holes_a_floor(told: MemoryStore) -> None:
    await keep_past(told, ONSET - HOUR, ONSET, usd=None)
    assert "an unknown amount of longs, an unknown amount of shorts" in await past_line(told, "24h")
    await keep_past(told, ONSET - 2 * HOUR, ONSET - HOUR)
    assert "≥ $12.0 M longs, ≥ $3.0 M shorts" in await past_line(told, "24h")
