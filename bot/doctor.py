"""``washout doctor``: ask every configured venue once and say what came back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from bot.config import Settings
from bot.domain.assets import Asset, parse_asset
from bot.domain.health import SourceState
from bot.domain.market import Group
from bot.domain.plausible import Odd, oddities
from bot.domain.statistics import Statistics, VenueStatistics
from bot.errors import SourceUnreachable
from bot.exchanges import EXCHANGES
from bot.feeds.doctor import SourceReport, ask_once
from bot.feeds.hearing import FeedReport
from bot.stage import keyed

HEADS = ("venue", "state", "symbols", "open interest", "dollars", "age", "verdict")
FEED_HEADS = ("venue", "feed", "contracts", "liquidations", "verdict")
OLD = timedelta(minutes=5)
DAY = timedelta(days=1)


async def doctor(settings: Settings, asset: str, listen_s: float) -> int:
    """Prints what was answered and, in ``listen_s`` seconds, heard; 0 when at least one venue answered.

    Raises ``SourceUnreachable`` when none did.
    """
    coin = parse_asset(asset)[0]
    reports = await asyncio.gather(
        *(
            ask_once(
                keyed(EXCHANGES[venue.venue], venue),
                asset=coin,
                clock=lambda: datetime.now(UTC),
                watched=settings.assets,
                base_url=venue.base_url,
                ws_url=venue.ws_url,
                listen_s=listen_s,
            )
            for venue in settings.venues
        )
    )
    told = (*table(coin, reports), *heard(reports, listen_s), *total(coin, reports))
    sys.stdout.writelines(f"{line}\n" for line in told)
    if not any(report.reachable for report in reports):
        raise SourceUnreachable(
            "no venue could be reached: this machine seems to have no way to the internet "
            "(check the network, a proxy or a firewall, then run doctor again)"
        )
    return 0


def table(coin: Asset, reports: Sequence[SourceReport]) -> Iterable[str]:
    """The reports as aligned text, what each failure means, what may be misread."""
    yield from _aligned([HEADS, *(_row(coin, report) for report in reports)])
    yield from _paragraph(f"{r.title}: {r.why}" for r in reports if r.why)
    yield from _paragraph(
        f"{r.title}, {len(r.unread)} of its contracts cannot be read: {r.unread[0]}"
        for r in reports
        if r.unread
    )
    yield from _paragraph(misread(coin, reports))
    yield from _paragraph(
        f"{r.title}, in doubt: {doubt}" for r in reports if r.reachable for doubt in r.doubts
    )


def total(coin: Asset, reports: Sequence[SourceReport]) -> Iterable[str]:
    live = _live(reports)
    if live:
        coins = sum(r.coins or 0.0 for r in live)
        yield ""
        yield f"{len(live)} of {len(reports)} venues told {coins:,.0f} {coin} of open interest."


def misread(coin: Asset, reports: Sequence[SourceReport]) -> Iterable[str]:
    """Figures that do not fit those beside them."""
    titles = {report.venue: report.title for report in reports}
    venues = [
        VenueStatistics(r.venue, r.coins or 0.0, 0.0, usd=r.usd, volume_usd=r.volume_usd)
        for r in _live(reports)
    ]
    for odd in oddities(Statistics(coin, datetime.now(UTC), tuple(venues))):
        if odd.what is Odd.VOLUME:
            said = f"${_short(odd.told)} of open interest in {coin}, but ${_short(odd.beside)} traded in 24 h"
        else:
            said = f"a price of ${odd.told:,.6g} for {coin}, where the others say ${odd.beside:,.6g}"
        yield f"{titles[odd.venue]}, probably misread: {said}"


def heard(reports: Sequence[SourceReport], seconds: float) -> Iterable[str]:
    """How each feed of liquidations answered, and who has none."""
    feeds = [feed for report in reports for feed in report.feeds]
    if not feeds:
        return
    yield ""
    yield from _aligned([FEED_HEADS, *(_feed_row(feed, seconds) for feed in feeds)])
    yield from _paragraph(f"{feed.title} {feed.source}: {feed.why}" for feed in feeds if feed.why)
    yield from _paragraph(f"{r.title} tells no liquidations: {r.unheard}" for r in reports if r.unheard)


def _live(reports: Sequence[SourceReport]) -> Sequence[SourceReport]:
    return [r for r in reports if r.coins is not None and r.group is not Group.REPORT]


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _paragraph(lines: Iterable[str]) -> Iterable[str]:
    """The lines after an empty one, where there are any."""
    for n, line in enumerate(lines):
        if not n:
            yield ""
        yield line


def _short(usd: float) -> str:
    return f"{usd / 1e9:,.2f} B" if usd >= 1e9 else f"{usd / 1e6:,.2f} M"


def _feed_row(feed: FeedReport, seconds: float) -> tuple[str, ...]:
    verdict: str = feed.state
    if feed.state in (SourceState.WAITING, SourceState.FRESH):
        if feed.told:
            verdict = "accept"
        elif feed.why:
            verdict = SourceState.CHANGED
        else:
            verdict = "subscribed, calm" if feed.subscribed else f"silent for {seconds:g} s"
    return feed.title, feed.source, f"{feed.contracts:,}", f"{feed.told:,}", verdict


def _row(coin: Asset, report: SourceReport) -> tuple[str, ...]:
    return (
        report.title,
        "reachable" if report.reachable else "unreachable",
        f"{report.symbols:,}" if report.symbols else "–",
        f"{report.coins:,.0f} {coin}" if report.coins is not None else "–",
        f"${report.usd / 1e9:,.2f} B" if report.usd is not None else "–",
        _age(report.age),
        _verdict(report),
    )


def _age(age: timedelta | None) -> str:
    if age is None:
        return "–"
    return f"{age.total_seconds():.0f} s" if age < DAY else f"{age / DAY:.0f} days"


def _verdict(report: SourceReport) -> str:
    if report.state is not SourceState.FRESH:
        return report.state
    if report.coins is None:
        return "nothing told"
    if report.unmeasured:
        return f"{report.unmeasured} contracts of unknown size"
    if report.age is not None and report.age > OLD and report.group is not Group.REPORT:
        return "old"
    return "accept"
