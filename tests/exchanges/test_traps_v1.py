"""What is easily read wrongly at Bitget, Gate and HTX."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.domain.market import OpenInterest, Venue
from bot.domain.units import Unit
from bot.errors import SourceChanged
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Answer, Exchange, Poll
from tests.exchanges.payloads import NOW, PAYLOADS, Payload, book_of, encode, parsed

BITGET = EXCHANGES[Venue("bitget")]


def kept(venue: str, name: str) -> Payload:
    return next(p for p in PAYLOADS if (p.venue, p.name) == (venue, name))


def page(venue: str, name: str) -> Any:
    return json.loads(kept(venue, name).body)


def poll(exchange: Exchange, name: str) -> Poll:
    return next(p for p in (*exchange.polls, *exchange.unasked) if p.name == name)


def answer(exchange: Exchange, name: str, payload: object) -> Answer:
    return poll(exchange, name).parse(encode(payload), book_of(exchange.venue), NOW)


def open_interest(said: Answer) -> dict[str, OpenInterest]:
    return {o.instrument.symbol: o for o in said.observations if isinstance(o, OpenInterest)}


# Bitget


def test_bitget_endpoints_that_disagree_are_never_mixed() -> None:
    asked = {request.path for one in BITGET.polls for request in one.requests(book_of(BITGET.venue))}
    assert not any("open-interest" in path for path in asked)
    assert {one.name for one in BITGET.unasked} == {"open-interest", "open-interest-v3"}
    tickers = open_interest(parsed(kept("bitget", "tickers")))["BTCUSDT"]
    other = open_interest(parsed(kept("bitget", "open_interest")))["BTCUSDT"]
    assert other.amount.value > 2 * tickers.amount.value  # the very reason


def test_bitget_newer_tickers_stand_in_for_the_older_and_neither_is_read_as_the_other() -> None:
    assert poll(BITGET, "tickers-v3").stands_in_for == "tickers"
    for name, payload in (("tickers", "tickers_v3"), ("tickers-v3", "tickers")):
        with pytest.raises(SourceChanged):
            answer(BITGET, name, page("bitget", payload))


def test_bitget_counts_coins_also_where_it_is_margined_in_coins() -> None:
    told = open_interest(parsed(kept("bitget", "tickers_coin")))
    assert told["BTCUSD"].instrument.inverse
    assert {one.amount.unit for one in told.values()} == {Unit.BASE}


def test_bitget_shares_metals_and_what_does_not_trade_are_left_out() -> None:
    listed = page("bitget", "book_usdt")["data"]
    left_out = {row["symbol"] for row in listed} - set(book_of(BITGET.venue))
    assert left_out == {"NVDAUSDT", "PAXGUSDT", "OLDUSDT", "SOONUSDT", "BTCEUR"}


def test_bitget_says_why_no_liquidations_are_heard() -> None:
    assert not BITGET.sockets
    assert "silent" in BITGET.unheard
