"""The judge's two ways through time: by the clock of its own process, or behind a stream that many fill."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from time import monotonic
from typing import NamedTuple

import msgspec

from bot.bench import Bench
from bot.domain.market import Liquidation, Observation, OpenInterest, Price, Report
from bot.pipeline.horizons import last_step, moment
from bot.ports_fleet import Inlet, Loan, Parcel

log = logging.getLogger(__name__)

BREATH = 100
"""Observations heard in one go: two or three milliseconds."""
PATIENCE_S = 3.0
"""So much later than the others a collector may tell what it heard before a step; then nobody waits."""
RECORD_EVERY_S = 1.0
RECORD_AT = 5_000
"""Observations heard and not yet recorded: what a successor would have to hear once more."""
MICROSECOND = timedelta(microseconds=1)
"""As finely as times are recorded."""
ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What an observation nobody foresaw can raise. In a stream it would end one judge after the other."""


async def judge(bench: Bench, seen: Inlet, *, speed: float) -> None:
    """Take what is seen and make a step at every boundary of the market's clock, until cancelled."""
    step, heard = bench.judge.pace.step, 0
    due = last_step(bench.clock(), step) + step
    try:
        while True:
            left_s = (due - bench.clock()).total_seconds() / speed
            loan = await seen.take(left_s)
            batch: Sequence[Observation] = loan.item.said if loan is not None else ()
            for said in batch:
                while said.received > due:
                    await bench.step(due)
                    due += step
                bench.hear(_not_before(said, due - step))
                heard += 1
                if heard % BREATH == 0:  # a flood must not hold the event loop, nor wait for its end
                    await bench.early()
                    await asyncio.sleep(0)
            await bench.early()
            if bench.full:
                await bench.record()
            if loan is not None:
                await loan.done()  # the queue dies with this process: it is no safer there than here
            elif bench.clock() >= due:
                await bench.step(due)
                due += step
    finally:
        await bench.record()
        await bench.keep()


def _not_before(said: Observation, step: datetime) -> Observation:
    """What came late belongs to the step in which it came; else a replay would tell another story."""
    if said.received > step:
        return said
    return msgspec.structs.replace(said, received=moment(step.timestamp() + 1e-3))


class Marks:
    """How far each collector has told, in market time. Pure: the stream is the clock.

    A step is complete when everybody has told all that came before it. Nobody waits for one who says good-bye
    or who is ``patience`` behind the others; and in so much time after the first word everybody has spoken.
    """

    def __init__(self, patience: timedelta) -> None:
        self.patience = patience
        self._until: dict[str, datetime] = {}
        self._first: datetime | None = None
        self._newest: datetime | None = None

    def hear(self, parcel: Parcel) -> None:
        if parcel.until is None:
            return
        self._first = self._first or parcel.until
        self._newest = max(self._newest or parcel.until, parcel.until)
        if parcel.leaves:
            self._until.pop(parcel.sender, None)
        else:
            self._until[parcel.sender] = parcel.until

    @property
    def told(self) -> datetime | None:
        """Until then everybody has told all that there was."""
        if self._newest is None or self._first is None:
            return None
        waited_for = self._newest - self.patience
        if self._newest - self._first < self.patience:
            return waited_for
        near = [until for until in self._until.values() if until >= waited_for]
        return min(near, default=self._newest)

    def complete(self, due: datetime) -> bool:
        return self.told is not None and self.told >= due


@dataclass(eq=False)
class _Parcel:
    """A parcel of which ``left`` observations are still to be heard; ``odd`` is why one could not be."""

    loan: Loan[Parcel]
    left: int
    odd: str = ""


class _Waiting(NamedTuple):
    """Compares as it is to be heard; ``number`` is another for each."""

    received: datetime
    rank: int
    market: str
    number: int
    said: Observation
    parcel: _Parcel


_RANKS: Mapping[type, int] = {Price: 0, OpenInterest: 2, Report: 3, Liquidation: 4}


def _place(said: Observation) -> tuple[int, str]:
    """Of what came at one moment: the price of an open interest before it, then readings by their names."""
    return _RANKS.get(type(said), 1), said.venue if isinstance(said, Report) else said.instrument.key


