"""One whole cycle over 6,000 instruments, against ccxt parsing the same payloads and nothing else.

Ours: the all-symbols answers of twelve venues (four wire formats, three venues each; 500 coins, every field
the venue sends), from bytes through the parsers, the gate, the aggregate and the detector, and into SQLite:
readings, snapshots and what was rejected. Every row gives its open interest and, where it tells them, price,
funding and volume. ccxt: ``json`` and ``parse_ticker`` + ``parse_open_interest`` for each row of the same
bytes (OKX's answer holds open interest alone), its markets known. Both in CPU time of one process, turn
about, so that a busy machine disturbs both; SQLite's writer thread counts in full.

Goal: at most 0.8 x the time of ccxt.

    python -m benchmarks.cycle
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import Any

import ccxt

from benchmarks.decode import NOW, PAYLOADS, SYMBOLS
from bot.domain.assets import Asset
from bot.domain.market import Group, Instrument, OpenInterest, Reading, Venue
from bot.domain.units import ContractSize, Unit
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Book, Poll
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace
from bot.ports import Journal
from storage.sqlite import open_sqlite

VENUES_EACH = 3
"""Venues that speak one wire format."""
INSTRUMENTS = len(PAYLOADS) * VENUES_EACH * SYMBOLS
CYCLES = 12
WARM = 2
GOAL = 0.8
MINUTE = timedelta(minutes=1)
COUNTED = re.compile(rb'("(?:openInterest|oi|oiCcy)":"\d+\.)(\d)|("open_interest":\d+\.)(\d)')


@dataclass(frozen=True, slots=True)
class Source:
    poll: Poll
    book: Book
    body: bytes


def sources() -> list[Source]:
    contract = ContractSize(Decimal("0.01"), Unit.BASE)
    found = []
    for name, (build, poll) in PAYLOADS.items():
        body, symbols = build()
        asked = next(p for p in EXCHANGES[Venue(name)].polls if p.name == poll)
        for number in range(VENUES_EACH):
            venue = Venue(f"{name}{number}")
            book = {
                symbol: Instrument(venue, symbol, Asset(f"COIN{n}"), contract=contract)
                for n, symbol in enumerate(symbols)
            }
            found.append(Source(asked, book, body))
    return found


def moved(body: bytes, cycle: int) -> bytes:
    """The answer as it reads a while later: other amounts, newer stamps."""
    digit = str(cycle % 10).encode()
    changed = COUNTED.sub(lambda m: (m[1] or m[3]) + digit, body)
    stamp = 1793534399000
    return changed.replace(str(stamp)[:9].encode(), str(stamp + cycle * 60_000)[:9].encode())


async def cycle(judge: Judge, journal: Journal, asked: Sequence[tuple[Source, bytes]], now: datetime) -> int:
    """Everything that a minute of the live process does with its answers."""
    readings: list[Reading] = []
    rejected = []
    for source, body in asked:
        for said in source.poll.parse(body, source.book, now).observations:
            before = judge.verdict_on(said.instrument) if isinstance(said, OpenInterest) else None
            verdict, reading = judge.take(said)
            if reading is not None:
                readings.append(reading)
            elif (kept := judge.changed(said, verdict, before)) is not None:
                rejected.append(kept)
    stepped = judge.step(now)
    await journal.record(readings)
    await journal.quarantine(rejected)
    await journal.snap(stepped.snapshots)
    return len(readings)


def rows_of(venue: str, page: Any) -> list[dict[str, Any]]:
    if venue == "hyperliquid":
        meta, contexts = page
        return [{**named, **context} for named, context in zip(meta["universe"], contexts, strict=True)]
    rows: list[dict[str, Any]] = {
        "bybit": lambda: page["result"]["list"],
        "okx": lambda: page["data"],
        "deribit": lambda: page["result"],
    }[venue]()
    return rows


SYMBOL = {"bybit": "symbol", "okx": "instId", "deribit": "instrument_name", "hyperliquid": "name"}


def with_markets(venue: str, rows: list[dict[str, Any]]) -> Any:
    """An exchange of ccxt that knows the market of every row."""
    exchange = getattr(ccxt, venue)()
    markets = [
        exchange.safe_market_structure(
            {
                "id": row[SYMBOL[venue]],
                "symbol": f"COIN{n}/USDT:USDT",
                "base": f"COIN{n}",
                "quote": "USDT",
                "settle": "USDT",
                "type": "swap",
                "swap": True,
                "contract": True,
                "linear": True,
                "contractSize": 0.01,
            }
        )
        for n, row in enumerate(rows)
    ]
    exchange.set_markets(markets)
    return exchange


Page = tuple[str, bytes, Any, list[Any]]


def pages() -> list[Page]:
    """Venue, answer, its exchange in ccxt and the market of each row."""
    found: list[Page] = []
    for venue, (build, _) in PAYLOADS.items():
        body, _names = build()
        rows = rows_of(venue, json.loads(body))
        exchange = with_markets(venue, rows)
        markets = [exchange.market(f"COIN{n}/USDT:USDT") for n in range(len(rows))]
        found.extend([(venue, body, exchange, markets)] * VENUES_EACH)
    return found


def parsed_by_ccxt(known: Sequence[Page]) -> None:
    for venue, body, exchange, markets in known:
        for row, market in zip(rows_of(venue, json.loads(body)), markets, strict=True):
            if venue != "okx":
                exchange.parse_ticker(row, market)
            exchange.parse_open_interest({"info": row} if venue == "hyperliquid" else row, market)


async def measure() -> tuple[float, float]:
    """Median CPU seconds of our cycle and of ccxt's parsing."""
    found, known = sources(), pages()
    groups = {next(iter(source.book.values())).venue: Group.OFFSHORE for source in found}
    judge = Judge(groups, Pace(step=MINUTE, fresh=3 * MINUTE))
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        async with open_sqlite(Path(folder) / "cycle.db") as store:
            for number in range(CYCLES):
                asked = [(source, moved(source.body, number)) for source in found]
                start = process_time()
                count = await cycle(judge, store.journal, asked, NOW + number * MINUTE)
                between = process_time()
                parsed_by_ccxt(known)
                theirs.append(process_time() - between)
                ours.append(between - start)
                assert count == INSTRUMENTS, f"only {count} readings were believed"
    return statistics.median(ours[WARM:]), statistics.median(theirs[WARM:])


def main() -> None:
    our_s, ccxt_s = asyncio.run(measure())
    ratio = our_s / ccxt_s
    print(f"{INSTRUMENTS:,} instruments, median CPU time of {CYCLES - WARM} cycles, turn about")
    print(f"ours  {our_s * 1e3:6.0f} ms: decode, gate, aggregate, detect, store")
    print(f"ccxt  {ccxt_s * 1e3:6.0f} ms: parse alone ({ccxt.__version__})")
    print(f"ratio {ratio:.2f}; goal: at most {GOAL}: {'ok' if ratio <= GOAL else 'MISSED'}")


if __name__ == "__main__":
    main()
