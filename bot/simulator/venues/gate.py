"""Gate: every contract of a book in one call, in contracts; a size over the socket has the order's sign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from bot.domain.market import Position
from bot.simulator.forced import MINUTE, Forced, feed_share, minute_usd
from bot.simulator.scenario import Contract, Holding
from bot.simulator.wire import PERIODS, Answer, Ask, Refused, Stream, View, WireFormat, millis, text

CHANNEL = "futures.public_liquidates"
ACCOUNTS_SHORT = 2000
EXPIRY = datetime(2025, 12, 26, 8, tzinfo=UTC)


def _book(contract: Contract) -> str:
    if contract.expiry is not None:
        return "delivery/usdt"
    return "futures/btc" if contract.inverse else "futures/usdt"


def _contracts(book: str, view: View, _: Ask) -> object:
    return [_listed(h) for h in view.holdings if _book(h.contract) == book]


def _listed(holding: Holding) -> object:
    contract = holding.contract
    row: dict[str, object] = {
        "name": contract.symbol,
        "type": "inverse" if contract.inverse else "direct",
        "quanto_multiplier": "0" if contract.inverse else f"{contract.size:g}",
        "mark_price": text(holding.price_usd),
        "order_size_min": "1",
        "enable_decimal": True,
        "in_delisting": False,
    }
    if contract.expiry is not None:
        return row | {"cycle": "QUARTERLY", "expire_time": int(contract.expiry.timestamp())}
    rate = text(holding.funding_8h, 10)
    row |= {"funding_rate": rate, "funding_interval": 28_800, "funding_offset": 0}
    row |= {"long_users": round(ACCOUNTS_SHORT * holding.long_per_short), "short_users": ACCOUNTS_SHORT}
    return row | {"status": "trading", "is_pre_market": False, "contract_type": ""}


def _tickers(book: str, view: View, _: Ask) -> object:
    return [
        {
            "contract": h.contract.symbol,
            "last": text(h.price_usd),
            "mark_price": text(h.price_usd),
            "index_price": text(h.price_usd),
            "total_size": text(h.counted, 4),
            "volume_24h": text(h.counted * h.volume_coins / h.coins if h.coins else 0, 4),
            "volume_24h_base": text(h.volume_coins),
            "funding_rate": text(h.funding_8h, 10),
        }
        for h in view.holdings
        if _book(h.contract) == book
    ]


def _contract_stats(view: View, ask: Ask) -> object:
    """Oldest first and forward from ``from``, in seconds."""
    holding = view.holding(ask.query.get("contract", ""))
    if holding is None:
        raise Refused(400, {"label": "CONTRACT_NOT_FOUND", "message": "contract not found"})
    begin = ask.query.get("from")
    since = datetime.fromtimestamp(int(begin), UTC) if begin else None
    limit = min(2000, int(ask.query.get("limit", "30")))
    step = PERIODS[ask.query.get("interval", "5m")]
    past = view.past(holding.contract, step, since, None, limit)
    share = feed_share(view.scenario, holding.contract)
    return [
        {
            "time": ms // 1000,
            "open_interest": text(h.counted, 4),
            "open_interest_usd": h.coins * h.price_usd,
            "mark_price": h.price_usd,
            **_liquidated(view, h, ms, step, share),
            "lsr_taker": 1,
            "lsr_account": 1,
        }
        for ms, h in past
    ]


def _liquidated(view: View, holding: Holding, ms: int, step: timedelta, share: float) -> dict[str, object]:
    """The sums of the minutes of a bucket that are over."""
    begin, row = datetime.fromtimestamp(ms / 1000, UTC), dict[str, object]()
    sums = {"long": 0.0, "short": 0.0}
    for number in range(step // MINUTE if share else 0):
        minute = begin + number * MINUTE
        if minute + MINUTE <= view.now:
            long_usd, short_usd = minute_usd(view.scenario, holding.contract.coin, minute)
            sums["long"] += long_usd * share
            sums["short"] += short_usd * share
    for side, usd in sums.items():
        coins = usd / holding.price_usd
        contracts = (usd if holding.contract.inverse else coins) / holding.contract.size
        row[f"{side}_liq_size"] = text(contracts, 6)
        row |= {f"{side}_liq_amount": coins, f"{side}_liq_usd": usd}
    return row


def _hear(frame: str, topics: set[str]) -> Sequence[str]:
    said = json.loads(frame)
    stamp = {"time": said["time"], "time_ms": said["time"] * 1000}
    if said["channel"] == "futures.ping":
        return [json.dumps(stamp | {"channel": "futures.pong", "event": "", "result": None})]
    topics.add(said["channel"])
    done = {"channel": said["channel"], "event": said["event"], "result": {"status": "success"}}
    return [json.dumps(stamp | done)]


def _tell(book: str, events: Sequence[Forced], topics: set[str]) -> Sequence[str]:
    """What fell together is told together."""
    rows = [_order(event) for event in events if _book(event.contract) == book]
    if not rows or CHANNEL not in topics:
        return []
    ms = millis(events[-1].at)
    stamp = {"time": ms // 1000, "time_ms": ms}
    return [json.dumps(stamp | {"channel": CHANNEL, "event": "update", "result": rows})]


def _order(event: Forced) -> object:
    sign = "-" if event.position is Position.LONG else ""
    return {
        "contract": event.contract.symbol,
        "size": sign + text(event.counted, 6),
        "price": event.price_usd,
        "time_ms": millis(event.at),
    }


def _lists(coin: str) -> Sequence[Contract]:
    linear = Contract("gate", coin, f"{coin}_USDT", 0.97 if coin != "BTC" else 0.94, 0.01)
    dated = Contract("gate", coin, f"{coin}_USDT_20251226", 0.03, 0.01, expiry=EXPIRY, basis=0.006)
    if coin != "BTC":
        return linear, dated
    return linear, dated, Contract("gate", coin, "BTC_USD", 0.03, inverse=True)


def _answers() -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    for book in ("futures/usdt", "futures/btc", "delivery/usdt"):
        answers[f"/api/v4/{book}/contracts"] = partial(_contracts, book)
        answers[f"/api/v4/{book}/tickers"] = partial(_tickers, book)
        if book != "delivery/usdt":
            answers[f"/api/v4/{book}/contract_stats"] = _contract_stats
    return answers


FORMAT = WireFormat(
    _answers(),
    {
        "/v4/ws/usdt": Stream(_hear, partial(_tell, "futures/usdt")),
        "/v4/ws/btc": Stream(_hear, partial(_tell, "futures/btc")),
    },
    _lists,
)
