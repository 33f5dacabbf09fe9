"""BingX: open interest one symbol a question, in dollars of linear contracts and in coins of inverse ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Answer, Ask, View, WireFormat, text

NO_TIME = {"code": 100421, "msg": "Null timestamp or timestamp mismatch"}
NOT_LISTED = {"code": 109425, "msg": "the symbol does not exist, please verify it", "data": {}}


def _rows(inverse: bool, row: Callable[[Holding, int], object], view: View, ask: Ask) -> object:
    """All contracts of a kind, or the one asked for: inverse ones in a list, and never without a time."""
    if inverse and "timestamp" not in ask.query:
        return NO_TIME
    held = [h for h in view.holdings if h.contract.inverse is inverse]
    name = ask.query.get("symbol")
    if name is None:
        return _envelope(view, [row(h, view.ms) for h in held])
    found = [row(h, view.ms) for h in held if h.contract.symbol == name]
    if not found:
        return NOT_LISTED
    return _envelope(view, found if inverse else found[0])


def _envelope(view: View, data: object) -> object:
    return {"code": 0, "msg": "", "timestamp": view.ms, "data": data}


def _listed(holding: Holding, _: int) -> object:
    contract = holding.contract
    if contract.inverse:
        return {
            "symbol": contract.symbol,
            "pricePrecision": 2,
            "minTickSize": f"{contract.size:g}",
            "minTradeValue": f"{contract.size:g}",
            "minQty": "1.00000000",
            "status": 1,
            "timeOnline": 1_713_175_200_000,
        }
    return {
        "contractId": "100",
        "symbol": contract.symbol,
        "size": "0.0001",
        "currency": "USDT",
        "asset": contract.coin,
        "status": 1,
        "apiStateOpen": "true",
        "apiStateClose": "true",
    }


def _linear_interest(holding: Holding, ms: int) -> object:
    usd = holding.coins * holding.price_usd
    return {"openInterest": text(usd, 2), "symbol": holding.contract.symbol, "time": ms}


def _inverse_interest(holding: Holding, ms: int) -> object:
    return {"symbol": holding.contract.symbol, "openInterest": text(holding.coins, 4), "timestamp": ms}


def _premium(holding: Holding, ms: int) -> object:
    row: dict[str, object] = {
        "symbol": holding.contract.symbol,
        "markPrice": text(holding.price_usd),
        "indexPrice": text(holding.price_usd),
        "lastFundingRate": text(holding.funding_8h),
        "nextFundingTime": (ms // 28_800_000 + 1) * 28_800_000,
    }
    if not holding.contract.inverse:
        row |= {"fundingIntervalHours": 8, "updateTime": ms // 28_800_000 * 28_800_000}
    return row


def _day(holding: Holding, ms: int) -> object:
    contract, usd = holding.contract, holding.volume_coins * holding.price_usd
    return {
        "symbol": contract.symbol,
        "lastPrice": text(holding.price_usd),
        "volume": text(usd / contract.size if contract.inverse else holding.volume_coins, 4),
        "quoteVolume": text(holding.volume_coins if contract.inverse else usd, 4),
        "closeTime": str(ms) if contract.inverse else ms,
    }


def _answers(path: str, inverse: bool, interest: Callable[[Holding, int], object]) -> dict[str, Answer]:
    rows = {"contracts": _listed, "openInterest": interest, "premiumIndex": _premium, "ticker": _day}
    return {f"{path}/{name}": partial(_rows, inverse, row) for name, row in rows.items()}


def _lists(coin: str) -> Sequence[Contract]:
    return (
        Contract("bingx", coin, f"{coin}-USDT", 0.97),
        Contract("bingx", coin, f"{coin}-USD", 0.03, inverse=True, size=100.0 if coin == "BTC" else 10.0),
    )


FORMAT = WireFormat(
    {
        **_answers("/openApi/swap/v2/quote", False, _linear_interest),
        **_answers("/openApi/cswap/v1/market", True, _inverse_interest),
    },
    lists=_lists,
)
