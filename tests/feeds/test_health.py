from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.health import SourceState
from bot.domain.market import Group, Venue
from bot.health import Health
from tests.feeds.acme import START

MINUTE = timedelta(minutes=1)
ACME = Venue("acme")


@pytest.fixture
def health() -> Health:
    health = Health(lambda: START)
    for source in ("tickers", "funding"):
        health.expect(ACME, source, START, title="Acme", group=Group.DEX, late_after=3 * MINUTE)
    return health


def state(health: Health, minutes: int, source: str = "tickers") -> SourceState:
    return next(known.state for known in health.at(START + minutes * MINUTE) if known.source == source)


def test_a_source_waits_until_it_was_heard(health: Health) -> None:
    assert {known.state for known in health.sources()} == {SourceState.WAITING}


def test_an_answer_grows_late(health: Health) -> None:
    health.heard(ACME, "tickers", START, symbols=5)
    health.turn(ACME, "tickers", START, SourceState.FRESH)
    assert state(health, 3) is SourceState.FRESH
    assert state(health, 4) is SourceState.LATE
    late = next(known for known in health.at(START + 4 * MINUTE) if known.source == "tickers")
    assert late.since == START + 3 * MINUTE
    assert late.why == "no answer since 21:00:00 UTC"


def test_since_is_kept_while_the_state_stays(health: Health) -> None:
    health.turn(ACME, "tickers", START, SourceState.LOST, "no answer")
    health.turn(ACME, "tickers", START + MINUTE, SourceState.LOST, "still none")
    known = next(known for known in health.sources() if known.source == "tickers")
    assert (known.since, known.why) == (START, "still none")


def test_what_the_gate_does_not_believe_is_counted_where_open_interest_is_told(health: Health) -> None:
    health.reject(ACME, 3)
    health.heard(ACME, "tickers", START, open_interest=True)
    health.reject(ACME, 2)
    health.reject(ACME, 1, "funding")
    health.reject(Venue("nowhere"), 1)
    assert {known.source: known.rejected for known in health.sources()} == {"tickers": 2, "funding": 1}


def test_blind_is_when_no_source_tells_open_interest(health: Health) -> None:
    assert health.blind(START + 5 * MINUTE, 5 * MINUTE) is None
    assert health.blind(START + 6 * MINUTE, 5 * MINUTE) == START
    health.heard(ACME, "funding", START + 6 * MINUTE)  # an answer, but not of open interest
    assert health.blind(START + 6 * MINUTE, 5 * MINUTE) == START
    health.heard(ACME, "tickers", START + 6 * MINUTE, open_interest=True)
    assert health.blind(START + 7 * MINUTE, 5 * MINUTE) is None
    assert health.blind(START + 12 * MINUTE, 5 * MINUTE) == START + 6 * MINUTE


def test_nobody_is_blind_who_expects_nothing() -> None:
    assert Health(lambda: START).blind(START + 60 * MINUTE, MINUTE) is None
