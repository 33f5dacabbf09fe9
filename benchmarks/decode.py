"""Bytes of an all-symbols answer → unit-carrying observations, against ``json.loads`` with decimals kept.

Four venues, 500 symbols each, rows with every field the venue sends. Both sides work on the same bytes,
turn about, in one process; the figure is the ratio of medians of CPU time, which a busy machine disturbs
least. Goal: at most 2.0 for every venue.

    python -m benchmarks.decode
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from time import thread_time

from bot.domain.assets import Asset
from bot.domain.market import Instrument, Venue
from bot.domain.units import ContractSize, Unit
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Answer, Book

SYMBOLS = 500
ROUNDS = 60
GOAL = 2.0
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
STAMP = 1793534399000


def bybit() -> tuple[bytes, list[str]]:
    names = [f"COIN{n}USDT" for n in range(SYMBOLS)]
    rows = [
        {
            "symbol": name,
            "lastPrice": f"{1000 + n}.53",
            "indexPrice": f"{1000 + n}.61",
            "markPrice": f"{1000 + n}.57",
            "prevPrice24h": f"{990 + n}.10",
            "price24hPcnt": "0.017103",
            "highPrice24h": f"{1020 + n}.50",
            "lowPrice24h": f"{980 + n}.00",
            "prevPrice1h": f"{1001 + n}.00",
            "openInterest": f"{68744 + n}.761",
            "openInterestValue": f"{1183601235 + n}.91",
            "turnover24h": f"{1570383121 + n}.9434",
            "volume24h": f"{91705 + n}.2760",
            "fundingRate": "-0.000212",
            "nextFundingTime": "1793548800000",
            "predictedDeliveryPrice": "",
            "basisRate": "",
            "deliveryFeeRate": "",
            "deliveryTime": "0",
            "ask1Size": "83.020",
            "bid1Price": f"{1000 + n}.50",
            "ask1Price": f"{1000 + n}.60",
            "bid1Size": "84.489",
            "basis": "",
            "preOpenPrice": "",
            "preQty": "",
            "curPreListingPhase": "",
            "fundingIntervalHour": "8",
            "basisRateYear": "",
            "fundingCap": "0.005",
        }
        for n, name in enumerate(names)
    ]
    result = {"category": "linear", "list": rows}
    return _bytes({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": STAMP}), names


def okx() -> tuple[bytes, list[str]]:
    names = [f"COIN{n}-USDT-SWAP" for n in range(SYMBOLS)]
    rows = [
        {
            "instId": name,
            "instType": "SWAP",
            "oi": f"{2125419 + n}.11",
            "oiCcy": f"{21254 + n}.1911",
            "oiUsd": f"{2360916466 + n}.881",
            "ts": str(STAMP + n % 7),
        }
        for n, name in enumerate(names)
    ]
    return _bytes({"code": "0", "data": rows, "msg": ""}), names


def deribit() -> tuple[bytes, list[str]]:
    names = [f"COIN{n}_USDC-PERPETUAL" for n in range(SYMBOLS)]
    rows = [
        {
            "high": 81497.5 + n,
            "low": 80149.5 + n,
            "last": 80832.5 + n,
            "instrument_name": name,
            "bid_price": 80836.5 + n,
            "ask_price": 80837.0 + n,
            "open_interest": 502.45 + n,
            "mark_price": 80831.57 + n,
            "creation_timestamp": STAMP,
            "current_funding": 0.0,
            "estimated_delivery_price": 80815.88 + n,
            "funding_8h": 1.583e-05,
            "price_change": -0.2493,
            "volume": 3099.91787897 + n,
            "base_currency": f"COIN{n}",
            "quote_currency": "USDC",
            "volume_usd": 250336360.0 + n,
            "volume_notional": 250336360.0 + n,
            "mid_price": 80836.75 + n,
        }
        for n, name in enumerate(names)
    ]
    return _bytes(
        {"jsonrpc": "2.0", "result": rows, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False}
    ), names


def hyperliquid() -> tuple[bytes, list[str]]:
    names = [f"COIN{n}" for n in range(SYMBOLS)]
    universe = [{"szDecimals": 5, "name": name, "maxLeverage": 40, "marginTableId": 56} for name in names]
    contexts = [
        {
            "funding": "0.0000064719",
            "openInterest": f"{34405 + n}.54348",
            "prevDayPx": f"{64100 + n}.0",
            "dayNtlVlm": f"{2231646766 + n}.7432",
            "premium": "-0.0002761",
            "oraclePx": f"{64893 + n}.8",
            "markPx": f"{64863 + n}.0",
            "midPx": f"{64863 + n}.5",
            "impactPxs": [f"{64863 + n}.0", f"{64864 + n}.0"],
            "dayBaseVlm": f"{34405 + n}.12345",
        }
        for n in range(SYMBOLS)
    ]
    meta = {"universe": universe, "marginTables": [], "collateralToken": 0}
    return _bytes([meta, contexts]), names


PAYLOADS: dict[str, tuple[Callable[[], tuple[bytes, list[str]]], str]] = {
    "bybit": (bybit, "tickers"),
    "okx": (okx, "open-interest"),
    "deribit": (deribit, "summaries"),
    "hyperliquid": (hyperliquid, "contexts"),
}


def _bytes(page: object) -> bytes:
    return json.dumps(page, separators=(",", ":")).encode()


def _book(venue: str, names: list[str]) -> Book:
    contract = ContractSize(Decimal("0.01"), Unit.BASE)
    return {
        name: Instrument(Venue(venue), name, Asset(f"COIN{n}"), contract=contract)
        for n, name in enumerate(names)
    }


def measure(venue: str) -> tuple[float, float, int]:
    """Median CPU seconds of our parser and of ``json.loads``, and how many observations came out."""
    build, name = PAYLOADS[venue]
    body, names = build()
    book = _book(venue, names)
    parse = next(poll.parse for poll in EXCHANGES[Venue(venue)].polls if poll.name == name)
    ours: list[float] = []
    theirs: list[float] = []
    answer = Answer(())
    for _ in range(ROUNDS):
        start = thread_time()
        answer = parse(body, book, NOW)
        between = thread_time()
        json.loads(body, parse_float=Decimal)
        end = thread_time()
        ours.append(between - start)
        theirs.append(end - between)
    assert not answer.unknown
    assert not answer.unreadable
    return statistics.median(ours), statistics.median(theirs), len(answer.observations)


def main() -> None:
    print(f"{SYMBOLS} symbols, median CPU time of {ROUNDS} rounds, turn about; goal: ratio at most {GOAL}")
    for venue in PAYLOADS:
        ours, theirs, count = measure(venue)
        verdict = "ok" if ours <= GOAL * theirs else "MISSED"
        print(
            f"{venue:12} {count:5} observations  ours {ours * 1e3:6.2f} ms  "
            f"json.loads {theirs * 1e3:6.2f} ms  ratio {ours / theirs:4.2f}  {verdict}"
        )


if __name__ == "__main__":
    main()
