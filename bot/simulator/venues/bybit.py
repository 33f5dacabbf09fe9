"""Bybit: every symbol of a category in one call; inverse contracts count dollars, linear ones coins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from bot.domain.market import Position
from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import PERIODS, Ask, Stream, View, WireFormat, millis, moment, text, whole

# Bybit names the side of the position: "Buy" is a long that was liquidated.
POSITION_SIDE = {Position.LONG: "Buy", Position.SHORT: "Sell"}


def _envelope(view: View, result: object) -> object:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": view.ms}


def _category(view: View, ask: Ask) -> Sequence[Holding]:
    inverse = ask.query.get("category") == "inverse"
    return [h for h in view.holdings if h.contract.inverse is inverse]


def _instruments(view: View, ask: Ask) -> object:
    rows = [_listed(h) for h in _category(view, ask)]
    return _envelope(view, {"category": ask.query.get("category"), "list": rows, "nextPageCursor": ""})


def _listed(holding: Holding) -> object:
    contract = holding.contract
    kind = "Inverse" if contract.inverse else "Linear"
    return {
        "symbol": contract.symbol,
        "contractType": f"{kind}Futures" if contract.expiry else f"{kind}Perpetual",
        "status": "Trading",
        "baseCoin": contract.coin,
        "quoteCoin": "USD" if contract.inverse else "USDT",
        "settleCoin": contract.coin if contract.inverse else "USDT",
        "launchTime": "1584230400000",
        "deliveryTime": str(millis(contract.expiry)) if contract.expiry else "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "fundingInterval": 480,
    }


def _tickers(view: View, ask: Ask) -> object:
    rows = [_ticker(h, view.ms) for h in _category(view, ask)]
    return _envelope(view, {"category": ask.query.get("category"), "list": rows})


def _ticker(holding: Holding, ms: int) -> object:
    contract = holding.contract
    perpetual = contract.expiry is None
    price = text(holding.price_usd)
    coins, usd = holding.coins, holding.coins * holding.price_usd
    volume_usd = holding.volume_coins * holding.price_usd
    return {
        "symbol": contract.symbol,
        "lastPrice": price,
        "indexPrice": price,
        "markPrice": price,
        "openInterest": whole(usd) if contract.inverse else text(coins, 3),
        "openInterestValue": text(coins, 2) if contract.inverse else text(usd, 2),
        "turnover24h": text(holding.volume_coins if contract.inverse else volume_usd, 4),
        "volume24h": whole(volume_usd) if contract.inverse else text(holding.volume_coins, 3),
        "fundingRate": text(holding.funding_8h) if perpetual else "",
        "nextFundingTime": str((ms // 28_800_000 + 1) * 28_800_000) if perpetual else "0",
        "fundingIntervalHour": "8" if perpetual else "",
        "deliveryTime": str(millis(contract.expiry)) if contract.expiry else "0",
        "deliveryFeeRate": "",
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "bid1Price": price,
        "ask1Price": price,
        "bid1Size": "1",
        "ask1Size": "1",
    }


def _open_interest(view: View, ask: Ask) -> object:
    """History, newest first; a further page is named by the time it ends before."""
    holding = view.holding(ask.query.get("symbol", ""))
    if holding is None:
        return {"retCode": 10001, "retMsg": "Not supported symbols", "result": {}, "time": view.ms}
    contract, limit = holding.contract, min(200, int(ask.query.get("limit", "50")))
    until = moment(ask.query.get("cursor")) or moment(ask.query.get("endTime"))
    since = moment(ask.query.get("startTime")) or view.scenario.begins
    past = view.past(contract, PERIODS[ask.query["intervalTime"]], since, until or view.now, limit)
    rows = [
        {
            "openInterest": text(round(h.counted)) if contract.inverse else text(h.counted),
            "timestamp": str(ms),
        }
        for ms, h in reversed(past)
    ]
    cursor = str(past[0][0] - 1) if len(past) == limit else ""
    result = {
        "symbol": contract.symbol,
        "category": ask.query.get("category"),
        "list": rows,
        "nextPageCursor": cursor,
    }
    return _envelope(view, result)


def _hear(frame: str, topics: set[str]) -> Sequence[str]:
    said = json.loads(frame)
    if said.get("op") == "subscribe":
        topics.update(said["args"])
        return [json.dumps({"success": True, "ret_msg": "", "conn_id": "1", "op": "subscribe"})]
    return [json.dumps({"success": True, "ret_msg": "pong", "conn_id": "1", "op": "ping"})]


def _tell(inverse: bool, events: Sequence[Forced], topics: set[str]) -> Sequence[str]:
    frames = []
    for event in events:
        topic = f"allLiquidation.{event.contract.symbol}"
        if event.contract.inverse is inverse and topic in topics:
            ms = millis(event.at)
            row = {
                "T": ms,
                "s": event.contract.symbol,
                "S": POSITION_SIDE[event.position],
                "v": whole(event.counted) if inverse else text(event.counted, 6),
                "p": text(event.price_usd, 6),
            }
            frames.append(json.dumps({"topic": topic, "type": "snapshot", "ts": ms + 400, "data": [row]}))
    return frames


def _account_ratio(view: View, ask: Ask) -> object:
    holding = view.holding(ask.query.get("symbol", ""))
    ratio = holding.long_per_short if holding else 1.0
    row = {
        "symbol": ask.query.get("symbol"),
        "buyRatio": text(ratio / (1 + ratio), 4),
        "sellRatio": text(1 / (1 + ratio), 4),
        "timestamp": str(view.ms // 300_000 * 300_000),
    }
    return _envelope(view, {"list": [row] if holding else [], "nextPageCursor": ""})


def _lists(coin: str) -> Sequence[Contract]:
    expiry = datetime(2025, 12, 26, 8, tzinfo=UTC)
    return (
        Contract("bybit", coin, f"{coin}USDT", 0.84),
        Contract("bybit", coin, f"{coin}USD", 0.13, inverse=True),
        Contract("bybit", coin, f"{coin}USDZ25", 0.03, inverse=True, expiry=expiry, basis=0.006),
    )


FORMAT = WireFormat(
    {
        "/v5/market/instruments-info": _instruments,
        "/v5/market/tickers": _tickers,
        "/v5/market/open-interest": _open_interest,
        "/v5/market/account-ratio": _account_ratio,
    },
    {
        "/v5/public/linear": Stream(_hear, partial(_tell, False)),
        "/v5/public/inverse": Stream(_hear, partial(_tell, True)),
    },
    _lists,
)
