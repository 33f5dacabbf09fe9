"""Short ways to put a payload to a venue's file, for the tests of what is easily taken for something else."""

from __future__ import annotations

import pytest

from bot.decode.payload import instrument_from
from bot.domain.market import Instrument, Liquidation, Observation, OpenInterest
from bot.domain.units import measure
from bot.exchanges.spec import Answer, Book, Exchange
from tests.exchanges.payloads import NOW, encode

AT = 1_789_905_483_478


def book(exchange: Exchange, *contracts: str) -> Book:
    """Contracts written as for ``decode``: ``SYMBOL,ASSET,linear|inverse,SIZE,coin|usd``."""
    given = [instrument_from(contract, exchange.venue) for contract in contracts]
    return {one.symbol: one for one in given}


def one_of(exchange: Exchange, contract: str) -> Instrument:
    (found,) = book(exchange, contract).values()
    return found


def answer(exchange: Exchange, source: str, payload: object, known: Book) -> Answer:
    poll = next(p for p in exchange.polls if p.name == source)
    return poll.parse(encode(payload), known, NOW)


def heard(exchange: Exchange, payload: object, known: Book) -> list[Liquidation]:
    told = exchange.sockets[0].parse(encode(payload), known, NOW)
    return [one for one in told if isinstance(one, Liquidation)]


def past(exchange: Exchange, payload: object, contract: str) -> list[OpenInterest]:
    assert exchange.history is not None
    return list(exchange.history.parse(encode(payload), one_of(exchange, contract), NOW))


def size(one: Observation) -> tuple[float | None, float | None]:
    """Coins and dollars, at the price of its own message."""
    assert isinstance(one, OpenInterest | Liquidation)
    told_price = one.price or (one.implied_price if isinstance(one, OpenInterest) else None)
    price = float(told_price) if told_price else None
    told = measure(one.amount, one.instrument.contract, price, one.instrument.coins_per_base)
    return told.coins, told.usd


def near(coins: float, usd: float) -> object:
    return pytest.approx((coins, usd), rel=1e-5)
