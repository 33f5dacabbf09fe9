"""Everything a venue can do wrong, and what the program makes of it.

``MEANT`` is the whole table. Each fault is played at each venue alone, and then at a third of a market while
the rest of it falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from bot.domain.assets import Asset
from bot.domain.health import SourceHealth, SourceState
from bot.domain.market import Venue
from bot.domain.verdicts import Verdict
from bot.domain.waves import Kind, Stage, Wave
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import MINUTE, SECOND
from bot.simulator.everything import PEAK, everything
from bot.simulator.faults import Fault
from bot.simulator.venues import WIRE_FORMATS
from tests.simulator.fleet import PATIENT, Fleet, eventually, fleet, learned

PRICES_USD = {"BTC": 113_000.0, "ETH": 4_100.0}
VENUES = [v for v, form in WIRE_FORMATS.items() if form.lists and not EXCHANGES[Venue(v)].closed]
QUIET = PEAK - timedelta(minutes=45)
DAY = timedelta(days=1)
LASTS = 13
"""Minutes; a figure is frozen after ten."""


class Meant(NamedTuple):
    """What a fault looks like from inside while it lasts: the state of what is asked, and what is kept."""

    state: SourceState = SourceState.FRESH
    verdicts: frozenset[Verdict] = frozenset()


def verdicts(*these: Verdict) -> frozenset[Verdict]:
    return frozenset(these)


MEANT = {
    Fault.OUTAGE: Meant(SourceState.LOST),
    Fault.CUT: Meant(SourceState.LOST),
    Fault.HANG: Meant(SourceState.LOST),
    Fault.THROTTLED: Meant(SourceState.THROTTLED),
    Fault.BANNED: Meant(SourceState.THROTTLED),
    Fault.FORBIDDEN: Meant(SourceState.BLOCKED),
    Fault.RESTRICTED: Meant(SourceState.BLOCKED),
    Fault.GARBAGE: Meant(SourceState.CHANGED, verdicts(Verdict.UNREADABLE)),
    Fault.ELSEWHERE: Meant(SourceState.CHANGED, verdicts(Verdict.UNREADABLE)),
    Fault.FOREIGN: Meant(SourceState.CHANGED, verdicts(Verdict.UNREADABLE)),
    Fault.FREEZE: Meant(verdicts=verdicts(Verdict.FROZEN)),
    Fault.ZERO: Meant(verdicts=verdicts(Verdict.ZERO)),
    Fault.THOUSANDFOLD: Meant(verdicts=verdicts(Verdict.JUMPED)),
    Fault.DOUBLED: Meant(),
    Fault.SKEWED: Meant(verdicts=verdicts(Verdict.FUTURE)),
    Fault.BEHIND: Meant(verdicts=verdicts(Verdict.STALE)),
    Fault.DEAF: Meant(),
    Fault.REPLAYED: Meant(),
    Fault.DELISTED: Meant(),
}

WITHOUT_A_CLOCK = {
    *("coinbase_cde", "coinex", "dydx", "gate", "hyperliquid", "kucoin", "lighter", "whitebit"),
}
"""They tell no time with their open interest, so theirs cannot be wrong."""
IN_DOLLARS = {"bingx"}
"""Tells dollars: the same coins are other dollars whenever the price moves."""
UNSEEN = {Fault.SKEWED: WITHOUT_A_CLOCK, Fault.BEHIND: WITHOUT_A_CLOCK, Fault.FREEZE: IN_DOLLARS}
BESIDE = {Fault.DELISTED: {Verdict.UNREADABLE}, Fault.THOUSANDFOLD: {Verdict.RECOUNTED}}
"""Whoever is asked symbol by symbol refuses one that is gone, until the book is asked again; liquidations are
told in the other units too."""


def test_every_fault_has_its_meaning() -> None:
    assert set(MEANT) == set(Fault)


HARMLESS = {("kucoin", Fault.ELSEWHERE)}
"""Both of its endpoints tell the same figures by the same names: swapped, they are still right."""


@pytest.mark.parametrize(
    ("venue", "fault"), [(v, f) for v in VENUES for f in Fault if (v, f) not in HARMLESS], ids=str
)
async def test_each_fault_at_each_venue_is_told_for_what_it_is_and_leaves_no_mark(
    venue: str, fault: Fault
) -> None:
    async with fleet(everything(PRICES_USD, [venue]), QUIET, patience=patience(fault)) as alone:
        await alone.minutes(2)
        alone.faults.begin(venue, fault, alone.clock.now)
        await alone.minutes(LASTS if fault is Fault.FREEZE else 3)
        assert states(alone, venue) == {MEANT[fault].state}
        seen = await alone.verdicts(venue) - BESIDE.get(fault, set())
        assert seen == (set() if venue in UNSEEN.get(fault, ()) else MEANT[fault].verdicts)
        alone.faults.end(venue)
        await alone.minutes(1, every=longest_wait(fault))
        await alone.minutes(2)
        assert states(alone, venue) == {SourceState.FRESH}
        for coin in PRICES_USD:
            newest = await alone.store.journal.snapshot(Asset(coin))
            assert newest is not None
            assert (newest.coverage, newest.missing) == (1.0, ())
            assert newest.coins == pytest.approx(held(alone, coin), rel=0.02)
        assert await alone.store.waves.recent() == []


def longest_wait(fault: Fault) -> timedelta:
    """Longer than any wait after it: hourly where the venue blocks, else ten minutes and a fifth at most."""
    return timedelta(minutes=61 if MEANT[fault].state is SourceState.BLOCKED else 13)


def patience(fault: Fault) -> timedelta:
    """A time limit that is waited for is short."""
    return timedelta(seconds=0.3) if fault is Fault.HANG else PATIENT


def states(fleet: Fleet, venue: str) -> set[SourceState]:
    """Of what is asked every minute and has something to ask."""
    minutely = {poll.name for poll in EXCHANGES[Venue(venue)].polls if poll.every == MINUTE}
    asked = [known for name, known in fleet.polled(venue).items() if name in minutely]
    return {known.state for known in asked} - {SourceState.WAITING}


def held(fleet: Fleet, coin: str) -> float:
    return fleet.scenario.at(fleet.clock.now - MINUTE).coins(coin)


HEARD = [venue for venue in VENUES if WIRE_FORMATS[venue].streams]
BROKEN = (Fault.GARBAGE, Fault.ELSEWHERE, Fault.FOREIGN)


@pytest.mark.parametrize(("venue", "fault"), [(v, f) for v in HEARD for f in BROKEN], ids=str)
async def test_what_a_socket_tells_in_place_of_liquidations_is_seen_and_never_counted(
    venue: str, fault: Fault
) -> None:
    async with fleet(everything(PRICES_USD, [venue]), PEAK - 6 * MINUTE) as alone:
        await alone.minutes(4)
        before = await alone.verdicts(venue)
        alone.faults.begin(venue, fault, alone.clock.now)
        since = alone.clock.now
        while SourceState.CHANGED not in socket_states(alone, venue):
            assert alone.clock.now < since + 5 * MINUTE, "never seen"
            alone.clock.now += 5 * SECOND  # nothing is asked meanwhile: what is seen is of the sockets
            await eventually(lambda: alone.told.get(venue) == alone.clock.now)
        assert (before, await alone.verdicts(venue)) == (set(), {Verdict.UNREADABLE})
        alone.clock.now = since + 5 * MINUTE
        await alone.minutes(1)
        assert await liquidated(alone, since, alone.clock.now) == 0
        alone.faults.end(venue)
        ended = alone.clock.now
        while not await liquidated(alone, ended, alone.clock.now):
            assert alone.clock.now < ended + 20 * MINUTE, "never heard again"
            await alone.minutes(1)
        await eventually(lambda: socket_states(alone, venue) == {SourceState.FRESH})


@pytest.mark.parametrize("venue", ["bybit", "htx", "binance_usdm"])
async def test_liquidations_in_other_units_are_in_no_sum(venue: str) -> None:
    async with fleet(everything(PRICES_USD, [venue]), QUIET) as alone:
        await alone.minutes(3)
        alone.faults.begin(venue, Fault.THOUSANDFOLD, alone.clock.now)
        await alone.minutes(1)
        since = alone.clock.now
        await alone.minutes(4)
        assert await liquidated(alone, since, alone.clock.now) == 0
        assert Verdict.RECOUNTED in await alone.verdicts(venue)
        alone.faults.end(venue)
        await alone.minutes(1)
        ended = alone.clock.now
        await alone.minutes(10)
        assert await liquidated(alone, ended, alone.clock.now) > 0


def socket_states(fleet: Fleet, venue: str) -> set[SourceState]:
    return {fleet.sources(venue)[name].state for name in fleet.hears(venue)} - {SourceState.WAITING}


# --- in a market that falls ----------------------------------------------------------------------------


def groups_of_nine(number: int) -> tuple[list[str], list[str]]:
    """Nine venues, others for each ``number``, and the three of them that will misbehave."""
    begin = number * 3
    nine = [VENUES[(begin + place) % len(VENUES)] for place in range(9)]
    return nine, nine[:3]


@pytest.mark.parametrize("fault", Fault)
async def test_a_fault_at_a_third_of_a_market_makes_no_wave_and_hides_none(fault: Fault) -> None:
    nine, spoiled = groups_of_nine(list(Fault).index(fault))
    scenario = everything(PRICES_USD, nine)
    async with fleet(scenario, QUIET, taught=learned(scenario, QUIET), patience=patience(fault)) as market:
        await market.minutes(4)
        for venue in spoiled:
            market.faults.begin(venue, fault, market.clock.now)
        await market.minutes(LASTS)
        assert await market.store.waves.recent() == []
        while market.clock.now < PEAK + 3 * MINUTE:
            await market.minutes(1)
        for wave in await found(market):
            assert (wave.kind, wave.stage) == (Kind.FLUSH, Stage.BUILDING)
            assert PEAK - 20 * MINUTE <= wave.onset <= PEAK
            assert 0.09 < wave.fall < 0.18
        for venue in spoiled:
            market.faults.end(venue)
        await market.minutes(35, every=2 * MINUTE)
        for wave in await found(market):
            assert wave.fall == pytest.approx(0.2, abs=0.015)
        for venue in spoiled:
            assert states(market, venue) == {SourceState.FRESH}
        assert [await market.coverage(Asset(coin)) for coin in PRICES_USD] == [1.0, 1.0]


async def found(fleet: Fleet) -> Sequence[Wave]:
    """One wave a coin, and no other."""
    waves = await fleet.store.waves.recent()
    assert sorted(wave.asset for wave in waves) == sorted(PRICES_USD)
    return waves


# --- what is not of one venue --------------------------------------------------------------------------

DATED = ["bitget", "bybit", "gate", "htx", "kraken_futures", "kucoin"]


async def test_contracts_that_expire_at_several_venues_at_once_are_no_fall() -> None:
    expiry = datetime(2025, 12, 26, 8, tzinfo=UTC)
    scenario, begun = everything(PRICES_USD, DATED, peak=expiry + DAY), expiry - 15 * MINUTE
    async with fleet(scenario, begun, taught=learned(scenario, begun)) as market:
        await market.minutes(10)
        before = await coins(market, "BTC")
        await market.minutes(80)
        assert await coins(market, "BTC") < 0.99 * before
        assert {*await market.verdicts("bybit")} == set()
        assert await market.store.waves.recent() == []
        assert [await market.coverage(Asset(coin)) for coin in PRICES_USD] == pytest.approx([1.0, 1.0])


async def coins(fleet: Fleet, coin: str) -> float:
    newest = await fleet.store.journal.snapshot(Asset(coin))
    assert newest is not None
    return newest.coins


FOUR_MINUTES = (PEAK - MINUTE, PEAK + 3 * MINUTE)
FOUR_MINUTES_USD = 210e6
"""What everything() plays from a minute before its peak on."""
FEEDS = ["bybit", "okx", "gate", "bitfinex", "aster", "deribit"]


async def test_a_deaf_feed_is_given_a_new_line_and_then_reported() -> None:
    scenario = everything(PRICES_USD, FEEDS)
    async with fleet(scenario, QUIET) as market:
        await market.minutes(20)
        market.faults.begin("okx", Fault.DEAF, market.clock.now)
        await until_state(market, "okx", SourceState.DEAF)
        assert "also on a new line" in heard(market, "okx").why
        assert {heard(market, venue).state for venue in FEEDS if venue != "okx"} == {SourceState.FRESH}
        market.faults.end("okx")
        await until_state(market, "okx", SourceState.FRESH)


def heard(fleet: Fleet, venue: str) -> SourceHealth:
    return fleet.sources(venue)[fleet.hears(venue)[0]]


async def until_state(fleet: Fleet, venue: str, state: SourceState) -> None:
    for _ in range(240):
        await fleet.minutes(1)
        if heard(fleet, venue).state is state:
            return
    raise AssertionError(f"{venue} never became {state}")


async def test_old_liquidations_told_again_at_a_reconnect_count_once() -> None:
    scenario = everything(PRICES_USD, FEEDS)
    async with fleet(scenario, PEAK - 6 * MINUTE) as market:
        await market.minutes(10)
        assert await liquidated(market, *FOUR_MINUTES) == pytest.approx(FOUR_MINUTES_USD, rel=1e-4)
        told = {venue: heard(market, venue).told for venue in FEEDS}
        for venue in FEEDS:
            market.faults.begin(venue, Fault.REPLAYED, market.clock.now)
        await eventually(lambda: all(heard(market, venue).told >= told[venue] + 100 for venue in FEEDS))
        await market.minutes(1)
        assert await liquidated(market, *FOUR_MINUTES) == pytest.approx(FOUR_MINUTES_USD, rel=1e-4)


async def liquidated(fleet: Fleet, since: datetime, until: datetime) -> float:
    """Dollars of BTC."""
    sums = await fleet.store.journal.liquidated(Asset("BTC"), since, until, MINUTE)
    return sum(one.long_usd + one.short_usd for one in sums)
