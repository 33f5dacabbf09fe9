"""Connected but deaf: who is silent while feeds of its kind are busy. Pure; time comes as an argument.

Liquidations come in bursts and from every venue at once, so silence is measured not in minutes but in what
the others told meanwhile. Time is cut into slots, and in each a feed told something or did not. The peers of
a feed are those that listen and have ever told anything; their share of busy ones is what a slot is worth.
With n worth of slots in which a feed told k times, its silence over m more has the chance (n ÷ (n + m))^k: a
Poisson rate that is itself only known from k events (gamma–Poisson predictive). What it told while no peer
did is in no slot of any worth, so it is not among the k. While k is small the rate is taken to be a tenth
of an average peer's at most, so that a feed that never spoke is found out too.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SLOT = timedelta(seconds=10)
CHANCE = 1e-4
"""A silence less likely than this is not believed."""
PROVEN = 10
"""Slots in which a feed must have told something before its own habit counts."""
ASSUMED_SHARE = 0.1
MEMORY = 20_000.0
"""Worth of slots after which what is remembered counts half: habits change."""


class Advice(StrEnum):
    RENEW = "renew"
    """Suspect: a new line may help."""
    REPORT = "report"
    """Suspect again on a new line: a person should know."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    feed: str
    advice: Advice
    why: str


@dataclass(slots=True)
class _Ear:
    since: datetime
    """When it last told something, or began to listen."""
    spoke: bool = False
    told: float = 0.0
    met: float = 0.0
    silent: float = 0.0
    advised: Advice | None = None

    def speak(self, now: datetime, worth: float) -> None:
        self.spoke = True
        self.told += 1 if worth else 0
        self.met += self.silent + worth
        if self.met > MEMORY:
            self.told, self.met = self.told / 2, self.met / 2
        self.since, self.silent, self.advised = now, 0.0, None

    def chance(self) -> float:
        """Of being silent for so long, if all were well."""
        if self.told < PROVEN:
            rate = min(ASSUMED_SHARE, (self.told + 0.5) / (self.met + 0.5 / ASSUMED_SHARE))
            return math.exp(-rate * self.silent)
        return (self.met / (self.met + self.silent)) ** self.told if self.silent else 1.0


class Ears:
    """All liquidation feeds of a process."""

    def __init__(self) -> None:
        self._ears: dict[str, _Ear] = {}

    def slot(self, now: datetime, told: Collection[str], listening: Collection[str]) -> Sequence[Suspicion]:
        """One slot has passed, in which the feeds ``told`` something while those ``listening`` could.

        Each suspicion is raised once, and again only after the feed told something.
        """
        for feed in listening:
            self._ears.setdefault(feed, _Ear(now))
        proven = {feed for feed in listening if self._ears[feed].spoke or feed in told}
        raised = []
        for feed in listening:
            ear, peers = self._ears[feed], proven - {feed}
            worth = len(peers.intersection(told)) / len(peers) if peers else 0.0
            if feed in told:
                ear.speak(now, worth)
                continue
            ear.silent += worth
            if ear.advised is not Advice.REPORT and ear.chance() < CHANCE:
                raised.append(self._suspect(feed, ear, len(peers)))
        return raised

    @staticmethod
    def _suspect(feed: str, ear: _Ear, peers: int) -> Suspicion:
        heard = "has told nothing" if ear.spoke else "has never told anything"
        why = (
            f"connected, but {heard} since {ear.since:%H:%M} UTC while {peers} other feeds were busy"
            f" (the chance of that is below 1 in {1 / CHANCE:,.0f})"
        )
        if ear.advised is None:
            ear.advised, ear.silent = Advice.RENEW, 0.0
        else:
            ear.advised, why = Advice.REPORT, f"{why}, also on a new line"
        return Suspicion(feed, ear.advised, why)
