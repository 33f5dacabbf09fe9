"""What a venue's list of contracts leaves out: asked beside it, and never in its way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
from aiohttp import web

from bot.domain.health import SourceState
from bot.domain.market import Instrument
from bot.exchanges.spec import HOUR, Book, Request, Terms
from bot.feeds.book import VenueBook
from bot.feeds.http import open_http
from tests.feeds.acme import ACME, Server, World, contracts

EVERY = timedelta(hours=4)


def parse_terms(raw: bytes, book: Book) -> Book:
    hours: dict[str, int] = msgspec.json.decode(raw)
    return {
        symbol: msgspec.structs.replace(one, funding_interval=hours.get(symbol, 8) * HOUR)
        for symbol, one in book.items()
    }


TERMS = Terms("terms", lambda: [Request("/terms")], parse_terms)
EXCHANGE = replace(ACME, book=replace(ACME.book, terms=TERMS))


def intervals(book: Book) -> dict[str, timedelta | None]:
    return {symbol: one.funding_interval for symbol, one in book.items()}


async def told(_: web.Request) -> web.Response:
    return web.json_response({"BTC-PERP": 4})


async def test_contracts_are_known_with_their_terms(server: Server, world: World) -> None:
    server.routes["/terms"] = told
    async with open_http(EXCHANGE, base_url=server.url) as http:
        book = VenueBook(EXCHANGE, http, world.setting, None)
        assert await book.ask() is None
    assert intervals(book.watched) == {"BTC-PERP": EVERY, "ETH-PERP": 8 * HOUR}
    assert world.source("terms").state is SourceState.FRESH


async def test_without_an_answer_the_contracts_stand_and_keep_what_was_known(
    server: Server, world: World
) -> None:
    async def refused(_: web.Request) -> web.Response:
        return web.Response(status=503)

    async def more(_: web.Request) -> web.Response:
        return contracts("BTC-PERP", "SOL-PERP")

    server.routes["/terms"] = refused
    async with open_http(EXCHANGE, base_url=server.url) as http:
        book = VenueBook(EXCHANGE, http, world.setting, None)
        assert await book.ask() is None
        assert book.ready
        assert intervals(book.watched) == {"BTC-PERP": None, "ETH-PERP": None}
        assert world.source("terms").state is SourceState.LOST
        server.routes["/terms"] = told
        await book.ask()
        server.routes |= {"/terms": refused, "/contracts": more}
        await book.ask()
    assert intervals(book.watched) == {"BTC-PERP": EVERY, "SOL-PERP": None}
    assert isinstance(book.watched["SOL-PERP"], Instrument)
