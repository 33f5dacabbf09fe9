"""Gate, aggregate, detector and lifecycle of every asset behind two verbs: take what is said, make a step.

The live process and replay run this same object. It holds no clock and does no I/O; ``state`` and
``restore`` carry it over a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import (
    Completeness,
    Funding,
    Group,
    Instrument,
    Liquidation,
    Observation,
    OpenInterest,
    Position,
    Price,
    Quarantined,
    Reading,
    Report,
    Snapshot,
    Venue,
    VenueLiquidations,
)
from bot.domain.verdicts import VERDICT_MEANS, Verdict
from bot.domain.waves import Stage, Wave
from bot.pipeline.aggregate import Step
from bot.pipeline.attribution import Past
from bot.pipeline.bursts import LIVE_S, Feeds
from bot.pipeline.court import AssetState, Court
from bot.pipeline.detect import Moment
from bot.pipeline.early import HEARD_AFTER_S, Alarm, Early
from bot.pipeline.gate import Gate
from bot.pipeline.horizons import HORIZONS, moment
from bot.pipeline.memory import JudgeState, Pace, packing
from bot.pipeline.names import Names
from bot.pipeline.rarity import Learned
from bot.pipeline.running import Sight
from bot.pipeline.tally import Cell, Minute, uncounted

REMEMBERED_S = 3600.0
"""So long what open interest was stands for what it is: venues fall silent when it matters most."""
YEAR_S = 365 * 86400.0
LEAST_WARM = timedelta(days=3)
"""From then on what is usual is more of the coin's own than of what all coins are taken for."""
PIECE = 16  # assets of a step that are judged in one go


class Stepped(msgspec.Struct, frozen=True):
    """What one step brought: a snapshot per asset, the moment behind it, and waves worth telling."""

    snapshots: tuple[Snapshot, ...]
    moments: Mapping[Asset, Moment]
    waves: tuple[Wave, ...]


class Lesson(msgspec.Struct, frozen=True):
    """What one asset's past taught: a prior for how rare things are, waves to rank with, and since when."""

    learned: Learned
    waves: tuple[Past, ...]
    since_s: float


