"""WhiteBIT: one call gives every perpetual's figures, another says which of them are coins."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, View, WireFormat, text


def _markets(view: View, _: Ask) -> object:
    return [
        {
            "name": h.contract.symbol,
            "stock": h.contract.coin,
            "money": "USDT",
            "stockPrec": "3",
            "moneyPrec": "1",
            "stepSize": "0.001",
            "tickSize": "0.1",
            "makerFee": "0.01",
            "takerFee": "0.055",
            "tradesEnabled": True,
            "isCollateral": True,
            "isTradFiFutures": False,
            "type": "futures",
            "delistedAt": None,
        }
        for h in view.holdings
    ]


def _futures(view: View, _: Ask) -> object:
    return {"success": True, "message": None, "result": [_future(h, view.ms) for h in view.holdings]}


def _future(holding: Holding, ms: int) -> object:
    price = text(holding.price_usd)
    return {
        "ticker_id": holding.contract.symbol,
        "stock_currency": holding.contract.coin,
        "money_currency": "USDT",
        "last_price": price,
        "stock_volume": text(holding.volume_coins, 4),
        "money_volume": text(holding.volume_coins * holding.price_usd, 4),
        "bid": price,
        "ask": price,
        "high": price,
        "low": price,
        "product_type": "Perpetual",
        "open_interest": text(holding.coins, 4),
        "mark_price": price,
        "index_price": price,
        "index_name": holding.contract.coin,
        "index_currency": holding.contract.coin,
        "funding_rate": text(holding.funding_8h, 18),
        "next_funding_rate_timestamp": str((ms // 28_800_000 + 1) * 28_800_000),
        "funding_interval_minutes": 480,
        "max_leverage": 100,
    }


def _lists(coin: str) -> Sequence[Contract]:
    return [Contract("whitebit", coin, f"{coin}_PERP", 1.0)]


FORMAT = WireFormat({"/api/v4/public/markets": _markets, "/api/v4/public/futures": _futures}, lists=_lists)
