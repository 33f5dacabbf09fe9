"""Figures of the program for Prometheus: what each is called, of which type, and what it tells."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class FigureKind(StrEnum):
    GAUGE = "gauge"
    COUNTER = "counter"
    """Counts up since the start; its name ends in ``_total``."""
    HISTOGRAM = "histogram"


class Figure(NamedTuple):
    """``name`` is what follows ``washout_``; ``told`` one line for a person."""

    name: str
    kind: FigureKind
    told: str


class Sample(NamedTuple):
    """One value of a figure. A histogram's are called ``<figure>_bucket``, ``_sum`` and ``_count``."""

    name: str
    value: float
    labels: Mapping[str, str] = {}

    @property
    def family(self) -> str:
        for end in ("_bucket", "_sum", "_count"):
            name = self.name.removesuffix(end)
            if name != self.name and name in FIGURES and FIGURES[name].kind is FigureKind.HISTOGRAM:
                return name
        return self.name


_G, _C, _H = FigureKind.GAUGE, FigureKind.COUNTER, FigureKind.HISTOGRAM
FIGURES = {
    figure.name: figure
    for figure in (
        Figure("build_info", _G, "1, with the version of the program"),
        Figure("start_time_seconds", _G, "when the process began, seconds since 1970"),
        Figure("market_time_seconds", _G, "the market's time, seconds since 1970: behind while a play runs"),
        Figure("source_fresh", _G, "1 while it answers in time"),
        Figure("source_age_seconds", _G, "since the last answer"),
        Figure("source_symbols", _G, "contracts it told of"),
        Figure("source_unknown", _G, "symbols skipped because no book has them"),
        Figure("source_rejected", _G, "readings not believed"),
        Figure("source_liquidations", _G, "liquidations it told since the start"),
        Figure("source_missed", _G, "messages it numbered that never arrived"),
        Figure("observations_waiting", _G, "observations on their way from the feeds to the judge"),
        Figure("member_up", _G, "1 for each process of a fleet that is there"),
        Figure("role_members", _G, "processes of a fleet that play a role; 0: nobody does its work"),
        Figure("waiting", _G, "what waits in a queue of a process: messages or observations"),
        Figure("lane_calls", _G, "calls of a sending lane within the last minute"),
        Figure("lock_token", _G, "how often an only-one role has changed hands"),
        Figure("local_pages", _G, "open pages of the chat"),
        Figure("reading_pages", _G, "open pages that are told of waves"),
        Figure("open_interest_coins", _G, "coin open interest on live venues"),
        Figure("open_interest_usd", _G, "the same in dollars, where a price is known"),
        Figure("coverage_ratio", _G, "share of the usual coin open interest that is seen, 0 to 1"),
        Figure("snapshot_age_seconds", _G, "since the coin was last added up"),
        Figure("waves_running", _G, "waves that are not over"),
        Figure("wave_magnitude", _G, "W of a running wave"),
        Figure("wave_fall_ratio", _G, "share of coin open interest a running wave has closed, 0 to 1"),
        Figure("wave_revision", _G, "newest revision of a running wave"),
        Figure("posts_settled_total", _C, "posts brought a step closer to the newest revision, by step"),
        Figure("post_faults_total", _C, "calls to a chat platform that failed, by what failed"),
        Figure(
            "first_told_seconds", _H, "from when a chat was to be told of a wave to when it was, real time"
        ),
    )
}

BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(slots=True)
class Histogram:
    """How many of what was seen lay at or below each of ``BUCKETS_S``."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    def see(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def samples(self, name: str, labels: Mapping[str, str]) -> Iterable[Sample]:
        below = 0
        for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), self.counts, strict=True):
            below += count
            yield Sample(f"{name}_bucket", below, {**labels, "le": bound})
        yield Sample(f"{name}_sum", self.sum_s, labels)
        yield Sample(f"{name}_count", below, labels)


@dataclass(slots=True)
class Delivered:
    """What was done to keep chats true, by platform, since the start."""

    steps: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_told: dict[str, Histogram] = field(default_factory=lambda: defaultdict(Histogram))

    def samples(self) -> Iterable[Sample]:
        for (platform, step), count in self.steps.items():
            yield Sample("posts_settled_total", count, {"platform": platform, "step": step})
        for (platform, fault), count in self.faults.items():
            yield Sample("post_faults_total", count, {"platform": platform, "fault": fault})
        for platform, seen in self.first_told.items():
            yield from seen.samples("first_told_seconds", {"platform": platform})
