"""Deribit: one call a currency; names without ``_USDC`` count dollars, with it coins."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.domain.market import Position
from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import Ask, Stream, View, WireFormat, millis

ORDER_SIDE = {Position.LONG: "sell", Position.SHORT: "buy"}


def _envelope(view: View, result: object) -> object:
    us = view.ms * 1000
    return {
        "jsonrpc": "2.0",
        "result": result,
        "usIn": us,
        "usOut": us + 300,
        "usDiff": 300,
        "testnet": False,
    }


def _currency(contract: Contract) -> str:
    """Linear contracts are listed under the currency they settle in."""
    return contract.coin if contract.inverse else "USDC"


def _asked(view: View, ask: Ask) -> Sequence[Holding]:
    currency = ask.query.get("currency", "any")
    return [h for h in view.holdings if currency in ("any", _currency(h.contract))]


def _instruments(view: View, ask: Ask) -> object:
    return _envelope(view, [_listed(h.contract) for h in _asked(view, ask)])


def _listed(contract: Contract) -> object:
    return {
        "instrument_name": contract.symbol,
        "kind": "future",
        "instrument_type": "reversed" if contract.inverse else "linear",
        "future_type": "reversed" if contract.inverse else "linear",
        "base_currency": contract.coin,
        "quote_currency": "USD" if contract.inverse else "USDC",
        "counter_currency": "USD" if contract.inverse else "USDC",
        "settlement_currency": _currency(contract),
        "settlement_period": "month" if contract.expiry else "perpetual",
        "expiration_timestamp": millis(contract.expiry) if contract.expiry else 32_503_708_800_000,
        "creation_timestamp": 1_534_167_754_000,
        "contract_size": 10.0 if contract.inverse else 0.0001,
        "min_trade_amount": 10.0 if contract.inverse else 0.0001,
        "tick_size": 0.5,
        "is_active": True,
        "state": "open",
    }


def _counted(holding: Holding) -> float:
    return round(holding.counted) if holding.contract.inverse else round(holding.counted, 4)


def _book_summary(view: View, ask: Ask) -> object:
    return _envelope(view, [_summary(h, view.ms) for h in _asked(view, ask)])


def _summary(holding: Holding, ms: int) -> object:
    contract, price = holding.contract, round(holding.price_usd, 4)
    volume_usd = round(holding.volume_coins * holding.price_usd, 1)
    row: dict[str, object] = {
        "instrument_name": contract.symbol,
        "base_currency": contract.coin,
        "quote_currency": "USD" if contract.inverse else "USDC",
        "open_interest": _counted(holding),
        "mark_price": price,
        "mid_price": price,
        "last": price,
        "high": price,
        "low": price,
        "bid_price": price,
        "ask_price": price,
        "estimated_delivery_price": price,
        "price_change": 0.0,
        "volume": round(holding.volume_coins, 8),
        "volume_usd": volume_usd,
        "volume_notional": volume_usd,
        "creation_timestamp": ms,
    }
    if contract.expiry is None:
        row |= {"funding_8h": round(holding.funding_8h, 9), "current_funding": round(holding.funding_8h, 9)}
    return row


def _hear(frame: str, topics: set[str]) -> Sequence[str]:
    said = json.loads(frame)
    result: object = {"version": "1.2.26"}
    if said["method"] == "public/subscribe":
        topics.update(said["params"]["channels"])
        result = said["params"]["channels"]
    return [json.dumps({"jsonrpc": "2.0", "id": said.get("id"), "result": result})]


def _tell(events: Sequence[Forced], topics: set[str]) -> Sequence[str]:
    frames = []
    for event in events:
        names = (f"trades.{event.contract.symbol}.100ms", f"trades.future.{_currency(event.contract)}.100ms")
        for channel in names:
            if channel in topics:
                params = {"channel": channel, "data": [_trade(event)]}
                frames.append(json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}))
    return frames


def _trade(event: Forced) -> object:
    """A trade that took liquidity to close the loser: ``T``, and its direction is the order's.

    ``trade_seq`` counts all trades of an instrument: it is left out, as only forced ones are told here.
    """
    price, inverse = round(event.price_usd, 4), event.contract.inverse
    return {
        "trade_id": f"{event.contract.coin}-{event.number}",
        "instrument_name": event.contract.symbol,
        "timestamp": millis(event.at),
        "direction": ORDER_SIDE[event.position],
        "amount": round(event.counted) if inverse else round(event.counted, 6),
        "price": price,
        "mark_price": price,
        "index_price": price,
        "tick_direction": 2,
        "liquidation": "T",
    }


def _lists(coin: str) -> Sequence[Contract]:
    """Bitcoin and Ether in dollars and in coins, everything else in coins."""
    linear = f"{coin}_USDC-PERPETUAL"
    if coin not in ("BTC", "ETH"):
        return [Contract("deribit", coin, linear, 1.0)]
    inverse = Contract("deribit", coin, f"{coin}-PERPETUAL", 0.8, inverse=True)
    return [inverse, Contract("deribit", coin, linear, 0.2)]


FORMAT = WireFormat(
    {
        "/api/v2/public/get_instruments": _instruments,
        "/api/v2/public/get_book_summary_by_currency": _book_summary,
    },
    {"/ws/api/v2": Stream(_hear, _tell)},
    _lists,
)
