"""Binance COIN-M: open interest in contracts of 100 dollars (BTC) or 10 (other coins), one symbol a call."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract
from bot.simulator.venues.binance_usdm import (
    BAD_SYMBOL,
    asked,
    force_order,
    funding_info,
    hear_nothing,
    premium,
)
from bot.simulator.wire import (
    PERIODS,
    Ask,
    Refused,
    Stream,
    View,
    WireFormat,
    millis,
    moment,
    text,
    whole,
)


def _pair(contract: Contract) -> str:
    return contract.symbol.partition("_")[0]


def _type(contract: Contract) -> str:
    return "PERPETUAL" if contract.expiry is None else "CURRENT_QUARTER"


def _exchange_info(view: View, _: Ask) -> object:
    return {"timezone": "UTC", "serverTime": view.ms, "symbols": [_listed(h.contract) for h in view.holdings]}


def _listed(contract: Contract) -> object:
    return {
        "symbol": contract.symbol,
        "pair": _pair(contract),
        "contractType": _type(contract),
        "deliveryDate": millis(contract.expiry) if contract.expiry else 4_133_404_800_000,
        "onboardDate": 1_597_042_800_000,
        "contractStatus": "TRADING",
        "contractSize": int(contract.size),
        "marginAsset": contract.coin,
        "baseAsset": contract.coin,
        "quoteAsset": "USD",
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "pricePrecision": 1,
        "quantityPrecision": 0,
    }


def _open_interest(view: View, ask: Ask) -> object:
    holding = asked(view, ask.query.get("symbol"))
    return {
        "symbol": holding.contract.symbol,
        "pair": _pair(holding.contract),
        "openInterest": whole(holding.counted),
        "contractType": _type(holding.contract),
        "time": view.ms,
    }


def _premium_index(view: View, _: Ask) -> object:
    return [premium(h, view.ms, pair=_pair(h.contract)) for h in view.holdings]


def _ticker_24hr(view: View, _: Ask) -> object:
    return [
        {
            "symbol": h.contract.symbol,
            "pair": _pair(h.contract),
            "lastPrice": text(h.price_usd, 1),
            "volume": whole(h.volume_coins * h.price_usd / h.contract.size),
            "baseVolume": text(h.volume_coins),
            "openTime": view.ms - 86_400_000,
            "closeTime": view.ms,
            "count": 1,
        }
        for h in view.holdings
    ]


def _open_interest_hist(view: View, ask: Ask) -> object:
    """``sumOpenInterest`` is contracts, ``sumOpenInterestValue`` is coins here."""
    wanted = (ask.query.get("pair"), ask.query.get("contractType"))
    contract = next((c for c in view.scenario.listed(view.venue) if (_pair(c), _type(c)) == wanted), None)
    if contract is None:
        raise Refused(400, BAD_SYMBOL)
    since, until = moment(ask.query.get("startTime")), moment(ask.query.get("endTime"))
    limit = min(500, int(ask.query.get("limit", "30")))
    return [
        {
            "pair": _pair(contract),
            "contractType": _type(contract),
            "sumOpenInterest": text(round(holding.counted)),
            "sumOpenInterestValue": text(holding.coins),
            "timestamp": ms,
        }
        for ms, holding in view.past(contract, PERIODS[ask.query["period"]], since, until, limit)
    ]


def _tell(events: Sequence[Forced], _: set[str]) -> Sequence[str]:
    return [json.dumps(force_order(e, whole(e.counted), ps=_pair(e.contract))) for e in events]


def _lists(coin: str) -> Sequence[Contract]:
    size = 100 if coin == "BTC" else 10
    return [Contract("binance_coinm", coin, f"{coin}USD_PERP", 1.0, size, inverse=True)]


FORMAT = WireFormat(
    {
        "/dapi/v1/exchangeInfo": _exchange_info,
        "/dapi/v1/fundingInfo": funding_info,
        "/dapi/v1/openInterest": _open_interest,
        "/dapi/v1/premiumIndex": _premium_index,
        "/dapi/v1/ticker/24hr": _ticker_24hr,
        "/futures/data/openInterestHist": _open_interest_hist,
    },
    {"/ws/!forceOrder@arr": Stream(hear_nothing, _tell)},
    _lists,
)
