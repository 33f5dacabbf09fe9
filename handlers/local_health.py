"""What the process knows of itself, for the page's status line, ``/healthz`` and ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from bot.domain.health import SourceHealth, SourceState


class Freshness(NamedTuple):
    """A venue is fresh when each of its sources is."""

    fresh: int
    venues: int
    stale: tuple[str, ...]
    """Titles of the others."""


def freshness(sources: Sequence[SourceHealth]) -> Freshness:
    titles = {source.venue: source.title for source in sources}
    stale = {source.venue for source in sources if source.state is not SourceState.FRESH}
    return Freshness(len(titles) - len(stale), len(titles), tuple(sorted(titles[venue] for venue in stale)))


def healthz(sources: Sequence[SourceHealth], at: datetime) -> dict[str, object]:
    """``seeing`` is false while no venue is fresh: the process lives, and knows nothing."""
    fresh, venues, _ = freshness(sources)
    return {
        "ok": True,
        "seeing": fresh > 0,
        "at": at.isoformat(),
        "venues_fresh": fresh,
        "venues": venues,
        "sources": [
            {
                "venue": source.venue,
                "source": source.source,
                "state": source.state,
                "since": source.since.isoformat(),
                "last_answer": source.last_answer.isoformat() if source.last_answer else None,
                "why": source.why,
            }
            for source in sources
        ],
    }


def metrics(sources: Sequence[SourceHealth], figures: Mapping[str, float], at: datetime) -> str:
    """Prometheus' text format 0.0.4; ``figures`` become gauges ``washout_<name>``."""
    lines: list[str] = []

    def gauge(name: str, told: str, samples: Iterable[tuple[str, float]]) -> None:
        lines.extend((f"# HELP washout_{name} {told}", f"# TYPE washout_{name} gauge"))
        lines.extend(f"washout_{name}{labels} {value:.10g}" for labels, value in samples)

    each = [(f'{{venue="{_label(s.venue)}",source="{_label(s.source)}"}}', s) for s in sources]
    gauge("source_fresh", "1 while it answers in time", ((k, s.state is SourceState.FRESH) for k, s in each))
    ages = ((k, (at - s.last_answer).total_seconds()) for k, s in each if s.last_answer)
    gauge("source_age_seconds", "since the last answer", ages)
    gauge("source_symbols", "contracts it told of", ((k, s.symbols) for k, s in each))
    gauge("source_unknown", "symbols skipped because no book has them", ((k, s.unknown) for k, s in each))
    gauge("source_rejected", "readings not believed", ((k, s.rejected) for k, s in each))
    heard = [(k, s) for k, s in each if s.completeness is not None]
    gauge("source_liquidations", "liquidations it told since the start", ((k, s.told) for k, s in heard))
    gauge("source_missed", "messages it numbered that never arrived", ((k, s.gaps) for k, s in each))
    for name, value in sorted(figures.items()):
        gauge(name, name.replace("_", " "), [("", value)])
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
