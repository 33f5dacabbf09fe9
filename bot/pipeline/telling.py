"""A wave in progress as one revision tells it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bot.domain.waves import Forced, Stage, Wave
from bot.pipeline.attribution import Past, alone, lead, rank, told_of
from bot.pipeline.detect import Mark, Moment
from bot.pipeline.early import liquidated, rarer
from bot.pipeline.forced import forced
from bot.pipeline.horizons import HORIZONS, moment
from bot.pipeline.running import Running, Sight, venues_between
from bot.pipeline.tally import Tally

LAST_FORCED_S = 600.0
"""What is liquidated up to so long after the low still belongs to the wave."""
COUNTED_OUT_S = 900.0


def wave_of(
    running: Running, now: Moment, sight: Sight, tally: Tally, past: Sequence[Past], step_s: float
) -> Wave:
    """The wave as of now, but for its revision and what was forced."""
    high, low, told = running.high, running.low, running.told
    venues = venues_between(high, low, running.low_counted, sight)
    onset, low_at = moment(_onset_s(high, low, step_s)), moment(low.at_s)
    over = running.stage is Stage.OVER
    reports = told_of(sight.reports, onset, low_at)
    who, provisional = lead(venues, reports, low_at if over else None)
    wave = msgspec.structs.replace(
        told,
        kind=running.kind,
        stage=running.stage,
        onset=onset,
        at=moment(now.at_s),
        low_at=low_at,
        over_at=low_at if over else None,
        horizon=HORIZONS[running.view.horizon],
        depths=running.depths,
        venues=venues,
        price_before_usd=high.price_usd,
        price_now_usd=low.price_usd,
        magnitude=rarer(running.view.magnitude, told.burst.magnitude if told.burst else None),
        basis=running.view.basis,
        coverage=running.low_coverage,
        missing=told.missing if told.done else sight.missing,
        lead=who,
        provisional=provisional,
        reports=reports,
        one_venue=alone(venues, sight.compared),
        aftershocks=running.aftershocks,
        reason=running.reason,
    )
    if not _counted_out(running):
        wave = liquidated(wave, high.at_s, _until_s(running, wave), tally)
    earlier = [p for p in past if p.onset != onset]
    return msgspec.structs.replace(wave, rank=rank(wave, earlier, moment(sight.since_s)))


def forced_in(running: Running, wave: Wave, sight: Sight, tally: Tally) -> Forced | None:
    """What was forced in the wave, seen and likely."""
    if _counted_out(running):
        return running.told.forced
    before = {v.venue: v.coins_before for v in wave.venues}
    return forced(tally, running.high.at_s, _until_s(running, wave), before, sight.feeds)


def _until_s(running: Running, wave: Wave) -> float:
    over = wave.stage is Stage.OVER
    return running.low.at_s + LAST_FORCED_S if over else wave.at.timestamp()


def _counted_out(running: Running) -> bool:
    """All of it was told before; the tally forgets what a report may still revise days later."""
    told = running.told
    return told.stage is Stage.OVER and told.at.timestamp() > running.low.at_s + COUNTED_OUT_S


def _onset_s(high: Mark, low: Mark, step_s: float) -> float:
    """The end of the first step that fell: the high itself is still whole."""
    return min(high.at_s + step_s, low.at_s)
