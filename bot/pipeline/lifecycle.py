"""The life of a wave: opened by a rare moment, revised while it grows, ended, and sometimes taken back.

Pure and deterministic: the same steps give the same revisions, byte for byte, live or replayed.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Missing
from bot.domain.waves import Kind, Stage, Wave
from bot.pipeline.attribution import Past, alone, past_of
from bot.pipeline.detect import FLOOR, Mark, Moment, View, kind_of
from bot.pipeline.early import (
    AGAIN_S,
    BEYOND_NOISE,
    CONFIRMED,
    HEARD_AFTER_S,
    OPEN_W,
    RARER,
    Alarm,
    Early,
    grown,
    not_confirmed,
    opened,
    rarer,
    with_burst,
)
from bot.pipeline.horizons import moment
from bot.pipeline.rarity import SCORE_FLOOR
from bot.pipeline.running import (
    LifeState,
    Running,
    Sight,
    closed_since,
    nothing_told,
    same_story,
    venues_between,
    why_false,
)
from bot.pipeline.tally import Tally
from bot.pipeline.telling import forced_in, wave_of

ALONE_W = OPEN_W + 0.7
"""A fall seen on one venue alone must be five times rarer."""
QUIET_PEAK_S = 600.0
QUIET_OVER_S = 1800.0
"""Without a material new low for so long (or one and two steps) it has peaked; it is over."""
MATERIAL = 0.05
"""A new low counts when it closes this much more of the fall so far."""
REACH_BACK_S = 900.0
"""The first alarm may come from the steepest minutes: the fall may have begun so much before their high."""
ADDS = 0.01
ADDS_OF_ALL = 0.0015
"""An earlier high belongs to the wave when it adds this share to the fall, and this share of all coins."""
REFILLED = 0.5
"""A wave is over at once when this share of the fall is open again."""
REOPENED = 0.25
"""A fall is a wave of its own when so much of the last one was open again, or when it has another name."""
AFTERSHOCK_S = 6 * 3600.0
SETTLE_S = 16 * 86400.0
"""So long a finished wave waits for reports that may change who led it: the positions of the Tuesday after it
are published on the Friday after that, and holidays put them off."""
TAKEN_BACK = 0.8
TAKEN_BACK_S = 900.0
"""A fall undone this far so soon, with no price move to it, was a fault of the figures."""
GROWN = 0.08
MUCH_RARER = 1.0
SOUND_AGAIN_S = 3600.0
"""Ten times rarer than at the last sound deserves another, but not while people still look at the first."""
PAST_KEPT = 2000


class Life:
    """One asset's waves, one at a time. ``step_s`` stretches every waiting time for slow data."""

    def __init__(self, asset: Asset, *, step_s: float) -> None:
        self.asset = asset
        self._step_s = step_s
        self._peak_s = max(QUIET_PEAK_S, step_s)
        self._over_s = max(QUIET_OVER_S, 2 * step_s)
        self._aftershock_s = max(AFTERSHOCK_S, 2 * step_s)
        self._since_s = 0.0
        self._running: Running | None = None
        self._settling: list[Running] = []
        self._past: list[Past] = []
        self._before: list[Past] = []
        self._early: Early | None = None
        self._calm = (0.0, 0.0)
        """Until when, and from which W on, bursts are taken for the one that was taken back."""

    def state(self) -> LifeState:
        waves = (self._running, self._settling, self._past, self._before)
        return LifeState(self._since_s, *waves, self._early, *self._calm)

    def restore(self, state: LifeState) -> None:
        self._since_s = state.since_s
        self._running, self._settling = state.running, state.settling
        self._past, self._before = state.past, state.before
        self._early, self._calm = state.early, (state.calm_until_s, state.calm_w)

    @property
    def since_s(self) -> float:
        """When the last wave ended; a fall from before belongs to it."""
        return self._since_s

    @property
    def busy(self) -> bool:
        """Must every step be looked at? Waves that only wait for reports are looked at when one comes."""
        return self._running is not None or self._early is not None

    @property
    def early_s(self) -> float | None:
        """When a wave was opened that only liquidations have told of."""
        return self._early.opened_s if self._early else None

    @property
    def running(self) -> Wave | None:
        running = self._running or self._early
        return running.told if running else None

    @property
    def past(self) -> Sequence[Past]:
        """Finished waves, oldest first."""
        return self._past

    def recall(self, before: Sequence[Past]) -> None:
        """Rank what comes also among these, in place of those recalled before."""
        self._before = list(before)

    def beside(self, wave: Wave, assets: tuple[Asset, ...]) -> Wave:
        """The revision just told, with the coins that fell with it; later revisions keep them."""
        wave = msgspec.structs.replace(wave, with_assets=assets)
        self.retell(wave, wave.id)
        return wave

    def retell(self, wave: Wave, made_as: str) -> None:
        """Revise further from what is given here as the revision just told of the wave ``made_as``."""
        for running in (self._early, self._running, *self._settling):
            if running is not None and running.told.id == made_as:
                running.told = wave

    def alarm(self, alarm: Alarm, tally: Tally, name: str) -> Wave | None:
        """A burst opens a wave early, or revises the one that runs. It comes between two steps."""
        burst, running = alarm.burst, self._running or self._early
        if running is None:
            until_s, w = self._calm
            if burst.magnitude.w < (OPEN_W if alarm.now_s >= until_s else max(OPEN_W, w + MUCH_RARER)):
                return None
            self._early = opened(name, self.asset, alarm, tally)
            return self._early.told
        if running.told.done or not grown(running.told, burst):
            return None
        since_s = running.since_s if isinstance(running, Early) else running.high.at_s
        wave = with_burst(running.told, burst, since_s, tally)
        running.told = msgspec.structs.replace(wave, revision=wave.revision + 1)
        return running.told

    def adopt(self, early: Early) -> None:
        """Go on with a wave that was opened early before this memory begins (at a restart)."""
        self._early = self._early or early

    def wait(self, now_s: float, heard: float, floor: float, missing: tuple[Missing, ...]) -> list[Wave]:
        """A step without a look at coins: an early wave says that it waits, or is taken back.

        ``heard`` is the share of open interest told since ``HEARD_AFTER_S`` after the burst.
        """
        early = self._early
        if early is None or now_s <= early.opened_s + HEARD_AFTER_S:
            return []
        told = early.told
        reason = not_confirmed(early, now_s, heard, floor)
        same_missing = {m.venue for m in missing} == {m.venue for m in told.missing}
        if not reason and same_missing and (heard >= floor) == (told.coverage >= floor):
            return []
        revision = told.revision + 1
        early.told = msgspec.structs.replace(
            told,
            stage=Stage.RETRACTED if reason else Stage.EARLY,
            revision=revision,
            loud=revision if reason else told.loud,
            at=moment(now_s),
            coverage=heard,
            missing=missing,
            reason=reason,
        )
        if reason:
            self._early, self._calm = None, (now_s + AGAIN_S, told.magnitude.w)
        return [early.told]

    def _early_step(self, early: Early, now: Moment, sight: Sight, tally: Tally) -> list[Wave]:
        """Confirmed as soon as more coins are closed since the burst than noise closes."""
        if now.at_s <= early.opened_s:
            return []
        by_coins = self._open(now, sight, tally, early.told.id)
        if by_coins is not None:
            return [by_coins]
        closed = early.opened_coins - sight.flow[0]
        high = sight.high_since(max(self._since_s, early.since_s - REACH_BACK_S))
        enough = max(CONFIRMED, BEYOND_NOISE * sight.noise) * early.coins
        if high is not None and closed >= enough > 0 and 2 * closed_since(high, sight.changes) >= enough:
            return [self._begin(now.fresh, high, now, sight, tally, early.told)]
        heard = sight.heard_since(early.opened_s + HEARD_AFTER_S)
        return self.wait(now.at_s, heard, sight.coverage_floor, sight.missing)

    def advance(self, now: Moment, sight: Sight, tally: Tally, name: str) -> list[Wave]:
        """The revisions worth telling, mostly none. ``name`` is given to a wave that opens now."""
        running = self._running
        told: list[Wave | None]
        if self._early is not None:
            told = [*self._early_step(self._early, now, sight, tally)]
        elif running is None:
            told = [self._open(now, sight, tally, name)]
        elif running.stage is Stage.OVER:
            told = [self._after(running, now, sight, tally, name)]
        else:
            told = [self._continue(running, now, sight, tally)]
        told.extend(self._settle(now, sight, tally))
        return [wave for wave in told if wave is not None]

    def _open(self, now: Moment, sight: Sight, tally: Tally, name: str) -> Wave | None:
        view = now.fresh
        if not now.judged or view.score < SCORE_FLOOR or view.magnitude.w < OPEN_W:
            return None
        mark = Mark(now.at_s, now.price_usd, sight.changes, sight.flow)
        venues = venues_between(view.high, mark, sight.counted, sight)
        fall = sum(v.coins_closed for v in venues)
        # The index may have fallen while most of the market was out of sight; coins must have closed too.
        if fall < FLOOR[view.horizon] * sum(v.coins_before for v in venues):
            return None
        if alone(venues, sight.compared) and view.magnitude.w < ALONE_W:
            return None
        told = self._early.told if self._early else nothing_told(name, self.asset, now)
        return self._begin(view, view.high, now, sight, tally, told)

    def _begin(self, view: View, high: Mark, now: Moment, sight: Sight, tally: Tally, told: Wave) -> Wave:
        """A wave that coins show. Who was told of it early is not rung again for being right."""
        was_early, self._early = self._early is not None, None
        low = Mark(now.at_s, now.price_usd, sight.changes, sight.flow)
        fall = closed_since(high, sight.changes)
        self._running = Running(
            told=told,
            view=view,
            high=high,
            depths=now.depths,
            opened_high_s=high.at_s,
            low=low,
            low_counted=sight.counted,
            low_coverage=now.coverage,
            kind=kind_of(high, low, sight.normal_move),
            fall=fall,
            grown_fall=fall,
            grown_s=now.at_s,
            stage=Stage.BUILDING,
            loud_w=rarer(view.magnitude, told.burst.magnitude if told.burst else None).w,
            loud_s=now.at_s,
        )
        return self._tell(self._running, now, sight, tally, loud=not was_early)

    def _continue(self, running: Running, now: Moment, sight: Sight, tally: Tally) -> Wave | None:
        since_s = max(self._since_s, running.opened_high_s - REACH_BACK_S)
        if (earlier := sight.high_since(since_s)) is not None:
            self._reach_back(running, earlier, sight)
        if now.fresh.score > running.view.score:
            running.view, running.depths = now.fresh, now.depths
            self._reach_back(running, now.fresh.high, sight)
        self._lower(running, now, sight)
        running.kind = kind_of(running.high, running.low, sight.normal_move)
        back = 1 - closed_since(running.high, sight.changes) / running.fall
        if self._is_false(running, now, back):
            running.stage = Stage.RETRACTED
            running.reason = why_false(running, now.at_s)
            self._running = None
            return self._tell(running, now, sight, tally, loud=True)
        quiet_s = now.at_s - running.grown_s
        if back >= REFILLED or quiet_s >= self._over_s:
            running.stage = Stage.OVER
            running.ended_s = running.low.at_s
        elif quiet_s >= self._peak_s:
            running.stage = Stage.PEAK
        return self._tell_if_worth(running, now, sight, tally)

    @staticmethod
    def _reach_back(running: Running, high: Mark, sight: Sight) -> None:
        """Begin the wave at an earlier high where that adds to the fall; a flat top adds nothing.

        A price move re-values inverse contracts: an earlier high of positions may even hold fewer coins.
        """
        earlier = closed_since(high, running.high.changes)
        adds = earlier >= max(ADDS * running.fall, ADDS_OF_ALL * sum(sight.counted))
        if high.at_s < running.high.at_s and adds:
            running.fall += earlier
            running.high = high

    @staticmethod
    def _lower(running: Running, now: Moment, sight: Sight) -> bool:
        """Take in a new low; says whether it is a material one."""
        if not same_story(running.kind, running.high.price_usd, now.price_usd):
            return False
        fall = closed_since(running.high, sight.changes)
        material = fall >= running.grown_fall * (1 + MATERIAL)
        if fall <= running.fall or (running.stage is Stage.OVER and not material):
            return False
        running.fall = fall
        running.low = Mark(now.at_s, now.price_usd, sight.changes, sight.flow)
        running.low_counted, running.low_coverage = sight.counted, now.coverage
        if material:
            running.grown_fall, running.grown_s = fall, now.at_s
        return material

    def _after(self, running: Running, now: Moment, sight: Sight, tally: Tally, name: str) -> Wave | None:
        """Once over: aftershocks and reports are told; another fall begins a wave of its own."""
        if now.at_s - running.ended_s > self._aftershock_s:
            self._finish(running, sight)
            return self._open(now, sight, tally, name)
        if self._lower(running, now, sight):
            running.aftershocks += 1
            running.kind = kind_of(running.high, running.low, sight.normal_move)
            if now.whole.score > running.view.score and now.whole.kind is running.kind:
                running.view, running.depths = now.whole, now.depths
            louder = _deserves_a_sound(running, now)
            return self._tell(running, now, sight, tally, loud=louder)
        another = self._open(now, sight, tally, name) if self._is_another(running, now.fresh) else None
        if another is not None:
            self._settle_later(running, sight)
            return another
        return self._tell_if_worth(running, now, sight, tally)

    @staticmethod
    def _is_another(running: Running, seen: View) -> bool:
        """Until a fall makes a new low, which is an aftershock, it may only be the last one going on."""
        opened = closed_since(running.low, seen.high.changes)
        return seen.kind is not running.kind or -opened >= REOPENED * running.fall

    def _finish(self, running: Running, sight: Sight) -> None:
        self._running = None
        self._settle_later(running, sight)

    def _settle_later(self, running: Running, sight: Sight) -> None:
        """A wave that is over still waits for the institutions' figures where they are followed."""
        if running.told.provisional and sight.reports:
            self._settling.append(running)

    def _settle(self, now: Moment, sight: Sight, tally: Tally) -> list[Wave | None]:
        """A finished wave revises itself once, quietly, when a final report covers it."""
        told: list[Wave | None] = []
        for running in list(self._settling):
            told.append(self._tell_if_worth(running, now, sight, tally))
            if not running.told.provisional or now.at_s - running.low.at_s > SETTLE_S:
                self._settling.remove(running)
        return told

    def _is_false(self, running: Running, now: Moment, back: float) -> bool:
        young = now.at_s - running.told.opened.timestamp() <= TAKEN_BACK_S
        plain_price = running.kind in (Kind.UNWIND, Kind.UNPRICED)
        return young and back >= TAKEN_BACK and (plain_price or running.told.one_venue)

    def _tell_if_worth(self, running: Running, now: Moment, sight: Sight, tally: Tally) -> Wave | None:
        told = running.told
        louder = _deserves_a_sound(running, now)
        wave = wave_of(running, now, sight, tally, (*self._before, *self._past), self._step_s)
        worth = (
            louder
            or wave.stage is not told.stage
            or wave.kind is not told.kind
            or wave.lead is not told.lead
            or wave.provisional is not told.provisional
            or wave.coins_closed >= told.coins_closed * (1 + GROWN)
            or wave.magnitude.w >= told.magnitude.w + RARER
        )
        if running.stage is not Stage.OVER:
            worth = worth or {m.venue for m in wave.missing} != {m.venue for m in told.missing}
        return self._tell(running, now, sight, tally, loud=louder) if worth else None

    def _tell(self, running: Running, now: Moment, sight: Sight, tally: Tally, *, loud: bool) -> Wave:
        wave = wave_of(running, now, sight, tally, (*self._before, *self._past), self._step_s)
        revision = running.told.revision + 1
        wave = msgspec.structs.replace(
            wave,
            revision=revision,
            loud=revision if loud else running.told.loud,
            forced=forced_in(running, wave, sight, tally),
        )
        if loud:
            running.loud_w, running.loud_s = running.view.magnitude.w, now.at_s
        if wave.stage is Stage.OVER:
            self._since_s = max(self._since_s, running.low.at_s)
            kept = [p for p in self._past if p.onset != wave.onset]
            self._past = [*kept, past_of(wave)][-PAST_KEPT:]
        running.told = wave
        return wave


def _deserves_a_sound(running: Running, now: Moment) -> bool:
    rarer = running.view.magnitude.w >= running.loud_w + MUCH_RARER
    calm = running.stage is Stage.PEAK or (running.stage is Stage.OVER and not running.aftershocks)
    return rarer and not calm and now.at_s - running.loud_s >= SOUND_AGAIN_S
