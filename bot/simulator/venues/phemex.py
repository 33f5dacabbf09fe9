"""Phemex: linear contracts in coins and decimals, inverse ones in contracts and scaled whole numbers."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, View, WireFormat, text


def _products(view: View, _: Ask) -> object:
    listed = [h.contract for h in view.holdings]
    data = {
        "currencies": [],
        "products": [_inverse_product(c) for c in listed if c.inverse],
        "perpProductsV2": [_linear_product(c) for c in listed if not c.inverse],
    }
    return {"code": 0, "msg": "", "data": data}


def _inverse_product(contract: Contract) -> object:
    return {
        "symbol": contract.symbol,
        "type": "Perpetual",
        "contractUnderlyingAssets": "USD",
        "settleCurrency": contract.coin,
        "quoteCurrency": "USD",
        "contractSize": contract.size,
        "lotSize": 1,
        "tickSize": 0.1,
        "priceScale": 4,
        "ratioScale": 8,
        "status": "Listed",
        "fundingInterval": 28_800,
    }


def _linear_product(contract: Contract) -> object:
    return {
        "symbol": contract.symbol,
        "type": "PerpetualV2",
        "baseCurrency": contract.coin,
        "settleCurrency": "USDT",
        "quoteCurrency": "USDT",
        "contractSize": 1,
        "lotSize": 0,
        "tickSize": "0.1",
        "priceScale": 0,
        "ratioScale": 0,
        "status": "Listed",
        "fundingInterval": 28_800,
    }


def _page(rows: Sequence[object]) -> object:
    return {"error": None, "id": 0, "result": rows}


def _linear(view: View, _: Ask) -> object:
    return _page([_linear_row(h, view.ms) for h in view.holdings if not h.contract.inverse])


def _linear_row(holding: Holding, ms: int) -> object:
    price = text(holding.price_usd)
    return {
        "closeRp": price,
        "fundingRateRr": text(holding.funding_8h, 10),
        "highRp": price,
        "indexPriceRp": price,
        "lowRp": price,
        "markPriceRp": price,
        "openInterestRv": text(holding.coins, 4),
        "openRp": price,
        "predFundingRateRr": text(holding.funding_8h, 10),
        "symbol": holding.contract.symbol,
        "timestamp": ms * 1_000_000,
        "turnoverRv": text(holding.volume_coins * holding.price_usd, 4),
        "volumeRq": text(holding.volume_coins, 4),
    }


def _inverse(view: View, _: Ask) -> object:
    return _page([_inverse_row(h, view.ms) for h in view.holdings if h.contract.inverse])


def _inverse_row(holding: Holding, ms: int) -> object:
    price = round(holding.price_usd * 10_000)
    return {
        "askEp": price,
        "bidEp": price,
        "fundingRateEr": round(holding.funding_8h * 10**8),
        "highEp": price,
        "indexEp": price,
        "lastEp": price,
        "lowEp": price,
        "markEp": price,
        "openEp": price,
        "openInterest": round(holding.counted),
        "predFundingRateEr": round(holding.funding_8h * 10**8),
        "symbol": holding.contract.symbol,
        "timestamp": ms * 1_000_000,
        "turnoverEv": round(holding.volume_coins * 10**8),
        "volume": round(holding.volume_coins * holding.price_usd / holding.contract.size),
    }


def _lists(coin: str) -> Sequence[Contract]:
    return [
        Contract("phemex", coin, f"{coin}USDT", 0.9),
        Contract("phemex", coin, f"{coin}USD", 0.1, inverse=True),
    ]


FORMAT = WireFormat(
    {
        "/public/products": _products,
        "/md/v2/ticker/24hr/all": _linear,
        "/v1/md/ticker/24hr/all": _inverse,
    },
    lists=_lists,
)
