"""The CFTC's Traders in Financial Futures, futures only, as Socrata serves it. Who holds what is invented."""

from __future__ import annotations

from bot.simulator.scenario import FiledReport
from bot.simulator.wire import Ask, View, WireFormat

MARKETS = {
    ("cme", "BTC"): ("133741", "BITCOIN - CHICAGO MERCANTILE EXCHANGE", "(5 Bitcoins)", 5.0),
    ("cme", "ETH"): ("146021", "ETHER CASH SETTLED - CHICAGO MERCANTILE EXCHANGE", "(50 Index Points)", 50.0),
}
SHARES = {
    "dealer_positions_long_all": 0.05,
    "dealer_positions_short_all": 0.15,
    "asset_mgr_positions_long": 0.45,
    "asset_mgr_positions_short": 0.05,
    "lev_money_positions_long": 0.15,
    "lev_money_positions_short": 0.6,
    "other_rept_positions_long": 0.1,
    "other_rept_positions_short": 0.05,
}
"""Of open interest."""


def _rows(view: View, _: Ask) -> object:
    return [_row(r) for r in view.scenario.reports(view.now, "cftc") if (r.venue, r.coin) in MARKETS]


def _row(report: FiledReport) -> dict[str, str]:
    code, name, units, size = MARKETS[report.venue, report.coin]
    contracts = round(report.coins / size)
    return {
        "market_and_exchange_names": name,
        "cftc_contract_market_code": code,
        "report_date_as_yyyy_mm_dd": f"{report.as_of:%Y-%m-%d}T00:00:00.000",
        "contract_units": units,
        "futonly_or_combined": "FutOnly",
        "open_interest_all": str(contracts),
        "change_in_open_interest_all": str(contracts - round(report.previous_coins / size)),
        **{column: str(round(share * contracts)) for column, share in SHARES.items()},
    }


FORMAT = WireFormat({"/resource/gpe5-46if.json": _rows})
