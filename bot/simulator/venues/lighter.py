"""Lighter: one call gives every market; sockets know a market by its number, which is made of its name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from zlib import crc32

from bot.domain.market import Position
from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, Stream, View, WireFormat, millis, text


def _number(contract: Contract) -> int:
    return crc32(contract.symbol.encode())


def _details(view: View, _: Ask) -> object:
    return {"code": 200, "order_book_details": [_detail(h) for h in view.holdings]}


def _detail(holding: Holding) -> object:
    price = round(holding.price_usd, 8)
    return {
        "symbol": holding.contract.symbol,
        "market_id": _number(holding.contract),
        "market_type": "perp",
        "status": "active",
        "taker_fee": "0.0000",
        "maker_fee": "0.0000",
        "size_decimals": 4,
        "price_decimals": 2,
        "quote_multiplier": 1,
        "last_trade_price": price,
        "daily_trades_count": 1,
        "daily_base_token_volume": round(holding.volume_coins, 4),
        "daily_quote_token_volume": round(holding.volume_coins * holding.price_usd, 6),
        "daily_price_low": price,
        "daily_price_high": price,
        "daily_price_change": 0.0,
        "open_interest": round(holding.coins, 4),
        "daily_chart": {},
    }


def _funding_rates(view: View, _: Ask) -> object:
    rows = [
        {
            "market_id": _number(h.contract),
            "exchange": exchange,
            "symbol": h.contract.symbol,
            "rate": round(h.funding_8h, 12) if exchange == "lighter" else 0.0123,
        }
        for h in view.holdings
        for exchange in ("binance", "lighter")
    ]
    return {"code": 200, "funding_rates": rows}


def _hear(frame: str, topics: set[str]) -> Sequence[str]:
    said = json.loads(frame)
    if said["type"] == "ping":
        return ['{"type":"pong"}']
    channel = said["channel"].replace("/", ":")
    topics.add(channel)
    return [json.dumps({"type": "subscribed/trade", "channel": channel, "trades": []})]


def _tell(events: Sequence[Forced], topics: set[str]) -> Sequence[str]:
    frames = []
    for event in events:
        channel = f"trade:{_number(event.contract)}"
        if channel in topics:
            told = {"channel": channel, "nonce": event.number, "trades": [], "type": "update/trade"}
            frames.append(json.dumps(told | {"liquidation_trades": [_trade(event)]}))
    return frames


def _trade(event: Forced) -> object:
    return {
        "trade_id": event.number,
        "tx_hash": "019f2b9c",
        "type": "liquidation",
        "market_id": _number(event.contract),
        "size": text(event.coins, 6),
        "price": text(event.price_usd, 6),
        "usd_amount": text(event.usd, 6),
        "is_maker_ask": event.position is Position.SHORT,
        "block_height": 198_321_831,
        "timestamp": millis(event.at),
        "taker_fee": 0,
        "maker_fee": 0,
    }


def _lists(coin: str) -> Sequence[Contract]:
    return [Contract("lighter", coin, coin, 1.0)]


FORMAT = WireFormat(
    {"/api/v1/orderBookDetails": _details, "/api/v1/funding-rates": _funding_rates},
    {"/stream": Stream(_hear, _tell)},
    _lists,
)
