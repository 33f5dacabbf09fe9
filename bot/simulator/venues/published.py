"""Dated figures of institutions, in the small format of ``bot.exchanges.published``."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.simulator.wire import Ask, View, WireFormat


def _reports(view: View, _: Ask) -> object:
    return {
        "reports": [
            {
                "venue": report.venue,
                "asset": report.coin,
                "open_interest_coins": f"{report.coins:g}",
                "previous_coins": f"{report.previous_coins:g}",
                "as_of": _time(report.as_of),
                "holds_until": _time(report.holds_until) if report.holds_until else None,
                "preliminary": report.preliminary,
            }
            for report in view.scenario.reports(view.now)
        ]
    }


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


FORMAT = WireFormat({"/reports.json": _reports})
