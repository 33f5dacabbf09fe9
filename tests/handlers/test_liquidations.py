"""/liquidations: what was forced, on which side, how unusual that is, and who told it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.cards import Card
from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Completeness, Group, Instrument, Liquidation, Position, Venue
from handlers.commands import Ask, answer
from handlers.desk import About, Desk
from storage.memory import MemoryStore
from tests.handlers.conftest import HERE
from tests.handlers.october import ETH, LOW, NOW, ONSET, liquidation

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
