"""Whatever arrives, a parser raises ``SourceError`` or answers; and it answers the same twice."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.market import Liquidation, OpenInterest, PastLiquidations, Report
from bot.domain.units import measure
from bot.errors import SourceError
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Answer, Exchange
from tests.exchanges.payloads import NOW, PAYLOADS, book_of

Parse = Callable[[bytes], object]


def parsers_of(exchange: Exchange) -> dict[str, Parse]:
    book = book_of(exchange.venue)
    found: dict[str, Parse] = {"book": exchange.book.parse}
    for poll in (*exchange.polls, *exchange.unasked):
        found[f"poll:{poll.name}"] = lambda body, poll=poll: poll.parse(body, book, NOW)  # type: ignore[misc]
    for socket in exchange.sockets:
        found[f"socket:{socket.name}"] = lambda body, socket=socket: socket.parse(body, book, NOW)  # type: ignore[misc]
    if history := exchange.history:
        instrument = next(iter(book.values()))
        also = history.liquidated or (lambda *_: ())
        found["history"] = lambda body: [*history.parse(body, instrument, NOW), *also(body, instrument)]
    return found


PARSERS = {
    f"{venue}/{what}": parse
    for venue, exchange in EXCHANGES.items()
    for what, parse in parsers_of(exchange).items()
}
KEPT = [p for p in PAYLOADS if p.what != "refusal" and not isinstance(p.expected, str)]
GOOD = [(f"{p.venue}/{p.what}", p.body) for p in KEPT]
JSON = [p for p in KEPT if not p.body.startswith(b"<")]
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**18, 10**25, 10**400, [], {}, [[]]),
    *("", "0", "-1", "x", "NaN", "-Infinity", "1e999999", "1e-999999", "9" * 400, "\ud800", "１２"),
    *("1791000000000", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
)


def outcome(parse: Parse, body: bytes) -> object:
    """What came out, or which error; anything else than a ``SourceError`` fails the test."""
    try:
        return _finite(parse(body))
    except SourceError as fault:
        return type(fault), str(fault), fault.evidence


def _finite(result: object) -> object:
    """No answer holds a number that cannot be counted with."""
    said = result.observations if isinstance(result, Answer) else result
    for one in said if isinstance(said, list) else ():
        if isinstance(one, Report):
            assert math.isfinite(one.coins)
        if isinstance(one, PastLiquidations):
            assert all(math.isfinite(each) for each in (one.coins, one.usd) if each is not None)
        if isinstance(one, (OpenInterest, Liquidation)):
            price = float(one.price) if one.price else None
            size = measure(one.amount, one.instrument.contract, price)
            assert size.coins is None or math.isfinite(size.coins)
    return result


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"0",
        b'"text"',
        b"<html><title>503</title></html>",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"result":' + b"[" * 100_000,
        b"1" * 5000,
        b'{"retCode":0,"code":"0","result":{"list":[' + b"{}," * 1000 + b"{}]}}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_garbage_is_a_source_error_or_nothing(name: str, body: bytes) -> None:
    result = outcome(PARSERS[name], body)
    if isinstance(result, Answer):
        assert not result.observations


@given(name=st.sampled_from(sorted(PARSERS)), body=st.binary(max_size=200))
@settings(deadline=None)
def test_arbitrary_bytes_are_a_source_error_or_nothing(name: str, body: bytes) -> None:
    assert outcome(PARSERS[name], body) == outcome(PARSERS[name], body)


@given(kept=st.sampled_from(GOOD), data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_payload_with_broken_bytes_never_surprises(kept: tuple[str, bytes], data: st.DataObject) -> None:
    name, body = kept
    at = data.draw(st.integers(0, len(body) - 1))
    width = data.draw(st.integers(0, 3))
    broken = body[:at] + data.draw(st.binary(max_size=3)) + body[at + width :]
    assert outcome(PARSERS[name], broken) == outcome(PARSERS[name], broken)


@pytest.mark.parametrize(
    ("name", "body"), [(f"{p.venue}/{p.what}", p.body) for p in JSON], ids=map(str, JSON)
)
def test_a_payload_with_one_value_odd_or_gone_never_surprises(name: str, body: bytes) -> None:
    parse = PARSERS[name]
    for holder, key in _places(page := json.loads(body)):
        good = holder[key]
        for odd in ODD:
            holder[key] = odd
            outcome(parse, json.dumps(page).encode())
        if isinstance(holder, dict):
            del holder[key]
            outcome(parse, json.dumps(page).encode())
        holder[key] = good


def _places(page: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) within a decoded payload."""
    found: list[tuple[Any, Any]] = []
    for key, value in list(page.items() if isinstance(page, dict) else enumerate(page)):
        found.append((page, key))
        if isinstance(value, (dict, list)):
            found += _places(value)
    return found
