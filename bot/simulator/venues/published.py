"""Dated figures of institutions, in the small format of ``bot.exchanges.published``."""

from __future__ import annotations

from bot.simulator.wire import Ask, View, WireFormat


def _reports(view: View, _: Ask) -> object:
    return {
        "reports": [
            {
                "venue": report.venue,
                "asset": report.coin,
                "open_interest_coins": f"{report.coins:g}",
                "previous_coins": f"{report.previous_coins:g}",
                "as_of": f"{report.as_of:%Y-%m-%dT%H:%M:%SZ}",
            }
            for report in view.scenario.reports(view.now)
        ]
    }


FORMAT = WireFormat({"/reports.json": _reports})
