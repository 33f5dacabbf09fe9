"""A scenario's liquidations, one by one: which contract lost how much, when, in the order they were told.

A minute's dollars are those of the script, to the last cent: what all feeds together tell *is* the
published figure. How it falls on venues, contracts and seconds is invented, and the same at every play.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random

import msgspec

from bot.domain.market import Position
from bot.simulator.scenario import Contract, Scenario

MINUTE = timedelta(minutes=1)
_USUAL_USD = 60_000.0
_MOST_A_MINUTE = 28
"""For each contract and side: with both sides below the one a second that throttled feeds tell."""


class Forced(msgspec.Struct, frozen=True):
    """One liquidation. ``number`` is its own within a contract."""

    contract: Contract
    position: Position
    coins: float
    price_usd: float
    at: datetime
    number: int

    @property
    def usd(self) -> float:
        return self.coins * self.price_usd

    @property
    def counted(self) -> float:
        """Its amount as the venue counts it: contracts (or coins, dollars, where size is one)."""
        return self.coins * (self.price_usd if self.contract.inverse else 1) / self.contract.size


def forced(scenario: Scenario, since: datetime, until: datetime) -> Sequence[Forced]:
    """Every liquidation after ``since`` and not after ``until``, oldest first."""
    minute = since.astimezone(UTC).replace(second=0, microsecond=0)
    out: list[Forced] = []
    while minute <= until:
        out += (event for event in _within(scenario, minute) if since < event.at <= until)
        minute += MINUTE
    return out


def minute_usd(scenario: Scenario, coin: str, minute: datetime) -> tuple[float, float]:
    """Dollars of longs and of shorts that all feeds tell for the minute that begins at ``minute``."""
    told = scenario.script.coins[coin].liquidations
    place = (minute - told.begin) // MINUTE
    if 0 <= place < len(told.minutes_usd_m):
        usd, share = told.minutes_usd_m[place] * 1e6, told.long_share
    else:
        rate = told.before_usd_m if place < 0 else told.after_usd_m
        mood = _chance(scenario, coin, minute).random()
        usd, share = rate * 1e6 * (0.4 + 1.2 * mood), told.quiet_long_share
    return usd * share, usd * (1 - share)


@lru_cache(maxsize=8)
def _within(scenario: Scenario, minute: datetime) -> Sequence[Forced]:
    return sorted(_minute(scenario, minute), key=lambda event: (event.at, event.contract.symbol))


def _minute(scenario: Scenario, minute: datetime) -> Iterator[Forced]:
    for coin in scenario.script.coins:
        long_usd, short_usd = minute_usd(scenario, coin, minute)
        for venue in scenario.script.liquidation_feeds:
            for contract in _perpetual(scenario, venue, coin):
                share = feed_share(scenario, contract)
                yield from _on(scenario, contract, minute, long_usd * share, short_usd * share)


def feed_share(scenario: Scenario, contract: Contract) -> float:
    """The part of its coin's liquidations that are this contract's; none where its venue tells none."""
    perpetual = _perpetual(scenario, contract.venue, contract.coin)
    if contract not in perpetual:
        return 0.0
    told = scenario.script.liquidation_feeds.get(contract.venue, 0.0)
    return told * contract.share / sum(one.share for one in perpetual)


def _perpetual(scenario: Scenario, venue: str, coin: str) -> Sequence[Contract]:
    return [one for one in scenario.listed(venue) if one.coin == coin and one.expiry is None]


def _on(
    scenario: Scenario, contract: Contract, minute: datetime, long_usd: float, short_usd: float
) -> Iterator[Forced]:
    """The liquidations of one contract in one minute, no two in the same second."""
    chance = _chance(scenario, contract.symbol, minute)
    seconds = sorted(range(60), key=lambda _: chance.random())
    number = int(minute.timestamp())
    for position, usd in ((Position.LONG, long_usd), (Position.SHORT, short_usd)):
        count = min(_MOST_A_MINUTE, max(1, round(usd / _USUAL_USD)))
        weights = [0.05 + chance.random() ** 3 for _ in range(count)]
        for weight in weights:
            at = minute + timedelta(seconds=seconds.pop(), milliseconds=int(chance.random() * 1000))
            price_usd = scenario.price_of(contract, at)
            coins = usd * weight / sum(weights) / price_usd
            yield Forced(contract, position, coins, price_usd, at, number)
            number += 1


def _chance(scenario: Scenario, what: str, minute: datetime) -> Random:
    return Random(f"{scenario.script.seed}/{what}/{minute:%Y-%m-%dT%H:%M}")  # noqa: S311 - a story, no secret
