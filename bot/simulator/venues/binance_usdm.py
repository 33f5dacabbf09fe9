"""Binance USD-M: open interest in coins, one symbol a call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bot.domain.market import Position
from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import PERIODS, Answer, Ask, Refused, Stream, View, WireFormat, millis, moment, text

BAD_SYMBOL = {"code": -1121, "msg": "Invalid symbol."}
ORDER_SIDE = {Position.LONG: "SELL", Position.SHORT: "BUY"}


def asked(view: View, symbol: str | None) -> Holding:
    """The holding of the symbol that was asked for, or Binance's refusal."""
    found = view.holding(symbol or "")
    if found is None:
        raise Refused(400, BAD_SYMBOL)
    return found


def _exchange_info(view: View, _: Ask) -> object:
    return {"timezone": "UTC", "serverTime": view.ms, "symbols": [_listed(h) for h in view.holdings]}


def _listed(holding: Holding) -> object:
    contract = holding.contract
    dated = contract.expiry is not None
    return {
        "symbol": contract.symbol,
        "pair": contract.symbol.partition("_")[0],
        "contractType": "CURRENT_QUARTER" if dated else "PERPETUAL",
        "deliveryDate": millis(contract.expiry) if contract.expiry else 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "baseAsset": contract.coin,
        "quoteAsset": "USDC" if contract.symbol.endswith("USDC") else "USDT",
        "marginAsset": "USDC" if contract.symbol.endswith("USDC") else "USDT",
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "pricePrecision": 2,
        "quantityPrecision": 3,
    }


def _open_interest(view: View, ask: Ask) -> object:
    holding = asked(view, ask.query.get("symbol"))
    return {
        "symbol": holding.contract.symbol,
        "openInterest": text(holding.counted, 3),
        "time": view.ms,
    }


def _premium_index(view: View, ask: Ask) -> object:
    rows = [premium(h, view.ms) for h in view.holdings]
    symbol = ask.query.get("symbol")
    return rows if symbol is None else premium(asked(view, symbol), view.ms)


def premium(holding: Holding, ms: int, **more: object) -> dict[str, object]:
    """One row of prices and funding, as both of Binance's books tell it."""
    perpetual = holding.contract.expiry is None
    price = text(holding.price_usd)
    return {
        "symbol": holding.contract.symbol,
        "markPrice": price,
        "indexPrice": price,
        "estimatedSettlePrice": price,
        "lastFundingRate": text(holding.funding_8h) if perpetual else "",
        "interestRate": "0.00010000" if perpetual else "",
        "nextFundingTime": (ms // 28_800_000 + 1) * 28_800_000 if perpetual else 0,
        "time": ms,
    } | more


def funding_info(view: View, _: Ask) -> object:
    """Only contracts whose terms were ever adjusted."""
    return [
        {
            "symbol": h.contract.symbol,
            "adjustedFundingRateCap": "0.02",
            "adjustedFundingRateFloor": "-0.02",
            "fundingIntervalHours": 8,
            "disclaimer": False,
        }
        for h in view.holdings[::8]
        if h.contract.expiry is None
    ]


def _ticker_24hr(view: View, _: Ask) -> object:
    return [
        {
            "symbol": h.contract.symbol,
            "lastPrice": text(h.price_usd, 2),
            "volume": text(h.volume_coins, 3),
            "quoteVolume": text(h.volume_coins * h.price_usd, 2),
            "openTime": view.ms - 86_400_000,
            "closeTime": view.ms,
            "count": 1,
        }
        for h in view.holdings
    ]


def _open_interest_hist(view: View, ask: Ask) -> object:
    contract = asked(view, ask.query.get("symbol")).contract
    since, until = moment(ask.query.get("startTime")), moment(ask.query.get("endTime"))
    limit = min(500, int(ask.query.get("limit", "30")))
    return [
        {
            "symbol": contract.symbol,
            "sumOpenInterest": text(holding.coins),
            "sumOpenInterestValue": text(holding.coins * holding.price_usd),
            "CMCCirculatingSupply": text(holding.supply_coins),
            "timestamp": ms,
        }
        for ms, holding in view.past(contract, PERIODS[ask.query["period"]], since, until, limit)
    ]


def _accounts(view: View, ask: Ask) -> object:
    holding = asked(view, ask.query.get("symbol"))
    ratio = holding.long_per_short
    return [
        {
            "symbol": holding.contract.symbol,
            "longShortRatio": text(ratio, 4),
            "longAccount": text(ratio / (1 + ratio), 4),
            "shortAccount": text(1 / (1 + ratio), 4),
            "timestamp": view.ms // 300_000 * 300_000,
        }
    ]


def force_order(event: Forced, amount: str, **more: object) -> dict[str, object]:
    """One liquidation as both of Binance's books tell it; ``S`` is the order that closed the position."""
    ms = millis(event.at)
    return {
        "e": "forceOrder",
        "E": ms + 9,
        "o": {
            "s": event.contract.symbol,
            "S": ORDER_SIDE[event.position],
            "o": "LIMIT",
            "f": "IOC",
            "q": amount,
            "p": text(event.price_usd, 2),
            "ap": text(event.price_usd, 6),
            "X": "FILLED",
            "l": amount,
            "z": amount,
            "T": ms,
        }
        | more,
    }


def hear_nothing(_: str, __: set[str]) -> Sequence[str]:
    """The path itself subscribes; what a client says gets no answer."""
    return ()


def _tell(events: Sequence[Forced], _: set[str]) -> Sequence[str]:
    return [json.dumps(force_order(event, text(event.counted, 6))) for event in events]


def _tell_combined(events: Sequence[Forced], _: set[str]) -> Sequence[str]:
    told = [force_order(event, text(event.counted, 6)) for event in events]
    return [json.dumps({"stream": "!forceOrder@arr", "data": data}) for data in told]


def _lists(coin: str) -> Sequence[Contract]:
    return [
        Contract("binance_usdm", coin, f"{coin}USDT", 0.8),
        Contract("binance_usdm", coin, f"{coin}USDC", 0.2),
    ]


FIGURES: Mapping[str, Answer] = {
    "/fapi/v1/exchangeInfo": _exchange_info,
    "/fapi/v1/fundingInfo": funding_info,
    "/fapi/v1/openInterest": _open_interest,
    "/fapi/v1/premiumIndex": _premium_index,
    "/fapi/v1/ticker/24hr": _ticker_24hr,
}
FORCED = Stream(hear_nothing, _tell)
FORMAT = WireFormat(
    {
        **FIGURES,
        "/futures/data/openInterestHist": _open_interest_hist,
        "/futures/data/globalLongShortAccountRatio": _accounts,
    },
    {"/market/ws/!forceOrder@arr": FORCED, "/market/stream": Stream(hear_nothing, _tell_combined)},
    _lists,
)
