"""10 October 2025 by the second: open interest opens the wave, and where it is not heard the burst does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bot.domain.market import Completeness, Group, Instrument, Liquidation, OpenInterest, Venue
from bot.domain.units import Amount, Unit
from bot.domain.waves import Stage, Wave
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace
from bot.simulator.forced import forced
from bot.simulator.scenario import Contract, named
from tests.pipeline.market import BTC, MINUTE

OCTOBER = named("october-2025")
SINCE = OCTOBER.script.plays_from - timedelta(days=2)
UNTIL = datetime.fromisoformat("2025-10-10T21:40:00+00:00")
SILENT = datetime.fromisoformat("2025-10-10T20:52:00+00:00")
BACK = datetime.fromisoformat("2025-10-10T21:17:00+00:00")
FEEDS = {Venue("bybit"): Completeness.COMPLETE, Venue("binance_usdm"): Completeness.THROTTLED}
LISTED = [
    (c, Instrument(Venue(c.venue), c.symbol, BTC, c.inverse, None, c.expiry))
    for c in OCTOBER.script.contracts
    if c.coin == BTC
]


def figures(at: datetime) -> Iterator[OpenInterest]:
    for contract, instrument in LISTED:
        held = OCTOBER.holding(contract, at)
        count = held.coins * (held.price_usd if contract.inverse else 1)
        amount = Amount(Decimal(f"{count:.3f}"), Unit.QUOTE if contract.inverse else Unit.BASE)
        yield OpenInterest(instrument, amount, at, at, Decimal(f"{held.price_usd:.1f}"))


def told(silent: bool) -> list[Wave]:
    """Every revision. ``silent``: no venue answers from ``SILENT`` until ``BACK``."""
    by_contract: dict[Contract, Instrument] = dict(LISTED)
    judge = Judge({Venue(v): Group.OFFSHORE for v in OCTOBER.venues}, Pace(MINUTE, 8 * MINUTE), FEEDS)
    waves: list[Wave] = []
    at = SINCE
    while at < UNTIL:
        step = MINUTE if at >= OCTOBER.script.plays_from else 5 * MINUTE
        for event in forced(OCTOBER, at, at + step) if step == MINUTE else ():
            if event.contract in by_contract:
                coins, price = Decimal(f"{event.coins:.6f}"), Decimal(f"{event.price_usd:.1f}")
                who, number = by_contract[event.contract], f"{event.number}"
                size = Amount(coins, Unit.BASE)
                judge.take(Liquidation(who, event.position, size, price, event.at, event.at, number))
                waves.extend(judge.early())
        at += step
        if not (silent and SILENT <= at < BACK):
            for said in figures(at):
                judge.take(said)
        waves.extend(judge.step(at, snap=False).waves)
    return waves


@pytest.fixture(scope="module")
def heard() -> list[Wave]:
    return told(silent=False)


def test_where_open_interest_slides_first_a_burst_revises_its_message_within_the_second(
    heard: list[Wave],
) -> None:
    assert heard[0].stage is Stage.BUILDING
    between = [wave for wave in heard if wave.at.second]
    worst = [wave for wave in between if f"{wave.at:%H:%M}" == "21:15"]
    assert worst, "the worst minute is told while it happens"
    assert worst[0].at.second < 10
    assert worst[-1].burst is not None
    assert worst[-1].burst.usd > 1e9
    assert len(between) <= 6
    assert {wave.id for wave in heard} == {heard[0].id}


def test_where_venues_fall_silent_the_burst_tells_and_their_figures_confirm_it() -> None:
    waves = told(silent=True)
    first = waves[0]
    assert first.stage is Stage.EARLY
    assert first.at.second != 0
    assert first.burst is not None
    assert first.burst.long_share > 0.8
    assert {wave.id for wave in waves} == {first.id}
    assert any(wave.stage is Stage.EARLY and wave.coverage < 0.6 for wave in waves), "it says what it misses"
    confirmed = next(wave for wave in waves if wave.stage is Stage.BUILDING)
    assert BACK <= confirmed.at <= BACK + 2 * MINUTE
    assert confirmed.loud == 1
    assert waves[-1].fall == pytest.approx(0.19, abs=0.01)
