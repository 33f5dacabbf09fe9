"""Short ways to the kept payloads of a venue, and to what its file makes of others like them."""

from __future__ import annotations

import json
from typing import Any

from bot.domain.market import OpenInterest
from bot.exchanges.spec import Answer, Exchange, Poll
from tests.exchanges.payloads import NOW, PAYLOADS, Payload, book_of, encode


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
