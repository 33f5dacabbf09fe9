"""What the process knows of itself, for the page's status line, ``/healthz`` and ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from bot.domain.figures import FIGURES, Figure, Sample
from bot.domain.fleet import Member, played
from bot.domain.health import LockHolder, SourceHealth, SourceState
from bot.domain.market import Group
from handlers.web.door import Visitor


class Freshness(NamedTuple):
    """A venue is fresh when each of its sources is, but for idle ones. Who reports of venues is none."""

    fresh: int
    venues: int
    stale: tuple[str, ...]
    """Titles of the others."""


def freshness(sources: Sequence[SourceHealth]) -> Freshness:
    live = [source for source in sources if source.group is not Group.REPORT and not source.idle]
    titles = {source.venue: source.title for source in live}
    stale = {source.venue for source in live if source.state is not SourceState.FRESH}
    return Freshness(len(titles) - len(stale), len(titles), tuple(sorted(titles[venue] for venue in stale)))


def healthz(
    sources: Sequence[SourceHealth],
    at: datetime,
    visitor: Visitor,
    members: Sequence[Member] = (),
    locks: Sequence[LockHolder] = (),
) -> dict[str, object]:
    """``seeing`` is false while no venue is fresh: the process lives, and knows nothing.

    Why a source fails may name addresses, so only the operator is told of each; a stranger only that the
    process lives.
    """
    if visitor is Visitor.NOBODY:
        return {"ok": True}
    fresh, venues, _ = freshness(sources)
    known: dict[str, object] = {
        "ok": True,
        "seeing": fresh > 0,
        "at": at.isoformat(),
        "venues_fresh": fresh,
        "venues": venues,
    }
    if visitor is Visitor.OPERATOR:
        known["sources"] = [
            {
                "venue": source.venue,
                "source": source.source,
                "state": source.state,
                "since": source.since.isoformat(),
                "last_answer": source.last_answer.isoformat() if source.last_answer else None,
                "why": source.why,
            }
            for source in sources
        ]
        if members:
            known["roles"] = played(members)
        known["members"] = [
            {
                "name": member.name,
                "roles": member.roles,
                "version": member.version,
                "started": member.started.isoformat(),
                "venues": member.venues,
                "waiting": member.waiting,
                "sent": member.sent,
            }
            for member in members
        ]
        known["locks"] = [
            {
                "name": lock.name,
                "holder": lock.holder,
                "token": lock.token,
                "since": lock.since.isoformat(),
            }
            for lock in locks
        ]
    return known


def source_samples(sources: Sequence[SourceHealth], at: datetime) -> Iterable[Sample]:
    for source in sources:
        own = {"venue": str(source.venue), "source": source.source}
        if not source.idle:
            yield Sample("source_fresh", source.state is SourceState.FRESH, own)
        if source.last_answer:
            yield Sample("source_age_seconds", (at - source.last_answer).total_seconds(), own)
        yield Sample("source_symbols", source.symbols, own)
        yield Sample("source_unknown", source.unknown, own)
        yield Sample("source_rejected", source.rejected, own)
        if source.completeness is not None:
            yield Sample("source_liquidations", source.told, own)
        yield Sample("source_missed", source.gaps, own)


def exposition(samples: Iterable[Sample]) -> str:
    """Prometheus' text format 0.0.4: each metric once, with its help and type, its samples together.

    Raises ``KeyError`` for a sample of no metric in ``FIGURES``.
    """
    families: dict[str, list[str]] = {}
    for sample in samples:
        figure = FIGURES[sample.family]
        families.setdefault(figure.name, []).append(
            f"washout_{sample.name}{_labels(sample)} {float(sample.value):.10g}"
        )
    lines: list[str] = []
    for name in sorted(families):
        lines += (*_head(FIGURES[name]), *families[name])
    return "\n".join(lines) + "\n"


def _head(figure: Figure) -> tuple[str, str]:
    name = f"washout_{figure.name}"
    return f"# HELP {name} {figure.told}", f"# TYPE {name} {figure.kind}"


def _labels(sample: Sample) -> str:
    if not sample.labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
