"""OKX: every symbol of a type in one call, in contracts; swaps and dated futures are two types."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from bot.domain.market import Position
from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import PERIODS, Ask, Stream, View, WireFormat, millis, moment, text

MILLISECOND = timedelta(milliseconds=1)
ORDER_SIDE = {Position.LONG: "sell", Position.SHORT: "buy"}


def _envelope(rows: Sequence[object]) -> object:
    return {"code": "0", "data": rows, "msg": ""}


def _type(contract: Contract) -> str:
    return "SWAP" if contract.expiry is None else "FUTURES"


def _family(contract: Contract) -> str:
    return "-".join(contract.symbol.split("-")[:2])


def _asked(view: View, ask: Ask) -> Sequence[Holding]:
    """Those of the type that was asked for, or the one named (``ANY`` names all swaps)."""
    name = ask.query.get("instId")
    if name not in (None, "ANY"):
        return [h for h in view.holdings if h.contract.symbol == name]
    wanted = ask.query.get("instType", "SWAP")
    return [h for h in view.holdings if _type(h.contract) == wanted]


def _instruments(view: View, ask: Ask) -> object:
    return _envelope([_listed(h.contract) for h in _asked(view, ask)])


def _listed(contract: Contract) -> object:
    settled_in = contract.coin if contract.inverse else "USDT"
    return {
        "instId": contract.symbol,
        "instType": _type(contract),
        "instFamily": _family(contract),
        "uly": _family(contract),
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": settled_in,
        "ctType": "inverse" if contract.inverse else "linear",
        "ctVal": f"{contract.size:g}",
        "ctMult": "1",
        "ctValCcy": "USD" if contract.inverse else contract.coin,
        "expTime": str(millis(contract.expiry)) if contract.expiry else "",
        "listTime": "1535424203000",
        "lotSz": "0.01",
        "state": "live",
        "ruleType": "normal",
        "alias": "quarter" if contract.expiry else "",
    }


def _open_interest(view: View, ask: Ask) -> object:
    return _envelope(
        [
            {
                "instId": h.contract.symbol,
                "instType": _type(h.contract),
                "oi": text(h.counted, 2),
                "oiCcy": text(h.coins, 4),
                "oiUsd": text(h.coins * h.price_usd, 2),
                "ts": str(view.ms),
            }
            for h in _asked(view, ask)
        ]
    )


def _mark_price(view: View, ask: Ask) -> object:
    return _envelope(
        [
            {
                "instId": h.contract.symbol,
                "instType": _type(h.contract),
                "markPx": text(h.price_usd),
                "ts": str(view.ms),
            }
            for h in _asked(view, ask)
        ]
    )


def _funding_rate(view: View, ask: Ask) -> object:
    funded_at = (view.ms // 28_800_000 + 1) * 28_800_000
    return _envelope(
        [
            {
                "instId": h.contract.symbol,
                "instType": "SWAP",
                "fundingRate": text(h.funding_8h, 10),
                "fundingTime": str(funded_at),
                "nextFundingRate": "",
                "nextFundingTime": str(funded_at + 28_800_000),
                "method": "current_period",
                "ts": str(view.ms),
            }
            for h in _asked(view, ask)
            if h.contract.expiry is None
        ]
    )


def _tickers(view: View, ask: Ask) -> object:
    return _envelope(
        [
            {
                "instId": h.contract.symbol,
                "instType": _type(h.contract),
                "last": text(h.price_usd, 2),
                "vol24h": text(h.volume_coins / h.coins * h.counted if h.coins else 0, 2),
                "volCcy24h": text(h.volume_coins, 4),
                "ts": str(view.ms),
            }
            for h in _asked(view, ask)
        ]
    )


def _history(view: View, ask: Ask) -> object:
    """Rows of time, contracts, coins and dollars, newest first; ``begin`` and ``end`` are left out."""
    holding = view.holding(ask.query.get("instId", ""))
    if holding is None:
        return {"code": "51001", "data": [], "msg": "Instrument ID does not exist"}
    begin, end = moment(ask.query.get("begin")), moment(ask.query.get("end"))
    since = begin + MILLISECOND if begin else None
    until = end - MILLISECOND if end else view.now
    limit = min(100, int(ask.query.get("limit", "100")))
    past = view.past(holding.contract, PERIODS[ask.query["period"]], since, until, limit)
    return _envelope(
        [
            [str(ms), text(h.counted, 2), text(h.coins, 4), text(h.coins * h.price_usd, 2)]
            for ms, h in reversed(past)
        ]
    )


def _accounts(view: View, ask: Ask) -> object:
    holding = view.holding(ask.query.get("instId", ""))
    if holding is None:
        return {"code": "51001", "data": [], "msg": "Instrument ID does not exist"}
    return _envelope([[str(view.ms // 300_000 * 300_000), text(holding.long_per_short, 4)]])


def _hear(frame: str, topics: set[str]) -> Sequence[str]:
    if frame == "ping":
        return ["pong"]
    said = json.loads(frame)
    topics.update(arg["instType"] for arg in said["args"] if arg["channel"] == "liquidation-orders")
    return [json.dumps({"event": said["op"], "arg": arg, "connId": "1"}) for arg in said["args"]]


def _tell(events: Sequence[Forced], topics: set[str]) -> Sequence[str]:
    return [json.dumps(_order(event)) for event in events if _type(event.contract) in topics]


def _order(event: Forced) -> object:
    kind = _type(event.contract)
    detail = {
        "bkLoss": "0",
        "bkPx": text(event.price_usd, 6),
        "ccy": "",
        "posSide": event.position.value,
        "side": ORDER_SIDE[event.position],
        "sz": text(event.counted, 4),
        "ts": str(millis(event.at)),
    }
    row = {
        "instId": event.contract.symbol,
        "instFamily": _family(event.contract),
        "instType": kind,
        "details": [detail],
    }
    return {"arg": {"channel": "liquidation-orders", "instType": kind}, "data": [row]}


def _lists(coin: str) -> Sequence[Contract]:
    dollars = 100 if coin == "BTC" else 10
    return [
        Contract("okx", coin, f"{coin}-USDT-SWAP", 0.8, 0.01),
        Contract("okx", coin, f"{coin}-USD-SWAP", 0.2, dollars, inverse=True),
    ]


FORMAT = WireFormat(
    {
        "/api/v5/public/instruments": _instruments,
        "/api/v5/public/open-interest": _open_interest,
        "/api/v5/public/mark-price": _mark_price,
        "/api/v5/public/funding-rate": _funding_rate,
        "/api/v5/market/tickers": _tickers,
        "/api/v5/rubik/stat/contracts/open-interest-history": _history,
        "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract": _accounts,
    },
    {"/ws/v5/public": Stream(_hear, _tell)},
    _lists,
)
