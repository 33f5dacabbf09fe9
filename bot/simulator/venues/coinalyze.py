"""Coinalyze: markets by code, their open interest in coins. The venue's part is invented."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.simulator.wire import Ask, View, WireFormat

DAY_S = 86_400
ELSEWHERE = 0.01
"""What the venue that is told again holds, as a share of all others."""


def _markets(view: View, _: Ask) -> object:
    return [
        {
            "symbol": f"{coin}USDT_PERP.{code}",
            "exchange": code,
            "base_asset": coin,
            "quote_asset": "USDT",
            "is_perpetual": True,
            "oi_lq_vol_denominated_in": "BASE_ASSET",
        }
        for coin in view.scenario.script.coins
        for code in ("A", "W")
    ]


def _values(view: View, ask: Ask) -> object:
    market = view.scenario.at(view.now)
    return [
        {"symbol": symbol, "value": market.coins(symbol.split("USDT")[0]) * ELSEWHERE, "update": view.ms}
        for symbol in ask.query["symbols"].split(",")
    ]


def _history(view: View, ask: Ask) -> object:
    """A candle a day, of the days that were asked for."""
    since, until = (int(ask.query[name]) // DAY_S for name in ("from", "to"))

    def candle(symbol: str, day: int) -> object:
        coins = view.scenario.at(datetime.fromtimestamp(day * DAY_S, UTC)).coins(symbol.split("USDT")[0])
        return {"t": day * DAY_S, "o": 1, "h": 1, "l": 1, "c": coins * ELSEWHERE}

    return [
        {"symbol": symbol, "history": [candle(symbol, day) for day in range(since + 1, until + 1)]}
        for symbol in ask.query["symbols"].split(",")
    ]


FORMAT = WireFormat(
    {"/future-markets": _markets, "/open-interest": _values, "/open-interest-history": _history}
)