@dataclass
class Follower:
    """Makes the steps that the stream's own time asks for, however late it is read.

    Everything is heard in the order of ``received``, whoever told it and however mixed on its way, once
    all collectors have told as much or nobody waits for them any more. What comes later still is heard next,
    as of then. So what is recorded says in which order it was judged, and a replay finds the same.

    What is heard is recorded first and given back as done then: a successor hears the rest once more.
    """

    bench: Bench
    marks: Marks
    lost: Callable[[], bool]
    due: datetime | None = None
    _waiting: list[_Waiting] = field(default_factory=list)
    _parcels: dict[int, _Parcel] = field(default_factory=dict)
    _heard: list[_Parcel] = field(default_factory=list)
    _newest: datetime | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _count: int = 0

    async def take(self, loan: Loan[Parcel]) -> None:
        self.marks.hear(loan.item)
        self._begin(loan.item)
        self._keep(loan)
        await self._go_on(self.marks.told)
        await self.bench.early()
        if self._count >= RECORD_AT:
            await self.record()

    def _begin(self, parcel: Parcel) -> None:
        if self.due is not None or parcel.until is None:
            return
        step, made = self.bench.judge.pace.step, self.bench.judge.at
        begins = min((said.received for said in parcel.said), default=parcel.until)
        self.due = self._after(made, begins) if made is not None else last_step(begins, step) + step
        self._newest = self.due - step

    def _keep(self, loan: Loan[Parcel]) -> None:
        parcel = _Parcel(loan, len(loan.item.said))
        if not parcel.left:
            self._heard.append(parcel)
            return
        self._parcels[id(parcel)] = parcel
        next_one = self._newest + MICROSECOND if self._newest is not None else None
        for said in loan.item.said:
            if next_one is not None and said.received < next_one:
                said = msgspec.structs.replace(said, received=next_one)
            heappush(self._waiting, _Waiting(said.received, *_place(said), next(self._numbers), said, parcel))

    async def make_room(self) -> None:
        """The stream says nothing more before something is given back: then the oldest cannot wait."""
        await self.record()
        while self._waiting and not self._heard:
            await self._go_on(self._waiting[0].received)
        await self.record()

    async def _go_on(self, until: datetime | None) -> None:
        """Hear what was received until then, and make the steps in between."""
        while self.due is not None and until is not None:
            first = self._waiting[0].received if self._waiting else None
            if first is not None and first <= min(until, self.due):
                await self._hear(heappop(self._waiting))
            elif self.due <= until:
                await self.bench.step(self.due)
                await self._give_back()
                self._newest = max(self._newest or self.due, self.due)
                self.due = self._after(self.due, first or self.marks.told)
            else:
                return

    def _after(self, made: datetime, heard: datetime | None) -> datetime:
        """The next step. Through a time of which nobody told anything none is made once nothing is fresh."""
        pace = self.bench.judge.pace
        silent = heard is not None and heard - made > pace.fresh
        return (last_step(heard, pace.step) if silent and heard is not None else made) + pace.step

    async def _hear(self, one: _Waiting) -> None:
        self._newest, parcel = one.received, one.parcel
        try:
            self.bench.hear(one.said)
        except ODD as fault:
            parcel.odd = f"{type(fault).__name__}: {fault}"
            log.exception("an observation cannot be judged", extra={"event": "stream.poison"})
        parcel.left -= 1
        if not parcel.left:
            self._heard.append(self._parcels.pop(id(parcel)))
        self._count += 1
        if self._count % BREATH == 0:
            await self.bench.early()
            await asyncio.sleep(0)

    async def record(self) -> None:
        await self.bench.record()
        await self._give_back()

    async def _give_back(self) -> None:
        """To be called when what was heard is recorded."""
        heard, self._heard, self._count = self._heard, [], 0
        for parcel in heard:
            if parcel.odd:
                await parcel.loan.drop(parcel.odd)
            else:
                await parcel.loan.done()

    async def close(self) -> None:
        """Leave everything to a successor, and nothing at all where there is one already."""
        if self.lost():
            return
        await self.record()
        for parcel in self._parcels.values():
            await parcel.loan.again(timedelta(0))
        await self.bench.keep()


async def follow(bench: Bench, seen: Inlet, *, speed: float, lost: Callable[[], bool]) -> None:
    """As ``judge``, from a stream that many fill: steps by the stream's own time. Until cancelled."""
    follower = Follower(bench, Marks(timedelta(seconds=PATIENCE_S) * speed), lost)
    recorded_s = monotonic()
    try:
        while True:
            loan = await seen.take(RECORD_EVERY_S)
            if loan is not None:
                await follower.take(loan)
            if seen.full:
                await follower.make_room()
            if monotonic() - recorded_s >= RECORD_EVERY_S:
                await follower.record()
                recorded_s = monotonic()
    finally:
        await follower.close()
