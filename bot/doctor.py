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
from bot.errors import SourceUnreachable
from bot.exchanges import EXCHANGES
from bot.feeds.doctor import SourceReport, ask_once
from bot.stage import keyed

HEADS = ("venue", "state", "symbols", "open interest", "dollars", "age", "verdict")
OLD = timedelta(minutes=5)
DAY = timedelta(days=1)


async def doctor(settings: Settings, asset: str) -> int:
    """Prints a table; 0 when at least one venue answered. Raises ``SourceUnreachable`` when none did."""
    coin = parse_asset(asset)[0]
    reports = await asyncio.gather(
        *(
            ask_once(
                keyed(EXCHANGES[venue.venue], venue),
                asset=coin,
                clock=lambda: datetime.now(UTC),
                watched=settings.assets,
                base_url=venue.base_url,
            )
            for venue in settings.venues
        )
    )
    sys.stdout.writelines(f"{line}\n" for line in table(coin, reports))
    if not any(report.reachable for report in reports):
        raise SourceUnreachable(
            "no venue could be reached: this machine seems to have no way to the internet "
            "(check the network, a proxy or a firewall, then run doctor again)"
        )
    return 0


def table(coin: Asset, reports: Sequence[SourceReport]) -> Iterable[str]:
    """The reports as aligned text, then what each failure means, then the sum of live venues."""
    rows = [HEADS, *(_row(coin, report) for report in reports)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    faults = [r for r in reports if r.why]
    if faults:
        yield ""
    for report in faults:
        yield f"{report.title}: {report.why}"
    doubts = [f"{r.title}, in doubt: {doubt}" for r in reports if r.reachable for doubt in r.doubts]
    if doubts:
        yield ""
        yield from doubts
    live = [r for r in reports if r.coins is not None and r.group is not Group.REPORT]
    if live:
        coins = sum(r.coins or 0.0 for r in live)
        yield ""
        yield f"{len(live)} of {len(reports)} venues told {coins:,.0f} {coin} of open interest."


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
