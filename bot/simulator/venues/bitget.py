"""Bitget: every symbol of a product in one call, in base coins also where margined in coins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, View, WireFormat, millis, text

EXPIRY = datetime(2025, 12, 26, 8, tzinfo=UTC)


def _envelope(view: View, rows: object) -> object:
    return {"code": "00000", "msg": "success", "requestTime": view.ms, "data": rows}


def _product(contract: Contract) -> str:
    if contract.inverse:
        return "COIN-FUTURES"
    return "USDC-FUTURES" if contract.symbol.endswith("PERP") else "USDT-FUTURES"


def _quote(contract: Contract) -> str:
    return {"COIN-FUTURES": "USD", "USDC-FUTURES": "USDC", "USDT-FUTURES": "USDT"}[_product(contract)]


def _asked(view: View, ask: Ask) -> Sequence[Holding]:
    wanted = ask.query.get("productType") or ask.query["category"]
    return [h for h in view.holdings if _product(h.contract) == wanted]


def _contracts(view: View, ask: Ask) -> object:
    return _envelope(view, [_listed(h.contract) for h in _asked(view, ask)])


def _listed(contract: Contract) -> object:
    return {
        "symbol": contract.symbol,
        "baseCoin": contract.coin,
        "quoteCoin": _quote(contract),
        "supportMarginCoins": [contract.coin if contract.inverse else _quote(contract)],
        "minTradeNum": "0.001",
        "sizeMultiplier": "0.001",
        "symbolType": "delivery" if contract.expiry else "perpetual",
        "symbolStatus": "normal",
        "offTime": "-1",
        "deliveryTime": str(millis(contract.expiry)) if contract.expiry else "",
        "fundInterval": "8",
        "isRwa": "NO",
    }


def _tickers(view: View, ask: Ask) -> object:
    rows = [_ticker(h, view.ms, "holdingAmount", "baseVolume") for h in _asked(view, ask)]
    return _envelope(view, rows)


def _new_tickers(view: View, ask: Ask) -> object:
    rows = [_ticker(h, view.ms, "openInterest", "volume24h") for h in _asked(view, ask)]
    return _envelope(view, rows)


def _ticker(holding: Holding, ms: int, held: str, traded: str) -> object:
    return {
        "symbol": holding.contract.symbol,
        "ts": str(ms),
        "markPrice": text(holding.price_usd),
        "indexPrice": text(holding.price_usd),
        "fundingRate": text(holding.funding_8h, 10),
        held: text(holding.coins),
        traded: text(holding.volume_coins),
        "deliveryStatus": "delivery_normal" if holding.contract.expiry else "",
    }


def _current_fund_rate(view: View, ask: Ask) -> object:
    rows = [
        {
            "symbol": h.contract.symbol,
            "fundingRate": text(h.funding_8h, 10),
            "fundingRateInterval": "8",
            "nextUpdate": str((view.ms // 28_800_000 + 1) * 28_800_000),
            "minFundingRate": "-0.003",
            "maxFundingRate": "0.003",
        }
        for h in _asked(view, ask)
        if h.contract.expiry is None
    ]
    return _envelope(view, rows)


def _accounts(view: View, ask: Ask) -> object:
    """The contract is not named in the rows."""
    holding = view.holding(ask.query.get("symbol", ""))
    if holding is None:
        return {"code": "40034", "msg": "Parameter does not exist", "requestTime": view.ms, "data": None}
    ratio = holding.long_per_short
    row = {"longAccountRatio": text(ratio / (1 + ratio), 4), "shortAccountRatio": text(1 / (1 + ratio), 4)}
    row |= {"longShortAccountRatio": text(ratio, 4), "ts": str(view.ms // 300_000 * 300_000)}
    return _envelope(view, [row])


def _lists(coin: str) -> Sequence[Contract]:
    return (
        Contract("bitget", coin, f"{coin}USDT", 0.88),
        Contract("bitget", coin, f"{coin}PERP", 0.04),
        Contract("bitget", coin, f"{coin}USD", 0.06, inverse=True),
        Contract("bitget", coin, f"{coin}USDZ25", 0.02, inverse=True, expiry=EXPIRY, basis=0.006),
    )


FORMAT = WireFormat(
    {
        "/api/v2/mix/market/contracts": _contracts,
        "/api/v2/mix/market/tickers": _tickers,
        "/api/v2/mix/market/current-fund-rate": _current_fund_rate,
        "/api/v2/mix/market/account-long-short": _accounts,
        "/api/v3/market/tickers": _new_tickers,
    },
    lists=_lists,
)
