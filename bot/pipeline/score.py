"""How the alerts did: waves that were told or should have been (docs/detection.md, "Scorecard")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bot.domain.posts import Subscription, Told
from bot.domain.waves import Stage, Wave
from bot.pipeline.route import outshone_by, wants

IN_TIME = timedelta(minutes=2)
"""A wave told so soon after its low is told in time: a step of a minute must end before a low can be seen."""


class Fate(StrEnum):
    """What became of a wave that was told, or that should have been."""

    CONFIRMED = "confirmed"
    """Told in time, and over without being taken back."""
    RETRACTED = "retracted"
    """Told, and taken back: a false alarm."""
    RUNNING = "running"
    """Told, and still going on."""
    LATE = "late"
    """Told only after its low: missed."""
    MISSED = "missed"
    """Never told, although a chat had asked for such waves before it began."""


class Scored(msgspec.Struct, frozen=True):
    """One wave of the scorecard. ``first`` is when the first of ``chats`` was told, where any was."""

    wave: Wave
    fate: Fate
    first: datetime | None = None
    chats: int = 0


class Soon(msgspec.Struct, frozen=True):
    """How soon chats were told, over every wave and chat: the median and the slowest of a hundred."""

    p50: timedelta
    p99: timedelta


class Scorecard(msgspec.Struct, frozen=True):
    """Waves with their onset from ``since`` to ``until`` (the market's time), newest first.

    ``from_alarm`` counts from when the wave was declared, in real time; ``from_onset`` from the first minute
    that fell: to the alarm in the market's time, then the same. ``None`` where no chat was told of any.
    ``deliveries`` is how many of a wave and a chat they are over.
    """

    since: datetime
    until: datetime
    scored: tuple[Scored, ...]
    from_onset: Soon | None
    from_alarm: Soon | None
    deliveries: int

    def count(self, *fates: Fate) -> int:
        return sum(one.fate in fates for one in self.scored)

    @property
    def sent(self) -> int:
        """Waves that at least one chat was told of."""
        return sum(one.first is not None for one in self.scored)

    @property
    def missed(self) -> int:
        return self.count(Fate.MISSED, Fate.LATE)


def score(
    waves: Sequence[Wave],
    told: Iterable[Told],
    subscriptions: Collection[Subscription],
    spared: Collection[str],
    since: datetime,
    until: datetime,
    speed: float = 1.0,
) -> Scorecard:
    """``waves`` are the newest revisions of all that began within the period, ``told`` is of the log.

    ``spared`` are ids of waves that chats were not told of because they wanted silence. ``speed`` is how many
    of the market's seconds pass in a real one.
    """
    log = {one.subject: one for one in told}
    known = [wave for wave in waves if wave.id in log]
    scored = []
    for wave in sorted(waves, key=lambda wave: (wave.onset, wave.id), reverse=True):
        mine = log.get(wave.id)
        if mine is not None:
            scored.append(Scored(wave, _told_fate(wave, mine.first), mine.first, mine.chats))
        elif _was_wanted(wave, subscriptions) and wave.id not in spared and not outshone_by(wave, known):
            scored.append(Scored(wave, Fate.MISSED))
    of_alarm = _waits(known, log, speed, lambda wave: timedelta(0))
    of_onset = _waits(known, log, speed, lambda wave: wave.opened - wave.onset)
    return Scorecard(since, until, tuple(scored), _soon(of_onset), _soon(of_alarm), of_onset.total())


def _told_fate(wave: Wave, first: datetime) -> Fate:
    if wave.stage is Stage.RETRACTED:
        return Fate.RETRACTED
    if wave.stage is not Stage.OVER:
        return Fate.RUNNING
    return Fate.CONFIRMED if first <= wave.low_at + IN_TIME else Fate.LATE


def _was_wanted(wave: Wave, subscriptions: Collection[Subscription]) -> bool:
    """Did a chat ask for such waves before this one, as it turned out in the end, began?"""
    if wave.stage is not Stage.OVER:
        return False
    return any(one.created <= wave.onset and wants(one, wave) for one in subscriptions)


def _waits(
    waves: Iterable[Wave], log: Mapping[str, Told], speed: float, before: Callable[[Wave], timedelta]
) -> Counter[timedelta]:
    """How many chats waited how long since the alarm, and ``before`` it.

    The log tells tenths of a second, so none waits less than nothing.
    """
    waits: Counter[timedelta] = Counter()
    for wave in waves:
        for at, chats in log[wave.id].firsts:
            waits[before(wave) + max(timedelta(0), at - wave.opened) / speed] += chats
    return waits


def _soon(waits: Counter[timedelta]) -> Soon | None:
    """By the nearest rank."""
    total = waits.total()
    if not total:
        return None
    ranks = []
    for share in (50, 99):
        rank, passed = -(-total * share // 100), 0
        for wait in sorted(waits):
            passed += waits[wait]
            if passed >= rank:
                ranks.append(wait)
                break
    return Soon(*ranks)
