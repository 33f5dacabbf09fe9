"""Crypto.com Exchange: one call gives every contract's amount; marks and funding are one contract a call."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, Refused, View, WireFormat, millis, text

PATH = "/exchange/v1/public"


def _envelope(method: str, result: object) -> object:
    return {"id": -1, "method": f"public/{method}", "code": 0, "result": result}


def _instruments(view: View, _: Ask) -> object:
    return _envelope("get-instruments", {"data": [_listed(h.contract) for h in view.holdings]})


def _listed(contract: Contract) -> object:
    return {
        "symbol": contract.symbol,
        "inst_type": "FUTURE" if contract.expiry else "PERPETUAL_SWAP",
        "display_name": f"{contract.coin}USD Perpetual",
        "base_ccy": contract.coin,
        "quote_ccy": "USD",
        "quote_decimals": 2,
        "quantity_decimals": 4,
        "price_tick_size": "0.1",
        "qty_tick_size": "0.0001",
        "max_leverage": "50",
        "tradable": True,
        "expiry_timestamp_ms": millis(contract.expiry) if contract.expiry else 0,
        "underlying_symbol": f"{contract.coin}USD-INDEX",
        "product_type": "DIGITAL_CURRENCIES",
    }


def _tickers(view: View, _: Ask) -> object:
    return _envelope("get-tickers", {"data": [_ticker(h, view.ms) for h in view.holdings]})


def _ticker(holding: Holding, ms: int) -> object:
    price = text(holding.price_usd)
    return {
        "i": holding.contract.symbol,
        "h": price,
        "l": price,
        "a": price,
        "v": text(holding.volume_coins, 4),
        "vv": text(holding.volume_coins * holding.price_usd, 2),
        "c": "0",
        "b": price,
        "k": price,
        "oi": text(holding.coins, 4),
        "t": ms,
    }


def _valuations(view: View, ask: Ask) -> object:
    holding = view.holding(ask.query["instrument_name"])
    if holding is None:
        raise Refused(400, {"id": -1, "method": "public/get-valuations", "code": 40004, "message": "Unknown"})
    told = {"mark_price": text(holding.price_usd), "funding_rate": text(holding.funding_8h / 8, 12)}
    data = [{"v": told[ask.query["valuation_type"]], "t": view.ms}]
    return _envelope("get-valuations", {"data": data, "instrument_name": holding.contract.symbol})


def _lists(coin: str) -> Sequence[Contract]:
    return [Contract("cryptocom", coin, f"{coin}USD-PERP", 1.0)]


FORMAT = WireFormat(
    {
        f"{PATH}/get-instruments": _instruments,
        f"{PATH}/get-tickers": _tickers,
        f"{PATH}/get-valuations": _valuations,
    },
    lists=_lists,
)
