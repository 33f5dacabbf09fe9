"""Kraken Futures: one call for all; funding as money an hour, liquidations as marked trades."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.market import Position
from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, Refused, Stream, View, WireFormat, millis

ORDER_SIDE = {Position.LONG: "sell", Position.SHORT: "buy"}
EXPIRY = datetime(2025, 12, 26, 16, tzinfo=UTC)


def _name(coin: str) -> str:
    return {"BTC": "XBT"}.get(coin, coin)


def _instruments(view: View, _: Ask) -> object:
    rows = [_listed(h.contract) for h in view.holdings]
    index = {"symbol": "in_xbtusd", "type": "spot index", "tradeable": False}
    return _success(view, {"instruments": [*rows, index]})


def _success(view: View, said: dict[str, object]) -> object:
    stamp = view.stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"result": "success", "serverTime": stamp, **said}


def _listed(contract: Contract) -> object:
    row: dict[str, object] = {
        "symbol": contract.symbol,
        "pair": f"{_name(contract.coin)}:USD",
        "base": _name(contract.coin),
        "quote": "USD",
        "type": "futures_inverse" if contract.inverse else "flexible_futures",
        "tickSize": 0.5,
        "contractSize": contract.size,
        "tradeable": True,
        "fundingRateCoefficient": 8,
        "category": "",
        "tags": [],
        "tradfi": False,
    }
    if contract.expiry:
        row["lastTradingTime"] = contract.expiry.isoformat().replace("+00:00", ".000Z")
    return row


def _tickers(view: View, _: Ask) -> object:
    index = {"symbol": "in_xbtusd", "last": 40411.0, "lastTime": "2022-02-18T14:16:28.000Z"}
    return _success(view, {"tickers": [*map(_ticker, view.holdings), index]})


def _counted(contract: Contract, counted: float) -> float:
    return round(counted, 0 if contract.inverse else 6)


def _ticker(holding: Holding) -> object:
    contract, price = holding.contract, holding.price_usd
    hourly = holding.funding_8h / 8
    row: dict[str, object] = {
        "symbol": contract.symbol,
        "last": round(price, 6),
        "tag": "quarter" if contract.expiry else "perpetual",
        "pair": f"{_name(contract.coin)}:USD",
        "markPrice": round(price, 10),
        "vol24h": _counted(contract, holding.volume_coins * (price if contract.inverse else 1)),
        "openInterest": _counted(contract, holding.counted),
        "suspended": False,
        "indexPrice": round(price, 6),
        "postOnly": False,
    }
    if contract.expiry is None:
        row["fundingRate"] = hourly / price if contract.inverse else hourly * price
        row["fundingRatePrediction"] = row["fundingRate"]
    return row


def _analytics(view: View, ask: Ask) -> object:
    since, until = (datetime.fromtimestamp(int(ask.query[name]), UTC) for name in ("since", "to"))
    holding, step = view.holding(ask.query["symbol"]), timedelta(seconds=int(ask.query["interval"]))
    if holding is None:
        raise Refused(404, {"result": None, "errors": [{"error_class": "Error", "type": "not_found"}]})
    past = view.past(holding.contract, step, since, until, 1000)
    data = [[f"{_counted(h.contract, h.counted):f}"] * 4 for _, h in past]
    stamps = [ms // 1000 for ms, _ in past]
    return {"result": {"timestamp": stamps, "more": False, "data": data}, "errors": []}


def _hear(frame: str, topics: set[str]) -> Sequence[str]:
    said = json.loads(frame)
    topics.update(said["product_ids"])
    ack = {"event": "subscribed", "feed": said["feed"], "product_ids": said["product_ids"]}
    old = [
        {"feed": "trade_snapshot", "product_id": product, "trades": [_old(product)]}
        for product in said["product_ids"]
    ]
    return [json.dumps(one) for one in (ack, *old)]


def _old(product: str) -> object:
    """A liquidation of long ago: whoever counts it counts too much."""
    trade = {"feed": "trade", "product_id": product, "uid": "old", "side": "sell", "type": "liquidation"}
    return trade | {"seq": 1, "time": 1_612_269_657_781, "qty": 1e9, "price": 34_893}


def _tell(events: Sequence[Forced], topics: set[str]) -> Sequence[str]:
    return [json.dumps(_trade(event)) for event in events if event.contract.symbol in topics]


def _trade(event: Forced) -> object:
    """Without the number of its message: only the trades that are liquidations are played."""
    return {
        "feed": "trade",
        "product_id": event.contract.symbol,
        "uid": f"{event.contract.symbol}-{event.number}",
        "side": ORDER_SIDE[event.position],
        "type": "liquidation",
        "time": millis(event.at),
        "qty": _counted(event.contract, event.counted),
        "price": round(event.price_usd, 6),
    }


def _lists(coin: str) -> Sequence[Contract]:
    name, venue = _name(coin), "kraken_futures"
    return (
        Contract(venue, coin, f"PF_{name}USD", 0.8),
        Contract(venue, coin, f"PI_{name}USD", 0.15, inverse=True),
        Contract(venue, coin, f"FI_{name}USD_251226", 0.05, inverse=True, expiry=EXPIRY, basis=0.004),
    )


FORMAT = WireFormat(
    {
        "/derivatives/api/v3/instruments": _instruments,
        "/derivatives/api/v3/tickers": _tickers,
        "/api/charts/v1/analytics/{symbol}/open-interest": _analytics,
    },
    {"/ws/v1": Stream(_hear, _tell)},
    _lists,
)
