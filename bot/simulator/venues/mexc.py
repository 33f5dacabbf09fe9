"""MEXC futures: one call for all contracts, in contracts; funding with its interval apart."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, View, WireFormat


def _envelope(rows: Sequence[object]) -> object:
    return {"success": True, "code": 0, "data": rows}


def _detail(view: View, _: Ask) -> object:
    return _envelope([_listed(h.contract) for h in view.holdings])


def _listed(contract: Contract) -> object:
    return {
        "symbol": contract.symbol,
        "displayNameEn": f"{contract.symbol} PERPETUAL",
        "positionOpenType": 3,
        "baseCoin": contract.coin,
        "baseCoinName": contract.coin,
        "quoteCoin": "USD" if contract.inverse else "USDT",
        "settleCoin": contract.coin if contract.inverse else "USDT",
        "futureType": 1,
        "contractSize": contract.size,
        "state": 0,
        "isHidden": False,
        "conceptPlate": ["mc-trade-zone-mainly"],
        "preMarket": False,
        "type": 1,
    }


def _tickers(view: View, _: Ask) -> object:
    return _envelope([_ticker(h, view.ms) for h in view.holdings])


def _ticker(holding: Holding, ms: int) -> object:
    contract, price = holding.contract, holding.price_usd
    traded = holding.volume_coins * (price if contract.inverse else 1)
    return {
        "symbol": contract.symbol,
        "lastPrice": round(price, 8),
        "volume24": round(traded / contract.size),
        "amount24": round(holding.volume_coins * (1 if contract.inverse else price), 4),
        "holdVol": round(holding.counted),
        "indexPrice": round(price, 8),
        "fairPrice": round(price, 8),
        "fundingRate": round(holding.funding_8h, 8),
        "timestamp": ms,
    }


def _funding(view: View, _: Ask) -> object:
    return _envelope(
        [
            {
                "symbol": h.contract.symbol,
                "fundingRate": round(h.funding_8h / 2, 10),
                "maxFundingRate": 0.0018,
                "minFundingRate": -0.0018,
                "collectCycle": 4,
                "nextSettleTime": (view.ms // 14_400_000 + 1) * 14_400_000,
                "timestamp": view.ms,
            }
            for h in view.holdings
        ]
    )


def _lists(coin: str) -> Sequence[Contract]:
    return (
        Contract("mexc", coin, f"{coin}_USDT", 0.95, size=0.0001 if coin in ("BTC", "ETH") else 0.1),
        Contract("mexc", coin, f"{coin}_USD", 0.05, inverse=True, size=100.0 if coin == "BTC" else 10.0),
    )


FORMAT = WireFormat(
    {
        "/api/v1/contract/detail": _detail,
        "/api/v1/contract/ticker": _tickers,
        "/api/v1/contract/funding_rate": _funding,
    },
    lists=_lists,
)
