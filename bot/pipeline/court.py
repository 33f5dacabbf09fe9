"""One asset's share of the judge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.market import Group, Report, Venue
from bot.domain.verdicts import Verdict
from bot.pipeline.aggregate import Aggregate, AggregateState
from bot.pipeline.bursts import Bursts, BurstsState
from bot.pipeline.detect import Detector, DetectorState
from bot.pipeline.lifecycle import Life
from bot.pipeline.running import LifeState
from bot.pipeline.tally import Minute, Tally

REPORTS_KEPT = 16
"""Of each series: three weeks of trading days."""
REPORT_AHEAD = timedelta(hours=1)
"""A figure may be told so long before the time it is of; beyond, its date is wrong."""


class AssetState(msgspec.Struct):
    asset: Asset
    aggregate: AggregateState
    detector: DetectorState
    life: LifeState
    minutes: list[Minute]
    reports: list[Report]
    since_s: float | None
    bursts: BurstsState
    judged_s: float
    coverage: float
    before_s: float | None = None


class Court:
    """One asset's share of the judge."""

    def __init__(
        self,
        asset: Asset,
        groups: Mapping[Venue, Group],
        *,
        step_s: float,
        fresh_s: float,
        coverage_floor: float,
    ) -> None:
        self.asset = asset
        self.aggregate = Aggregate(asset, groups, step_s=step_s, fresh_s=fresh_s)
        self.detector = Detector(step_s=step_s, coverage_floor=coverage_floor)
        self.life = Life(asset, step_s=step_s)
        self.tally = Tally()
        self.bursts = Bursts()
        self.judged_s, self.coverage = 0.0, 0.0
        """When a step last could have declared a fall, and what the newest one saw."""
        self.reports: dict[tuple[Venue, Venue], list[Report]] = {}
        self.news = False
        """A report came since the last step."""
        self.funding: dict[tuple[str, str], float] = {}
        self.since_s: float | None = None
        self.before_s: float | None = None

    def state(self) -> AssetState:
        return AssetState(
            self.asset,
            self.aggregate.state(),
            self.detector.state(),
            self.life.state(),
            self.tally.minutes(),
            self.told(),
            self.since_s,
            self.bursts.state(),
            self.judged_s,
            self.coverage,
            self.before_s,
        )

    def restore(self, state: AssetState) -> None:
        self.aggregate.restore(state.aggregate)
        self.detector.restore(state.detector)
        self.life.restore(state.life)
        self.tally.restore(state.minutes)
        self.bursts.restore(state.bursts)
        self.judged_s, self.coverage = state.judged_s, state.coverage
        for report in state.reports:
            self.reports.setdefault(report.series, []).append(report)
        self.news = True  # one may have come after the last step
        self.since_s, self.before_s = state.since_s, state.before_s

    def told(self) -> list[Report]:
        """Every report remembered: the newest of each series, and those before it to compare it with."""
        return [report for series in self.reports.values() for report in series]

    def report(self, said: Report) -> Verdict:
        """A new figure, or one in another's place: final for preliminary, or corrected."""
        if said.coins < 0:
            return Verdict.IMPOSSIBLE
        if said.as_of - said.received > REPORT_AHEAD:
            return Verdict.FUTURE
        series = self.reports.setdefault(said.series, [])
        same = next((known for known in series if known.as_of == said.as_of), None)
        if same is not None:
            if (said.preliminary and not same.preliminary) or said == replace(same, received=said.received):
                return Verdict.REPEATED
            series.remove(same)
        elif len(series) >= REPORTS_KEPT and said.as_of < series[0].as_of:
            return Verdict.BACKWARDS
        series.append(said)
        series.sort(key=lambda known: known.as_of)
        del series[:-REPORTS_KEPT]
        self.news = True
        return Verdict.ACCEPT
