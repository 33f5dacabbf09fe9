"""The venues' payloads kept beside this file, each with what it means, and the words to compare them in.

A file holds ``what`` it is (``book``, ``poll:NAME``, ``history``, ``socket:NAME`` or ``refusal``), where its
shape comes from, the ``payload`` and what is ``expected`` of it: values, or the name of an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.domain.market import (
    AccountRatio,
    Funding,
    Instrument,
    Liquidation,
    OpenInterest,
    Price,
    Report,
    ReportKind,
    Supply,
    Venue,
    Volume,
)
from bot.domain.units import Amount, ContractSize
from bot.errors import SourceError, SourceThrottled
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Answer, Exchange

FOLDER = Path(__file__).parent / "payloads"
NOW = datetime(2026, 10, 3, 4, 1, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Payload:
    venue: Venue
    name: str
    what: str
    body: bytes
    expected: Any
    symbol: str = ""
    status: int = 200

    @property
    def exchange(self) -> Exchange:
        return EXCHANGES[self.venue]

    def __str__(self) -> str:
        return f"{self.venue}/{self.name}"


def encode(payload: object) -> bytes:
    """As it comes over the wire; a string is a page that is not JSON."""
    return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()


def _load(file: Path) -> Payload:
    kept = json.loads(file.read_text())
    return Payload(
        Venue(file.parent.name),
        file.stem,
        kept["what"],
        encode(kept["payload"]),
        kept["expected"],
        kept.get("symbol", ""),
        kept.get("status", 200),
    )


PAYLOADS = [_load(file) for file in sorted(FOLDER.glob("*/*.json"))]


def book_of(venue: Venue) -> dict[str, Instrument]:
    """All instruments that the kept book payloads of a venue list."""
    book: dict[str, Instrument] = {}
    for payload in PAYLOADS:
        if payload.venue == venue and payload.what == "book" and isinstance(payload.expected, dict):
            book.update(payload.exchange.book.parse(payload.body))
    return book


def parsed(payload: Payload, book: Mapping[str, Instrument] | None = None) -> Any:
    """What the venue's own parser makes of a payload, raw: types of the domain."""
    exchange = payload.exchange
    known = book_of(payload.venue) if book is None else book
    what, _, name = payload.what.partition(":")
    if what == "book":
        return exchange.book.parse(payload.body)
    if what == "poll":
        polls = (*exchange.polls, *exchange.unasked)
        if payload.symbol in known:  # asked for alone, and not named in the answer
            known = {payload.symbol: known[payload.symbol]}
        return next(p for p in polls if p.name == name).parse(payload.body, known, NOW)
    if what == "socket":
        return next(s for s in exchange.sockets if s.name == name).parse(payload.body, known, NOW)
    if what == "history":
        assert exchange.history is not None
        return exchange.history.parse(payload.body, known[payload.symbol], NOW)
    assert what == "refusal"
    raise exchange.read_refusal(payload.status, payload.body)


def told(payload: Payload) -> Any:
    """The same in the words of ``expected``."""
    try:
        result = parsed(payload)
    except SourceThrottled as fault:
        return f"SourceThrottled after {fault.retry_after.total_seconds():.0f} s"
    except SourceError as fault:
        return type(fault).__name__
    if isinstance(result, Answer):
        return _answer(result)
    if isinstance(result, Mapping):
        return {symbol: _instrument(instrument) for symbol, instrument in result.items()}
    return [_event(one) for one in result]


def _priced(one: OpenInterest) -> dict[str, str]:
    if one.price is not None:
        return {"price": str(one.price)}
    implied = one.implied_price
    return {} if implied is None else {"price": f"{implied:.4f} implied"}


def _answer(answer: Answer) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for one in answer.observations:
        if isinstance(one, Report):
            said.setdefault("reports", []).append(_report(one))
            continue
        assert one.received == NOW
        facts = said.setdefault(one.instrument.symbol, {})
        facts["at_ms"] = "now" if one.at == NOW else _ms(one.at)
        match one:
            case OpenInterest(amount=amount):
                facts["open_interest"] = _amount(amount)
                facts |= _priced(one)
            case Price(price=price):
                facts["price"] = str(price)
            case Funding(rate=rate, interval=interval):
                facts["funding"] = f"{rate} per {interval // timedelta(hours=1)} h"
            case AccountRatio() | Supply():
                facts |= _slow(one)
            case Volume(amount=amount):
                facts["volume"] = _amount(amount)
            case Liquidation(position=position, amount=amount, price=price):
                facts.setdefault("lost", []).append([position, _amount(amount), str(price)])
    for name, names in (("unknown", answer.unknown), ("unreadable", answer.unreadable)):
        if names:
            said[name] = list(names)
    return said


def _slow(one: AccountRatio | Supply) -> dict[str, str]:
    if isinstance(one, AccountRatio):
        return {"accounts": str(one.long_per_short)}
    return {"supply": str(one.coins)}


def _report(one: Report) -> list[Any]:
    """What every report tells, then in words what only some do."""
    row: list[Any] = [one.venue, one.asset, one.coins, one.previous_coins, _time(one.as_of)]
    if one.kind is not ReportKind.DAILY:
        row.append(f"{one.kind} by {one.source}")
    if one.native:
        row.append("crypto-native")
    if one.preliminary:
        row.append("preliminary")
    if one.holds_until is not None:
        row.append(f"holds until {_time(one.holds_until)}")
    if one.previous_as_of is not None:
        row.append(f"previous as of {_time(one.previous_as_of)}")
    row += [f"{h.holder}: long {h.long_coins}, short {h.short_coins}" for h in one.holdings]
    return row


def _instrument(one: Instrument) -> dict[str, Any]:
    return {
        "asset": one.asset,
        "coins_per_base": one.coins_per_base,
        "inverse": one.inverse,
        "contract": _amount(one.contract) if one.contract else None,
        "expiry": _time(one.expiry) if one.expiry else None,
        "quote": one.quote,
    }


def _event(one: OpenInterest | Liquidation) -> Sequence[Any]:
    assert one.received == NOW
    if isinstance(one, Liquidation):
        name = one.instrument.symbol
        return [name, one.position, _amount(one.amount), str(one.price), _ms(one.at), one.number]
    price = None if one.price is None else f"{one.price:f}"
    return [_time(one.at), _amount(one.amount), price]


def _amount(amount: Amount | ContractSize) -> str:
    return f"{amount.value} {amount.unit}"


def _time(at: datetime) -> str:
    assert at.tzinfo is UTC
    return at.isoformat().replace("+00:00", "Z")


def _ms(at: datetime) -> int:
    assert at.tzinfo is UTC
    return round(at.timestamp() * 1000)
