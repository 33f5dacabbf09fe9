"""Asking a simulated venue as the feeds do: over HTTP, through its real adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.market import (
    Observation,
    OpenInterest,
    Price,
    Venue,
)
from bot.domain.units import measure
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Book, Exchange
from bot.feeds.http import VenueHttp, open_http
from bot.simulator.faults import Faults
from bot.simulator.scenario import named
from bot.simulator.servers import Address, serve

OCTOBER = named("october-2025")
MINUTE = timedelta(minutes=1)
DEADLINE_SECONDS = 10
LIVE = sorted(OCTOBER.venues)
WITH_HISTORY = [venue for venue in LIVE if EXCHANGES[Venue(venue)].history]
WITH_SOCKETS = [venue for venue in LIVE if EXCHANGES[Venue(venue)].sockets]
BTC_FEED_SHARES = OCTOBER.script.liquidation_feeds


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2025, 10, 10, hour, minute, second, tzinfo=UTC)


@dataclass
class Hands:
    """A market clock moved by hand."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Caller:
    """Asks one simulated venue as the feeds do."""

    exchange: Exchange
    http: VenueHttp
    clock: Hands

    async def book(self) -> Book:
        asked = [await self.http.fetch(request) for request in self.exchange.book.requests()]
        return {k: v for body in asked for k, v in self.exchange.book.parse(body).items()}

    async def observations(self) -> Sequence[Observation]:
        book = await self.book()
        said: list[Observation] = []
        for poll in self.exchange.polls:
            alone = [{symbol: one} for symbol, one in book.items()]
            for asked in alone if poll.rotates else [book]:
                for request in poll.requests(asked):
                    answer = poll.parse(await self.http.fetch(request), asked, self.clock.now)
                    assert not answer.unreadable
                    said += answer.observations
        return said


@asynccontextmanager
async def calling(
    venue: str, now: datetime, faults: Faults | None = None
) -> AsyncIterator[tuple[Caller, Address]]:
    clock, exchange = Hands(now), EXCHANGES[Venue(venue)]
    async with (
        serve(OCTOBER, clock, faults=faults, tick=timedelta(milliseconds=5)) as addresses,
        open_http(exchange, base_url=addresses[venue].base_url, speed=1e6) as http,
    ):
        yield Caller(exchange, http, clock), addresses[venue]


def coins_of(observations: Iterable[Observation], asset: str) -> float:
    """Coins as the rest of the program counts them, at the newest price of each contract."""
    said = list(observations)
    prices = {o.instrument.symbol: o.price for o in said if isinstance(o, Price)}
    total = 0.0
    for told in said:
        if isinstance(told, OpenInterest) and told.instrument.asset == asset:
            price = told.price or prices[told.instrument.symbol]
            coins = measure(told.amount, told.instrument.contract, float(price)).coins
            assert coins is not None
            total += coins
    return total
