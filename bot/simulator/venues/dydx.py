"""dYdX v4: one call gives every market by its ticker; trades of each market tell what was forced."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.domain.market import Position
from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, Stream, View, WireFormat, text

ORDER_SIDE = {Position.LONG: "SELL", Position.SHORT: "BUY"}
LINE = "3d7b0c5e-simulated"


def _markets(view: View, _: Ask) -> object:
    return {"markets": {h.contract.symbol: _market(h) for h in view.holdings}}


def _market(holding: Holding) -> object:
    return {
        "clobPairId": "0",
        "ticker": holding.contract.symbol,
        "status": "ACTIVE",
        "oraclePrice": text(holding.price_usd),
        "priceChange24H": "0",
        "volume24H": text(holding.volume_coins * holding.price_usd, 4),
        "trades24H": 1,
        "nextFundingRate": text(holding.funding_8h / 8, 20),
        "initialMarginFraction": "0.02",
        "maintenanceMarginFraction": "0.012",
        "openInterest": text(holding.coins, 4),
        "atomicResolution": -10,
        "quantumConversionExponent": -9,
        "tickSize": "1",
        "stepSize": "0.0001",
        "stepBaseQuantums": 1_000_000,
        "subticksPerTick": 100_000,
        "marketType": "CROSS",
        "openInterestLowerCap": "0",
        "openInterestUpperCap": "0",
        "baseOpenInterest": "50.3776",
        "defaultFundingRate1H": "0",
    }


def _hear(frame: str, topics: set[str]) -> Sequence[str]:
    said = json.loads(frame)
    topics.add(said["id"])
    first = {"type": "subscribed", "channel": said["channel"], "id": said["id"], "contents": {"trades": []}}
    return [json.dumps(first | {"connection_id": LINE, "message_id": len(topics)})]


def _tell(events: Sequence[Forced], topics: set[str]) -> Sequence[str]:
    return [
        json.dumps(
            {
                "type": "channel_data",
                "connection_id": LINE,
                "id": event.contract.symbol,
                "channel": "v4_trades",
                "version": "2.1.0",
                "contents": {"trades": [_trade(event)]},
            }
        )
        for event in events
        if event.contract.symbol in topics
    ]


def _trade(event: Forced) -> object:
    at = event.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": f"{event.contract.coin}-{event.number}",
        "side": ORDER_SIDE[event.position],
        "size": text(event.coins, 6),
        "price": text(event.price_usd, 6),
        "type": "LIQUIDATED",
        "createdAt": at,
        "createdAtHeight": "53000000",
    }


def _lists(coin: str) -> Sequence[Contract]:
    return [Contract("dydx", coin, f"{coin}-USD", 1.0)]


FORMAT = WireFormat({"/v4/perpetualMarkets": _markets}, {"/v4/ws": Stream(_hear, _tell)}, _lists)
