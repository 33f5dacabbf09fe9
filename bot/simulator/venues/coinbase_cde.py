"""Coinbase Derivatives: one call gives all futures, in contracts whose size stands in the row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, View, WireFormat, text, whole

FAR_EXPIRY = "2030-12-20T16:00:00Z"
"""Perpetual-style contracts carry an expiry years away and a funding interval."""


def _products(view: View, _: Ask) -> object:
    rows = [_product(h, view.stamp) for h in view.holdings]
    return {"products": rows, "num_products": len(rows), "pagination": None}


def _product(holding: Holding, stamp: datetime) -> object:
    contract = holding.contract
    price = text(holding.price_usd, 6)
    return {
        "product_id": contract.symbol,
        "price": price,
        "volume_24h": whole(holding.volume_coins / contract.size),
        "approximate_quote_24h_volume": text(holding.volume_coins * holding.price_usd, 2),
        "product_type": "FUTURE",
        "product_venue": "FCM",
        "quote_currency_id": "USD",
        "base_currency_id": "",
        "display_name": f"{contract.coin} PERP" if contract.expiry is None else contract.symbol,
        "status": "",
        "is_disabled": False,
        "trading_disabled": False,
        "view_only": False,
        "mid_market_price": price,
        "fcm_trading_session_details": {
            "is_session_open": True,
            "session_state": "FCM_TRADING_SESSION_STATE_OPEN",
            "maintenance": None,
        },
        "future_product_details": _details(contract, holding, f"{stamp:%Y-%m-%dT%H}:00:00Z"),
    }


def _details(contract: Contract, holding: Holding, hour: str) -> object:
    perpetual = contract.expiry is None
    contracts = whole(holding.counted)
    funding = text(holding.funding_8h / 8, 9) if perpetual else ""
    return {
        "venue": "cde",
        "contract_code": contract.symbol.split("-")[0],
        "contract_expiry": f"{contract.expiry:%Y-%m-%dT%H:%M:%SZ}" if contract.expiry else FAR_EXPIRY,
        "contract_expiry_type": "EXPIRING",
        "contract_size": f"{contract.size:g}",
        "contract_root_unit": contract.coin,
        "contract_display_name": f"{contract.coin} PERP" if perpetual else contract.symbol,
        "group_description": f"nano {contract.coin} {'Perp ' if perpetual else ''}Futures",
        "group_short_description": f"nano {contract.coin}{' Perp' if perpetual else ''}",
        "display_name": f"{contract.coin} Perpetual" if perpetual else f"{contract.coin} Futures",
        "non_crypto": False,
        "twenty_four_by_seven": True,
        "futures_asset_type": "FUTURES_ASSET_TYPE_CRYPTO",
        "open_interest": contracts,
        "index_price": text(holding.price_usd, 6) if perpetual else "",
        "settlement_price": text(holding.price_usd, 0),
        "funding_interval": "3600s" if perpetual else None,
        "funding_rate": funding,
        "funding_time": hour if perpetual else None,
        "perpetual_details": {"open_interest": contracts, "funding_rate": "", "funding_time": None},
    }


def _lists(coin: str) -> Sequence[Contract]:
    return [Contract("coinbase_cde", coin, f"{coin}P-20DEC30-CDE", 1.0, 0.01 if coin == "BTC" else 1)]


FORMAT = WireFormat({"/api/v3/brokerage/market/products": _products}, lists=_lists)
