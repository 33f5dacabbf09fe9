"""CoinGlass v4: every venue's open interest, told again. One venue in it is invented."""

from __future__ import annotations

from datetime import timedelta

from bot.simulator.wire import Ask, Refused, View, WireFormat, millis

DAY = timedelta(days=1)

ELSEWHERE = 0.01
"""What the invented venue holds, as a share of all others."""


def _coins(view: View, _: Ask) -> object:
    return {"code": "0", "data": list(view.scenario.script.coins)}


def _exchanges(view: View, ask: Ask) -> object:
    coin = ask.query["symbol"]
    if coin not in view.scenario.script.coins:
        raise Refused(200, {"code": "400", "msg": "symbol not supported"})
    held = view.scenario.at(view.now).coins(coin)
    reports = {r.venue.upper(): r.coins for r in view.scenario.reports(view.now) if r.coin == coin}
    told = {"All": held + sum(reports.values()), "Binance": held, "Bitunix": held * ELSEWHERE, **reports}
    rows = [{"exchange": who, "symbol": coin, "open_interest_quantity": c} for who, c in told.items()]
    return {"code": "0", "msg": "success", "data": rows}


def _chart(view: View, ask: Ask) -> object:
    """The last ten days, one figure a day."""
    coin = ask.query["symbol"]
    days = [view.now - n * DAY for n in range(10, 0, -1)]
    held = [view.scenario.at(day).coins(coin) for day in days]
    told = {"All": held, "Binance": held, "Bitunix": [each * ELSEWHERE for each in held]}
    return {"code": "0", "data": {"time_list": [millis(day) for day in days], "data_map": told}}


FORMAT = WireFormat(
    {
        "/api/futures/supported-coins": _coins,
        "/api/futures/open-interest/exchange-list": _exchanges,
        "/api/futures/open-interest/exchange-history-chart": _chart,
    }
)
