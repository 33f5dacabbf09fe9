"""Institutions' dated figures in words: beside the live venues, and as the verdict on a wave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.assets import Asset
from bot.domain.market import Holder, Report, ReportKind, Snapshot
from bot.domain.waves import Lead, Wave
from bot.pipeline.attribution import tells
from handlers.numbers import Scale, coins, day, number, percent, weekday
from handlers.phrases import titled
from handlers.speech import N_, _, ngettext
from handlers.titles import Titles, venue_title

SOLD = 0.02
"""Institutions sold too where one of them closed at least this share of its own open interest."""
NAMED_OTHERS = 3
OLD_AFTER = timedelta(days=30)
"""An older figure says nothing of now: whoever told it has stopped."""
LONGEST_DAY = timedelta(days=4)
"""From one close to the next, with a weekend and a holiday in between."""
SHOWN_HOLDERS = {
    Holder.LEVERAGED: N_("leveraged funds {net} ({long} long, {short} short)"),
    Holder.ASSET_MANAGERS: N_("asset managers {net} ({long} long, {short} short)"),
    Holder.DEALERS: N_("dealers {net} ({long} long, {short} short)"),
}


def beside_lines(reports: Sequence[Report], now: Snapshot, at: datetime, titles: Titles) -> Iterable[str]:
    """What stands beside the live venues: one figure for each that is not among them, with its time."""
    recent = [r for r in reports if at - r.as_of < OLD_AFTER]
    live = {v.venue for v in now.venues} | {m.venue for m in now.missing}
    apart = [r for r in recent if r.venue not in live]
    dated = _one_of_each([r for r in apart if not r.native])
    if dated:
        shown = " · ".join(f"{_figure(r, titles)} {_when(r, at, titles)}" for r in dated)
        yield _("Beside them: {figures}").format(figures=shown)
    others = sorted(_one_of_each([r for r in apart if r.native]), key=lambda r: -r.coins)
    if others:
        sources = {_source(r, titles) for r in others}
        figures = [_figure(r, titles) for r in others[:NAMED_OTHERS]]
        if len(sources) > 1:
            figures = [f"{_figure(r, titles)} ({_source(r, titles)})" for r in others[:NAMED_OTHERS]]
        if (more := len(others) - NAMED_OTHERS) > 0:
            figures.append(ngettext("{n} more", "{n} more", more).format(n=number(more)))
        text = _("Not asked here: {figures}")
        if len(sources) == 1:
            text = _("Not asked here: {figures} ({source})")
        yield text.format(figures=" · ".join(figures), source=min(sources))
    held = [r for r in recent if r.holdings]
    if held:
        yield from _holders(max(held, key=lambda r: (r.as_of, r.coins)), now.asset, at, titles)


def _figure(report: Report, titles: Titles) -> str:
    return f"{venue_title(report.venue, titles)} {coins(report.coins, report.asset)}"


def _one_of_each(reports: Sequence[Report]) -> list[Report]:
    """One source's figure for each venue: dated before retold, then the newest, then the final one."""

    def worth(report: Report) -> tuple[bool, datetime, bool, bool]:
        dated = report.kind is not ReportKind.RETOLD
        return dated, report.as_of, not report.preliminary, report.kind is ReportKind.DAILY

    best: dict[str, Report] = {}
    for report in reports:
        known = best.get(report.venue)
        if known is None or worth(report) > worth(known):
            best[report.venue] = report
    return list(best.values())


def _when(report: Report, at: datetime, titles: Titles) -> str:
    """``as of 9 Oct close``; a week's and a retold figure say who told it."""
    close = day(report.as_of.astimezone(UTC), at)  # a trading day has the same name everywhere
    match report.kind:
        case ReportKind.DAILY:
            text = _("as of {day} close (preliminary)") if report.preliminary else _("as of {day} close")
        case ReportKind.WEEKLY:
            text = _("as of {day} ({source})")
        case ReportKind.RETOLD:
            text = _("(as {source} tells, {day})")
    return text.format(day=close, source=_source(report, titles))


def _source(report: Report, titles: Titles) -> str:
    return venue_title(report.series[1], titles)


def _holders(report: Report, asset: Asset, at: datetime, titles: Titles) -> Iterable[str]:
    """``CFTC, Tue 7 Oct, net BTC: leveraged funds −51,000 (10,000 long, 61,000 short) · dealers …``"""
    sides = {h.holder: (h.long_coins, h.short_coins) for h in report.holdings}
    shown = [
        (_(text), long, short)
        for holder, text in SHOWN_HOLDERS.items()
        for long, short in (sides.get(holder, (None, None)),)
        if long is not None and short is not None
    ]
    if not shown:
        return
    scale = Scale.coins(max(max(long, short) for _text, long, short in shown))
    texts = [
        text.format(net=scale.show(long - short, signed=True), long=scale.show(long), short=scale.show(short))
        for text, long, short in shown
    ]
    tuesday = report.as_of.astimezone(UTC)
    yield _("{source}, {weekday} {day}, net {asset}: {holders}").format(
        source=_source(report, titles),
        weekday=weekday(tuesday),
        day=day(tuesday, at),
        asset=asset,
        holders=" · ".join(texts),
    )


def counted(wave: Wave) -> list[Report]:
    """Reports that tell what an institution closed in the wave, of venues that are not live ones."""
    live = {v.venue for v in wave.venues}
    return [r for r in wave.reports if tells(r, wave.low_at) and r.venue not in live]


def report_lines(wave: Wave, titles: Titles) -> Iterable[str]:
    """The verdict of the reports that cover the wave, or that none has come yet."""
    after = counted(wave)
    for report in after:
        yield _judged(report, wave, report_line(report, wave, titles))
    for report in wave.reports:
        if report not in after and not report.native:
            yield report_line(report, wave, titles)
    if wave.provisional and not wave.reports:
        yield _("Institutional reports: no figure yet")


def _judged(report: Report, wave: Wave, line: str) -> str:
    if report.preliminary or wave.provisional:
        return line
    if _change(report) <= -SOLD:
        return _("**Institutions sold too**: {report}").format(report=line)
    if wave.lead is Lead.NATIVE:
        return _("**Confirmed crypto-native**: {report}").format(report=line)
    return line


def _change(report: Report) -> float:
    return report.coins / report.previous_coins - 1 if report.previous_coins else 0.0


def report_line(report: Report, wave: Wave, titles: Titles) -> str:
    """A dated figure beside the wave: what it changed since, or that it is older than the wave."""
    name, when = venue_title(report.venue, titles), _when(report, wave.at, titles)
    amount = coins(report.coins, wave.asset)
    if report.kind is not ReportKind.RETOLD and not report.covers(wave.low_at):
        text = _("{venue}: no figure since the onset, {coins} {when}")
        if wave.done:
            text = _("{venue}: no figure since the end, {coins} {when}")
        return text.format(venue=name, coins=amount, when=when)
    if not report.previous_coins or report.kind is ReportKind.RETOLD:
        return titled(name, f"{amount} {when}")
    close = day(report.as_of.astimezone(UTC), wave.at)
    since = report.previous_as_of
    before = day(since.astimezone(UTC), wave.at) if since is not None else ""
    text = _("{venue} {change} on {day}")
    if report.kind is ReportKind.WEEKLY:
        text = _("{venue} {change} in the week to {day} ({source})")
    elif since is not None and report.as_of - since > LONGEST_DAY:
        text = _("{venue} {change} from {before} to {day}")
    told = text.format(
        venue=name, change=percent(_change(report)), day=close, source=_source(report, titles), before=before
    )
    return _("{report}, preliminary").format(report=told) if report.preliminary else told
