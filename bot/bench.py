"""Where the judge sits: what it hears is recorded, what it decides is kept and posted; and keeping tidy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from bot.cases import forget_cases, keep_case
from bot.domain.assets import Asset
from bot.domain.market import (
    Instrument,
    Liquidation,
    Observation,
    OpenInterest,
    Price,
    Quarantined,
    Reading,
    Report,
)
from bot.domain.verdicts import Verdict
from bot.domain.waves import Stage, Wave, follow_ups
from bot.health import Senses
from bot.pipeline.horizons import last_step, next_step
from bot.pipeline.judge import Judge, Stepped
from bot.pipeline.memory import JudgeState
from bot.pipeline.route import listeners, outshone_by, weight_usd
from bot.pipeline.statistics import EVERY, Gauge
from bot.ports import Clock, Store

log = logging.getLogger(__name__)

KEPT_AS = "judge"
CHECKPOINT = timedelta(minutes=15)
"""What is lost of the judge's memory by a crash is rebuilt from the journal's readings since then."""
RECOVER = timedelta(days=3)
TALLIED = timedelta(hours=36)
CHUNK = timedelta(hours=1)
COMES_AGAIN = timedelta(minutes=10)
"""What a judge has in hand is recorded within seconds; a scenario plays minutes in them."""
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
EVER = datetime.min.replace(tzinfo=UTC)
ALIKE = timedelta(minutes=15)
"""Waves of a coin whose onsets are no further apart are one, judged twice."""
RECORD_AT = 2_000
"""Liquidations, which in the worst minutes are hundreds of thousands."""


def _every(_: Asset) -> bool:
    return True


@dataclass
class Bench:
    """Where the judge sits: what it hears is recorded, what it decides is kept and posted.

    ``clock`` is the market's time, ``wall`` real time; ``news`` are the deliverers' wake-ups. Where coins are
    shared among several judges, ``mine`` tells those of this one, and ``kept_as`` is its memory's name.
    """

    judge: Judge
    store: Store
    health: Senses
    clock: Clock
    wall: Clock
    news: list[asyncio.Event] = field(default_factory=list)
    mine: Callable[[Asset], bool] = _every
    kept_as: str = KEPT_AS
    _readings: list[Reading] = field(default_factory=list)
    _heard: list[Liquidation] = field(default_factory=list)
    _reports: list[Report] = field(default_factory=list)
    _rejected: list[Quarantined] = field(default_factory=list)
    _prices: dict[Instrument, Verdict] = field(default_factory=dict)
    _uncounted: dict[Instrument, Verdict] = field(default_factory=dict)
    """Of these, liquidations are in no sum, and why."""
    _kept_at: datetime | None = None

    def __post_init__(self) -> None:
        self._gauge = Gauge(self.judge.pace.fresh)

    def hear(self, said: Observation) -> None:
        """Judge one thing said; it is recorded with the next step."""
        before = self._verdict_before(said)
        verdict, reading = self.judge.take(said)
        if isinstance(said, Price):
            self._prices[said.instrument] = verdict
        elif isinstance(said, Liquidation):
            if verdict not in (Verdict.ACCEPT, Verdict.REPEATED):
                self._uncounted[said.instrument] = verdict
            elif self._uncounted and verdict is Verdict.ACCEPT:
                self._uncounted.pop(said.instrument, None)
        if reading is not None:
            self._readings.append(reading)
        elif verdict is Verdict.ACCEPT and isinstance(said, Liquidation):
            self._heard.append(said)
        elif verdict is Verdict.ACCEPT and isinstance(said, Report):
            self._reports.append(said)
        if verdict is Verdict.ACCEPT:
            self._gauge.take(said, reading)
        rejected = self.judge.changed(said, verdict, before)
        if rejected is not None:
            self._rejected.append(rejected)
            self.health.reject(rejected.venue)

    def _verdict_before(self, said: Observation) -> Verdict | None:
        if isinstance(said, OpenInterest):
            return self.judge.verdict_on(said.instrument)
        if isinstance(said, Liquidation):
            return self._uncounted.get(said.instrument) if self._uncounted else None
        return self._prices.get(said.instrument) if isinstance(said, Price) else None

    async def step(self, at: datetime) -> None:
        """Record what was heard, make a step, keep and post what it brought.

        Recording comes first: a crash in between loses nothing that cannot be rebuilt.
        """
        await self.early()
        await self.record()
        for stepped in self.judge.stepping(at):
            if stepped is None:
                await asyncio.sleep(0)
            else:
                await self._publish([stepped])
        if at.timestamp() % EVERY.total_seconds() == 0:
            for piece in self._gauge.pictures(at, self.judge.usual_falls):
                await self.store.statistics.record(piece)
        if self._kept_at is None or at - self._kept_at >= CHECKPOINT:
            await self.keep()

    async def early(self) -> None:
        """Keep and post what bursts of liquidations brought since the last time, ahead of the next step."""
        if told := self.judge.early():
            await self._publish([Stepped((), {}, told)])

    @property
    def full(self) -> bool:
        """Is so much not yet recorded that it should not wait for the next step?"""
        return len(self._heard) >= RECORD_AT

    async def record(self) -> None:
        """Write down what was heard since the last time."""
        journal = self.store.journal
        readings, self._readings = self._readings, []
        heard, self._heard = self._heard, []
        reports, self._reports = self._reports, []
        rejected, self._rejected = self._rejected, []
        if readings:
            await journal.record(readings)
        if heard:
            await journal.hear(heard)
        if reports:
            await journal.report(reports)
        if rejected:
            await journal.quarantine(rejected)

    async def _publish(self, steps: Sequence[Stepped]) -> None:
        began = self.wall()
        snapshots = [snapshot for stepped in steps for snapshot in stepped.snapshots]
        # The largest first, so that a fall of the whole market is told as the coin that leads it.
        waves = [w for stepped in steps for w in sorted(stepped.waves, key=weight_usd, reverse=True)]
        if snapshots:
            await self.store.journal.snap(snapshots)
        for wave in waves:
            await self.store.waves.save(wave)
            log.info(
                "wave %s: %s %s %s, W %.1f, %.1f %%",
                wave.id,
                wave.asset,
                wave.kind,
                wave.stage,
                wave.magnitude.w,
                -100 * wave.fall,
                extra={"event": "wave.revised", "wave": wave.id, "revision": wave.revision},
            )
            await self._post(wave, began)
            if wave.revision == 1:
                await keep_case(self.store, wave, await self.store.journal.kept(self.kept_as))
            if later := follow_ups(wave):
                await self.store.waves.plan(later)
        if waves:
            self.wake()

    def wake(self) -> None:
        """Tell the deliverers to look."""
        for event in self.news:
            event.set()

    async def _post(self, wave: Wave, now: datetime) -> None:
        """``now`` is real time: chats are to be told from then on."""
        posts = self.store.posts
        facts = {"revision": wave.revision, "loud": wave.loud}
        await posts.raise_to(wave.id, **facts)
        if wave.done:
            return
        chosen = listeners(wave, await self.store.subscriptions.wishes())
        if chosen:
            others = outshone_by(wave, await self.store.waves.running())
            self.wake()  # of very many, the first are told while the rest are written
            await posts.want(wave.id, chosen, **facts, size=wave.magnitude.w, now=now, unless=others)

    async def keep(self) -> None:
        """Keep the judge's memory as of its newest step."""
        for packed in self.judge.packing():
            if packed is None:
                await asyncio.sleep(0)
            else:
                await self.store.journal.keep(self.kept_as, packed)
        self._kept_at = self.judge.at

    async def recover(self, *, behind: bool = False) -> datetime | None:
        """Continue where the last process stopped, from its kept memory and the journal since.

        ``behind``: what was not recorded still waits in a stream, so no step is made that was not made then.
        Returns the newest step made, ``None`` at the very first start.
        """
        state = await self.kept_state()
        if state is not None:
            self.judge.restore(state)
        now = until = last_step(self.clock(), self.judge.pace.step)
        if behind:
            points = await self.store.journal.points()
            made = (point.at for asset, point in points.items() if self.mine(asset))
            until = max(made, default=self.judge.at or now)
        since = max(self.judge.at or until - RECOVER, until - RECOVER)
        anew = self.judge.at is None or self.judge.at < since
        self._kept_at = self.judge.at
        await self.store.subscriptions.wishes()  # read whole now rather than when the first wave comes
        if state is None:
            await self._continue_indexes(since)
        if anew:
            self.judge.leave_names(await self.store.waves.between(EVER, now + DAY))
        await self._recover_sums(now)
        for wave in await self.store.waves.running():
            if wave.stage is Stage.EARLY and self.mine(wave.asset):
                self.judge.adopt(wave)
        await self._replay(since, until, anew=anew)
        self.judge.leave_names(await self.store.waves.between(since - DAY, now + DAY))
        if behind:
            await self._know_what_comes_again(until)
        return self.judge.at

    async def _know_what_comes_again(self, until: datetime) -> None:
        """What was recorded after the last step, or was not given back to the stream before the crash."""
        journal, now = self.store.journal, self.clock()
        for reading in await journal.readings(until, now):
            if self.mine(reading.instrument.asset):
                self.judge.trust(reading)
        for asset in await self._assets():
            self.judge.know(await journal.heard(asset, until - COMES_AGAIN, now))

    async def _assets(self) -> Sequence[Asset]:
        return [asset for asset in await self.store.journal.assets() if self.mine(asset)]

    async def kept_state(self) -> JudgeState | None:
        """The judge's memory as the last process left it; ``None`` where there is none it could use."""
        raw = await self.store.journal.kept(self.kept_as)
        if raw is None:
            return None
        try:
            state = msgspec.msgpack.decode(raw, type=JudgeState)
        except msgspec.DecodeError:
            log.warning(
                "the kept memory is of another release; rebuilding it", extra={"event": "judge.rebuilt"}
            )
            return None
        return state if state.pace.step == self.judge.pace.step else None

    async def _continue_indexes(self, since: datetime) -> None:
        """What is rebuilt goes on from what was shown, or older pictures could not be compared with it."""
        for asset in await self._assets():
            shown = await self.store.journal.snapshot(asset, since) or await self.store.journal.snapshot(
                asset
            )
            if shown is not None:
                self.judge.continue_index(asset, shown.index)

    async def _recover_sums(self, until: datetime) -> None:
        journal = self.store.journal
        for asset in await self._assets():
            heard = await journal.liquidated_on(asset, until - TALLIED, until + MINUTE, MINUTE)
            self.judge.recount(asset, heard)
            for report in await journal.reports(asset, until):
                self.judge.take(report)

    async def _replay(self, since: datetime, until: datetime, *, anew: bool) -> None:
        """Make the steps since the memory was kept once more, and go on from the revisions that were told.

        Bursts told between steps are not in the readings, so the steps may count fewer revisions than chats
        have seen: only what the last of them says is told, as the one after those. ``anew``: there is no
        memory from before them, so what they say of a wave that is over is known better already.
        """
        replayed: dict[str, Wave] = {}
        async for stepped in self._steps(since, until):
            if stepped.snapshots:
                await self.store.journal.snap(stepped.snapshots)
            replayed |= {wave.id: wave for wave in stepped.waves}
        for wave in replayed.values():
            told = await self._told_as(wave)
            if told is not None and told.done and anew:
                self.judge.retell(told, wave.id)
            elif wave != told:
                next_one = following(told, wave)
                self.judge.retell(next_one, wave.id)
                await self._publish([Stepped((), {}, (next_one,))])

    async def _told_as(self, wave: Wave) -> Wave | None:
        """The newest revision of the wave, which may have had another name."""
        if told := await self.store.waves.get(wave.id):
            return told
        near = await self.store.waves.between(wave.onset - ALIKE, wave.onset + ALIKE)
        same = (one for one in near if one.asset == wave.asset and not one.from_history)
        return next((one for one in same if one.stage is not Stage.RETRACTED), None)

    async def _steps(self, since: datetime, until: datetime) -> AsyncIterator[Stepped]:
        """Steps from readings: the same as were made, or would have been made, at the time."""
        step, fresh = self.judge.pace.step, self.judge.pace.fresh
        due = last_step(since, step) + step
        newest: datetime | None = None
        begin = since
        while begin < until:
            end = min(begin + CHUNK, until)
            for reading in await self.store.journal.readings(begin, end):
                if not self.mine(reading.instrument.asset):
                    continue
                while reading.received > due:
                    if newest is None or due - newest > fresh:
                        due = next_step(reading.received, step)
                        break
                    yield self.judge.step(due)
                    due += step
                self.judge.trust(reading)
                newest = reading.received
            begin = end
        while newest is not None and due <= until and due - newest <= fresh:
            yield self.judge.step(due)
            due += step


def following(told: Wave | None, wave: Wave) -> Wave:
    """``wave`` as the revision after the one told; it sounds only where it is louder than all of those."""
    number = told.revision + 1 if told else 1
    loud = told.loud if told and wave.loud <= told.revision else number
    name = told.id if told else wave.id
    return msgspec.structs.replace(wave, id=name, revision=number, loud=loud)


async def tidy(store: Store, clock: Clock, *, sleep_s: float) -> None:
    """Roll up and forget by the retention rules, every so often."""
    while True:
        await asyncio.sleep(sleep_s)
        await store.journal.trim(clock())
        await store.statistics.trim(clock())
        await forget_cases(store, clock())