class Judge:
    """Judges every asset. Observations must come in order of ``received``; steps in order of time."""

    def __init__(
        self,
        groups: Mapping[Venue, Group],
        pace: Pace,
        completeness: Mapping[Venue, Completeness | None] | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        """``completeness`` is of the venues' liquidation feeds; one that is not in it tells a floor.

        ``share`` is the place of this judge among so many, who must not name two waves alike.
        """
        self._groups = groups
        self.pace = pace
        self._completeness = completeness or {}
        self._feeds = Feeds()
        self._early: list[Wave] = []
        self._gate = Gate(pace.fresh)
        self._courts: dict[Asset, Court] = {}
        self.why: dict[tuple[str, str], Verdict] = {}
        self._names = Names(share)
        self._at: datetime | None = None

    def take(self, said: Observation) -> tuple[Verdict, Reading | None]:
        """Judge one thing said; a believed open interest comes back as the reading to record."""
        if isinstance(said, OpenInterest):
            verdict, reading = self._gate.open_interest(said)
            self.why[said.instrument.venue, said.instrument.symbol] = verdict
            if reading is not None:
                self.trust(reading)
            return verdict, reading
        if isinstance(said, Price):
            return self._gate.price(said), None
        if isinstance(said, Liquidation):
            doubtful = self._gate.recounting(said.instrument, said.received)
            return (Verdict.RECOUNTED if doubtful else self.count(said)), None
        if isinstance(said, Report):
            return self._court(said.asset).report(said), None
        if isinstance(said, Funding):
            key = (said.instrument.venue, said.instrument.symbol)
            yearly = float(said.rate) * YEAR_S / said.interval.total_seconds()
            self._court(said.instrument.asset).funding[key] = yearly
        return Verdict.ACCEPT, None

    def count(self, said: Liquidation) -> Verdict:
        """One in the venue's usual units."""
        court, venue = self._court(said.instrument.asset), said.instrument.venue
        counted = court.tally.hear(said)
        if counted is None:
            return uncounted(said)
        now_s, at_s = said.received.timestamp(), said.at.timestamp()
        settled = self._feeds.hear(venue, now_s)
        if settled and not said.deleveraged and abs(now_s - at_s) <= LIVE_S:
            long = said.position is Position.LONG
            many = court.bursts.hear(venue, now_s, counted.usd, long=long)
            if many and now_s - court.judged_s <= REMEMBERED_S:
                self._look(court, now_s)
        return Verdict.ACCEPT

    def _look(self, court: Court, now_s: float) -> None:
        """Is that a burst? It opens a wave, or revises one, at this very liquidation."""
        aggregate = court.aggregate
        burst = court.bursts.look(now_s, aggregate.usd_by_venue())
        if burst is None:
            return
        throttled = Completeness.THROTTLED
        floors = tuple(venue for venue in burst.venues if self._completeness.get(venue) is throttled)
        burst = msgspec.structs.replace(burst, floors=floors)
        alarm = Alarm(
            burst,
            now_s,
            court.bursts.price_before(now_s, long=burst.long_share >= 0.5),
            aggregate.price_now(now_s),
            court.coverage,
            aggregate.missing(now_s, self.why),
            sum(aggregate.counted_coins(now_s)),
            aggregate.opened_coins,
        )
        wave = court.life.alarm(alarm, court.tally, self._names.next())
        if wave is not None:
            self._names.given += wave.revision == 1
            self._early.extend(self._together([wave]))

    def early(self) -> tuple[Wave, ...]:
        """Revisions that bursts brought since this was last asked: they come between two steps."""
        told, self._early = tuple(self._early), []
        return told

    def adopt(self, wave: Wave) -> None:
        """Go on with a wave that was told early after this memory was kept (at a restart)."""
        self.leave_names([wave])
        aggregate = self._court(wave.asset).aggregate
        coins, opened = sum(aggregate.counted_coins(wave.opened.timestamp())), aggregate.opened_coins
        at_s, since_s = wave.opened.timestamp(), wave.onset.timestamp()
        self._court(wave.asset).life.adopt(Early(wave, since_s, at_s, coins, opened))

    def leave_names(self, told: Iterable[Wave]) -> None:
        """Give no wave the name of one that was told before this memory was kept, or after (at a restart)."""
        for wave in told:
            if not wave.from_history:
                self._names.leave(wave.id)

    def retell(self, wave: Wave, made_as: str) -> None:
        """Go on with this revision of the wave that was made under the name ``made_as`` (at a restart)."""
        self._court(wave.asset).life.retell(wave, made_as)

    def changed(self, said: Observation, verdict: Verdict, before: Verdict | None) -> Quarantined | None:
        """The record of a rejection, once when an instrument's verdict changes."""
        if verdict in (Verdict.ACCEPT, Verdict.REPEATED) or verdict is before:
            return None
        if not isinstance(said, OpenInterest | Price | Liquidation):
            return None
        of, detail = said.instrument, VERDICT_MEANS[verdict]
        told = f"{said.price}" if isinstance(said, Price) else f"{said.amount.value} {said.amount.unit}"
        what = f"{of.symbol} liquidations" if isinstance(said, Liquidation) else of.symbol
        return Quarantined(of.venue, what, verdict, said.received, f"{told}: {detail}")

    def verdict_on(self, instrument: Instrument) -> Verdict | None:
        return self.why.get((instrument.venue, instrument.symbol))

    def trust(self, reading: Reading) -> None:
        """Take a reading that was believed before (from the journal, at a restart)."""
        self._court(reading.instrument.asset).aggregate.take(reading)

    def continue_index(self, asset: Asset, index: float) -> None:
        """Go on counting an asset's index from the one last shown (its memory is being rebuilt)."""
        self._court(asset).aggregate.continue_index(index)

    def recount(self, asset: Asset, heard: Sequence[VenueLiquidations]) -> None:
        """Take an asset's liquidations per minute and venue from the journal (at a restart)."""
        minutes: dict[int, Minute] = {}
        for sums in heard:
            at_s = int(sums.at.timestamp())
            minute = minutes.setdefault(at_s, Minute(at_s, {}))
            minute.cells[sums.venue] = Cell(
                sums.long_usd, sums.short_usd, sums.long_coins + sums.short_coins, sums.deleveraged_usd
            )
        self._court(asset).tally.restore(minutes.values())

    def know(self, heard: Sequence[Liquidation]) -> None:
        """Take liquidations that ``recount`` has in it, so that they are not counted again."""
        for said in heard:
            self._court(said.instrument.asset).tally.know(said)

    def _court(self, asset: Asset) -> Court:
        court = self._courts.get(asset)
        if court is None:
            court = self._courts[asset] = Court(
                asset,
                self._groups,
                step_s=self.pace.step.total_seconds(),
                fresh_s=self.pace.fresh.total_seconds(),
                coverage_floor=self.pace.coverage_floor,
            )
        return court

    @property
    def at(self) -> datetime | None:
        """The newest step."""
        return self._at

    @property
    def assets(self) -> Sequence[Asset]:
        return tuple(self._courts)

    def step(self, at: datetime, *, snap: bool = True) -> Stepped:
        """Compare every asset with the step before. ``snap`` also pictures each (live, for the journal)."""
        return next(done for done in self.stepping(at, snap=snap) if done is not None)

    def stepping(self, at: datetime, *, snap: bool = True) -> Iterator[Stepped | None]:
        """A step in pieces, for hundreds of assets: ``None`` between two, at last what it brought."""
        self._at = at
        now_s = at.timestamp()
        snapshots: list[Snapshot] = []
        moments: dict[Asset, Moment] = {}
        waves: list[Wave] = []
        for place, (asset, court) in enumerate(list(self._courts.items()), 1):
            if place % PIECE == 0:
                yield None
            step = court.aggregate.step(now_s)
            if step is None:
                waves.extend(self._unseen(court, now_s))
                continue
            if court.since_s is None:
                court.since_s = now_s
            now = court.detector.judge(step, court.life.since_s)
            moments[asset] = now
            court.coverage = now.coverage
            if now.judged:
                court.judged_s = now_s
            listening = self._feeds.listening(now_s)
            oi_usd = step.coins / step.coverage * step.price_usd if step.price_usd else 0.0
            court.bursts.learn(now_s, oi_usd, step.price_usd, listening=listening)
            waves.extend(self._advance(court, now, step))
            if snap:
                snapshots.append(court.aggregate.snapshot(step, at, self.why, self._funding(court)))
        yield Stepped(tuple(snapshots), moments, self._together(waves))

    def _advance(self, court: Court, now: Moment, step: Step) -> list[Wave]:
        life = court.life
        # A quiet moment of a quiet asset needs no closer look; this is nearly every moment.
        if not life.busy and not court.news and now.fresh.score <= 0:
            return []
        court.news = False
        aggregate = court.aggregate
        sight = Sight(
            venues=tuple(aggregate.venues),
            groups=tuple(aggregate.group(v) for v in aggregate.venues),
            counted=tuple(aggregate.counted_coins(now.at_s)),
            changes=step.changes,
            flow=step.flow,
            compared=step.counted,
            missing=aggregate.missing(now.at_s, self.why),
            reports=tuple(court.told()),
            since_s=court.before_s or court.since_s or now.at_s,
            normal_move=court.detector.normal_move,
            high_since=court.detector.high_since,
            heard_since=lambda at_s: aggregate.heard_since(at_s, now.at_s),
            coverage_floor=self.pace.coverage_floor,
            noise=court.detector.scales.coin_scale(0),
            feeds=self._completeness,
        )
        told = life.advance(now, sight, court.tally, self._names.next())
        if any(wave.revision == 1 for wave in told):
            self._names.given += 1
        return told

    def _unseen(self, court: Court, now_s: float) -> list[Wave]:
        """Nothing is fresh. A wave that only liquidations told of says that it waits."""
        court.coverage = 0.0
        opened = court.life.early_s
        if opened is None:
            return []
        heard = court.aggregate.heard_since(opened + HEARD_AFTER_S, now_s)
        missing = court.aggregate.missing(now_s, self.why)
        return court.life.wait(now_s, heard, self.pace.coverage_floor, missing)

    def _together(self, told: list[Wave]) -> tuple[Wave, ...]:
        """Name in each wave the other coins that fell with it, the rarest of those still running first."""
        if not told:
            return ()
        running = [w for c in self._courts.values() if (w := c.life.running) is not None]
        running = [w for w in running if w.stage in (Stage.EARLY, Stage.BUILDING, Stage.PEAK)]
        waves = []
        for wave in told:
            others = sorted((w for w in running if w.asset != wave.asset), key=lambda w: -w.magnitude.w)
            names = dict.fromkeys((*(w.asset for w in others), *wave.with_assets))
            waves.append(self._courts[wave.asset].life.beside(wave, tuple(names)))
        return tuple(waves)

    @staticmethod
    def _funding(court: Court) -> float | None:
        """OI-weighted funding, a fraction per year."""
        weights = court.aggregate.coins_of(court.funding)
        total = sum(weight for weight, _ in weights)
        return sum(weight * yearly for weight, yearly in weights) / total if total else None

    def state(self) -> JudgeState:
        return self._state([court.state() for court in self._courts.values()])

    def packing(self) -> Iterator[bytes | None]:
        """``state`` as MessagePack, in pieces: ``None`` between two, at last all of it.

        Nothing may be taken and no step made between them.
        """
        return packing(self._state([]), list(self._courts.values()))

    def _state(self, assets: list[AssetState]) -> JudgeState:
        feeds = dict(self._feeds.spans)
        return JudgeState(self._at, self.pace, self._names.given, self._gate.state(), assets, feeds)

    def restore(self, state: JudgeState) -> None:
        """Continue where ``state`` was taken. Raises ``ValueError`` when it was cut into other steps."""
        if state.pace.step != self.pace.step:
            raise ValueError(f"kept in steps of {state.pace.step}, not {self.pace.step}")
        self._at, self._names.given = state.at, state.waves_opened
        self._gate.restore(state.gate)
        self._feeds.spans = dict(state.feeds)
        for kept in state.assets:
            self._court(kept.asset).restore(kept)

    def learn(self, asset: Asset, past: Lesson) -> None:
        """Take what an asset's past taught, in place of what was taken before.

        Nothing of it is added to live figures: no index moves, nothing is compared across the join.
        """
        court = self._court(asset)
        court.detector.learn(past.learned)
        court.life.recall(past.waves)
        court.before_s = past.since_s

    def lesson(self, asset: Asset) -> Lesson | None:
        """What this judge has seen of one asset, for another to learn from; ``None`` where it saw nothing."""
        court = self._courts.get(asset)
        if court is None or court.since_s is None:
            return None
        return Lesson(court.detector.learned(), tuple(court.life.past), court.since_s)

    def began(self) -> datetime | None:
        """The first step of any asset."""
        times = [court.since_s for court in self._courts.values() if court.since_s is not None]
        return moment(min(times)) if times else None

    def usual_falls(self, asset: Asset) -> tuple[float, ...]:
        """Per horizon, the fall of coin OI that one moment in ten exceeds; empty while it is not known."""
        court = self._courts.get(asset)
        if court is None or self.warm(asset) < LEAST_WARM:
            return ()
        return tuple(court.detector.scales.coin_scale(horizon) for horizon in range(len(HORIZONS)))

    def warm(self, asset: Asset) -> timedelta:
        """How much history of this asset the detector has learned from."""
        court = self._courts.get(asset)
        if court is None:
            return timedelta(0)
        scales = court.detector.scales
        return timedelta(days=scales.days + (scales.before.days if scales.before else 0.0))
