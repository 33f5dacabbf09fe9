"""Bitfinex: rows are arrays; liquidations come first as a trigger, then as an execution."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.domain.market import Position
from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import MINUTE, Ask, Stream, View, WireFormat, millis, moment

CHANNEL = 91684
TOPIC = "liq:global"


def _status(holding: Holding, ms: int) -> list[object]:
    """One contract's status without its name, as the past tells it."""
    price = round(holding.price_usd, 6)
    funding = round(holding.funding_8h, 10)
    told = {0: ms, 2: price, 3: price, 5: 37_671_483.04, 7: (ms // 28_800_000 + 1) * 28_800_000, 8: funding}
    told |= {9: 317, 11: funding, 14: price, 17: round(holding.coins, 8), 21: 0.0005, 22: 0.0025}
    return [told.get(place) for place in range(23)]


def _statuses(view: View, ask: Ask) -> object:
    keys = ask.query["keys"].split(",")
    held = [h for h in view.holdings if keys == ["ALL"] or h.contract.symbol in keys]
    return [[h.contract.symbol, *_status(h, view.ms)] for h in held]


def _past(view: View, ask: Ask) -> object:
    """Newest first."""
    holding = view.holding(ask.query["symbol"])
    if holding is None:
        return []
    since, until = moment(ask.query.get("start")), moment(ask.query.get("end"))
    past = view.past(holding.contract, 5 * MINUTE, since, until, int(ask.query.get("limit", "125")))
    return [_status(h, ms) for ms, h in reversed(past)]


def _tickers(view: View, ask: Ask) -> object:
    asked = set(ask.query["symbols"].split(","))
    return [_day(h) for h in view.holdings if h.contract.symbol in asked]


def _day(holding: Holding) -> list[object]:
    price = round(holding.price_usd, 6)
    volume = round(holding.volume_coins, 8)
    return [holding.contract.symbol, price, 1.0, price, 1.0, 0.0, 0.0, price, volume, price, price]


def _hear(frame: str, topics: set[str]) -> Sequence[str]:
    said = json.loads(frame)
    if said["event"] == "ping":
        return [json.dumps({"event": "pong", "ts": 1_511_545_528_111, "cid": said["cid"]})]
    topics.add(said["key"])
    ack = {"event": "subscribed", "channel": "status", "chanId": CHANNEL, "key": said["key"]}
    return [json.dumps(ack), json.dumps([CHANNEL, "hb"])]


def _tell(events: Sequence[Forced], topics: set[str]) -> Sequence[str]:
    if TOPIC not in topics:
        return []
    return [json.dumps([CHANNEL, [_lost(event, matched)]]) for event in events for matched in (0, 1)]


def _lost(event: Forced, matched: int) -> list[object]:
    """The sign of the amount is the position's; the entry price is another than the price."""
    amount = round(event.coins, 8) * (1 if event.position is Position.LONG else -1)
    entry, price = round(event.price_usd * 1.1, 6), round(event.price_usd, 6)
    name = event.contract.symbol
    told = ["pos", event.number, millis(event.at), None, name, amount, entry, None, matched, matched, None]
    return [*told, price if matched else None]


def _lists(coin: str) -> Sequence[Contract]:
    return (Contract("bitfinex", coin, f"t{coin}F0:USTF0", 1.0),)


FORMAT = WireFormat(
    {
        "/v2/status/deriv": _statuses,
        "/v2/status/deriv/{symbol}/hist": _past,
        "/v2/tickers": _tickers,
    },
    {"/ws/2": Stream(_hear, _tell)},
    _lists,
)
