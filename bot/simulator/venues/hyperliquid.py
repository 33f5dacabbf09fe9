"""Hyperliquid: one POST gives every coin's name and, in the same order, its figures."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.scenario import Contract
from bot.simulator.wire import Ask, Refused, View, WireFormat, text


def _info(view: View, ask: Ask) -> object:
    if not isinstance(ask.body, dict) or ask.body.get("type") not in ("metaAndAssetCtxs", "meta"):
        raise Refused(422, "Failed to deserialize the JSON body into the target type")
    universe = [
        {"szDecimals": 5, "name": h.contract.symbol, "maxLeverage": 40, "marginTableId": 56}
        for h in view.holdings
    ]
    if ask.body["type"] == "meta":
        return {"universe": universe}
    contexts = [
        {
            "funding": text(h.funding_8h / 8, 10),
            "openInterest": text(h.coins, 5),
            "prevDayPx": text(h.price_usd, 1),
            "dayNtlVlm": text(h.volume_coins * h.price_usd, 2),
            "dayBaseVlm": text(h.volume_coins, 5),
            "premium": "0.0",
            "oraclePx": text(h.price_usd, 4),
            "markPx": text(h.price_usd, 4),
            "midPx": text(h.price_usd, 4),
            "impactPxs": [text(h.price_usd, 1), text(h.price_usd, 1)],
        }
        for h in view.holdings
    ]
    return [{"universe": universe}, contexts]


def _lists(coin: str) -> Sequence[Contract]:
    return [Contract("hyperliquid", coin, coin, 1.0)]


FORMAT = WireFormat({"/info": _info}, lists=_lists)
