"""HTX: three books; contracts, coins and (of linear contracts) dollars side by side; sockets in gzip."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from bot.domain.market import Position
from bot.simulator.forced import Forced
from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import PERIODS, Ask, Stream, View, WireFormat, millis, text

ORDER_SIDE = {Position.LONG: "sell", Position.SHORT: "buy"}
EXPIRY = datetime(2025, 12, 26, 8, tzinfo=UTC)

Belongs = Callable[[Contract], bool]


def _is_linear(contract: Contract) -> bool:
    return not contract.inverse


def _is_coin_swap(contract: Contract) -> bool:
    return contract.inverse and contract.expiry is None


def _is_coin_future(contract: Contract) -> bool:
    return contract.inverse and contract.expiry is not None


def _envelope(view: View, data: object) -> object:
    return {"status": "ok", "data": data, "ts": view.ms}


def _new_envelope(view: View, data: object) -> object:
    return {"code": 200, "message": "Success", "data": data, "ts": view.ms}


def _contract_info(mine: Belongs, view: View, _: Ask) -> object:
    return _envelope(view, [_listed(h.contract) for h in view.holdings if mine(h.contract)])


def _listed(contract: Contract) -> object:
    row: dict[str, object] = {
        "symbol": contract.coin,
        "contract_code": contract.symbol,
        "contract_size": contract.size,
        "price_tick": 0.1,
        "delivery_time": str(millis(contract.expiry)) if contract.expiry else "",
        "create_date": "20201021",
        "contract_status": 1,
    }
    if contract.inverse:
        return row
    pair = "-".join(contract.symbol.split("-")[:2])
    kind = "futures" if contract.expiry else "swap"
    return row | {"business_type": kind, "pair": pair, "trade_partition": "USDT"}


def _held(holding: Holding) -> dict[str, object]:
    row: dict[str, object] = {
        "symbol": holding.contract.coin,
        "contract_code": holding.contract.symbol,
        "volume": round(holding.counted, 4),
        "amount": holding.coins,
        "trade_amount": holding.volume_coins,
        "trade_turnover": holding.volume_coins * holding.price_usd,
    }
    return row if holding.contract.inverse else row | {"value": holding.coins * holding.price_usd}


def _open_interest(mine: Belongs, view: View, _: Ask) -> object:
    return _envelope(view, [_held(h) for h in view.holdings if mine(h.contract)])


def _new_open_interest(view: View, ask: Ask) -> object:
    holding = view.holding(ask.query.get("contract_code", ""))
    if holding is None:
        return {"code": 1013, "message": "This contract doesnt exist.", "data": None, "ts": view.ms}
    return _new_envelope(view, {k: str(v) for k, v in _held(holding).items()})


def _batch_funding_rate(view: View, _: Ask) -> object:
    """Of coin swaps, without the settlement after next."""
    due = (view.ms // 28_800_000 + 1) * 28_800_000
    return _envelope(
        view,
        [
            {
                "contract_code": h.contract.symbol,
                "funding_rate": text(h.funding_8h, 18),
                "funding_time": str(due),
                "next_funding_time": None,
            }
            for h in view.holdings
            if _is_coin_swap(h.contract)
        ],
    )


def _funding_rate(view: View, ask: Ask) -> object:
    holding = view.holding(ask.query.get("contract_code", ""))
    if holding is None:
        return {"code": 1013, "message": "This contract doesnt exist.", "data": None, "ts": view.ms}
    due = (view.ms // 28_800_000 + 1) * 28_800_000
    return _new_envelope(
        view,
        {
            "contract_code": holding.contract.symbol,
            "funding_rate": text(holding.funding_8h, 18),
            "funding_time": str(due),
            "next_funding_time": str(due + 28_800_000),
        },
    )


def _his_open_interest(view: View, ask: Ask) -> object:
    """The newest, newest first; ``volume`` is contracts or coins as ``amount_type`` wants it."""
    holding = view.holding(ask.query.get("contract_code", ""))
    if holding is None:
        return {"status": "error", "err_code": 1332, "err_msg": "The contract doesnt exist.", "ts": view.ms}
    counted = int(ask.query["amount_type"])
    size = min(200, int(ask.query.get("size", "48")))
    past = view.past(holding.contract, PERIODS[ask.query["period"]], None, None, size)
    tick = [
        {
            "volume": h.counted if counted == 1 else h.coins,
            "amount_type": counted,
            "ts": ms,
            **({} if h.contract.inverse else {"value": h.coins * h.price_usd}),
        }
        for ms, h in reversed(past)
    ]
    contract = holding.contract
    return _envelope(view, {"symbol": contract.coin, "contract_code": contract.symbol, "tick": tick})


def _hear(frame: str, topics: set[str]) -> Sequence[str]:
    said = json.loads(frame)
    if said["op"] == "pong":
        return []
    topics.add(said["topic"])
    ack = {"op": "sub", "cid": said.get("cid", ""), "topic": said["topic"], "err-code": 0}
    return [json.dumps(ack), json.dumps({"op": "ping", "ts": "1760130900000"})]


def _tell(mine: Belongs, events: Sequence[Forced], topics: set[str]) -> Sequence[str]:
    if "public.*.liquidation_orders" not in topics:
        return []
    return [json.dumps(_order(event)) for event in events if mine(event.contract)]


def _order(event: Forced) -> object:
    contract, ms = event.contract, millis(event.at)
    row = {
        "symbol": contract.coin,
        "contract_code": contract.symbol,
        "direction": ORDER_SIDE[event.position],
        "offset": "close",
        "volume": round(event.counted, 4),
        "amount": event.coins,
        "price": event.price_usd,
        "created_at": ms,
        "trade_turnover": event.usd,
    }
    topic = f"public.{contract.symbol}.liquidation_orders"
    return {"op": "notify", "topic": topic, "ts": ms + 5, "data": [row]}


def _lists(coin: str) -> Sequence[Contract]:
    usd = 100.0 if coin == "BTC" else 10.0
    return (
        Contract("htx", coin, f"{coin}-USDT", 0.9, 0.001),
        Contract("htx", coin, f"{coin}-USDT-251226", 0.02, 0.001, expiry=EXPIRY, basis=0.006),
        Contract("htx", coin, f"{coin}-USD", 0.06, usd, inverse=True),
        Contract("htx", coin, f"{coin}251226", 0.02, usd, inverse=True, expiry=EXPIRY, basis=0.006),
    )


def _stream(mine: Belongs) -> Stream:
    return Stream(_hear, partial(_tell, mine), gzipped=True)


FORMAT = WireFormat(
    {
        "/linear-swap-api/v1/swap_contract_info": partial(_contract_info, _is_linear),
        "/swap-api/v1/swap_contract_info": partial(_contract_info, _is_coin_swap),
        "/api/v1/contract_contract_info": partial(_contract_info, _is_coin_future),
        "/linear-swap-api/v1/swap_open_interest": partial(_open_interest, _is_linear),
        "/swap-api/v1/swap_open_interest": partial(_open_interest, _is_coin_swap),
        "/api/v1/contract_open_interest": partial(_open_interest, _is_coin_future),
        "/v5/market/open_interest": _new_open_interest,
        "/v5/market/funding_rate": _funding_rate,
        "/swap-api/v1/swap_batch_funding_rate": _batch_funding_rate,
        "/linear-swap-api/v1/swap_his_open_interest": _his_open_interest,
        "/swap-api/v1/swap_his_open_interest": _his_open_interest,
    },
    {
        "/linear-swap-notification": _stream(_is_linear),
        "/swap-notification": _stream(_is_coin_swap),
        "/notification": _stream(_is_coin_future),
    },
    _lists,
)
