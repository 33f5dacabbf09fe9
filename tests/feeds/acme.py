"""An invented venue, a loopback server that speaks for it, and stores that are plain lists."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from bot.domain.assets import Asset, parse_asset
from bot.domain.health import SourceHealth
from bot.domain.market import (
    Completeness,
    Group,
    Instrument,
    Liquidation,
    Observation,
    OpenInterest,
    Position,
    Price,
    Quarantined,
    Venue,
)
from bot.domain.units import Amount, Unit
from bot.errors import SourceBlocked, SourceChanged, SourceError, SourceThrottled, SourceUnreachable
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    History,
    Listing,
    Poll,
    Request,
    Socket,
    from_ms,
    required,
)
from bot.feeds.contact import Setting
from bot.health import Health

VENUE = Venue("acme")
START = datetime(2025, 10, 10, 21, 0, tzinfo=UTC)
BTC = Asset("BTC")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def decode(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_float=Decimal)
    except ValueError as odd:
        raise SourceChanged(f"not JSON: {odd}") from odd


def parse_book(raw: bytes) -> Listing:
    """``{"contracts": ["BTC-PERP", "ETH-PERP"]}``; what begins with a question mark cannot be read."""
    names: list[str] = decode(raw)["contracts"]
    known = [name for name in names if not name.startswith("?")]
    listing = Listing(
        (name, Instrument(VENUE, name, parse_asset(name.partition("-")[0])[0])) for name in known
    )
    listing.unreadable = [f"{name}: what?" for name in names if name.startswith("?")]
    return listing


def parse_tickers(raw: bytes, book: Book, now: datetime) -> Answer:
    """``{"tickers": [{"s": "BTC-PERP", "oi": "120", "mark": "64000.5"}]}``"""
    page = decode(raw)
    if page.get("code") == "busy":
        raise SourceThrottled("busy", retry_after=timedelta(seconds=7))
    told: list[Observation] = []
    unknown: list[str] = []
    for row in page["tickers"]:
        if known := book.get(row["s"]):
            told.append(OpenInterest(known, Amount(required(row["oi"], "oi"), Unit.BASE), now, now))
            told.append(Price(known, required(row["mark"], "mark"), now, now))
        else:
            unknown.append(row["s"])
    return Answer(told, unknown)


def parse_forced(raw: bytes, book: Book, now: datetime) -> Sequence[Liquidation]:
    """``{"s": "BTC-PERP", "q": "2", "p": "64000", "t": 1700000000000}``; acknowledgements have no ``s``."""
    row = decode(raw)
    if not (known := book.get(row.get("s", ""))):
        return []
    amount = Amount(required(row["q"], "q"), Unit.BASE)
    return [Liquidation(known, Position.LONG, amount, required(row["p"], "p"), from_ms(row["t"]), now)]


def parse_past(raw: bytes, instrument: Instrument, now: datetime) -> Sequence[OpenInterest]:
    """``[[1700000000000, "120"]]``"""
    return [
        OpenInterest(instrument, Amount(required(coins, "coins"), Unit.BASE), from_ms(at), now)
        for at, coins in decode(raw)
    ]


def read_refusal(status: int, body: bytes) -> SourceError:
    if status == 429:
        return SourceThrottled("too many requests", retry_after=timedelta(seconds=60))
    if status in (403, 451):
        return SourceBlocked("not available where you are")
    if status >= 500:
        return SourceUnreachable(f"HTTP {status}")
    return SourceChanged(f"HTTP {status}")


ALL = Poll("tickers", MINUTE, lambda _: [Request("/tickers")], parse_tickers)
EACH = Poll("each", MINUTE, lambda book: [Request("/ticker", {"s": s}) for s in sorted(book)], parse_tickers)
FORCED = Socket(
    "forced",
    "wss://ws.acme.example/line?v=1",
    lambda book: [json.dumps({"subscribe": sorted(book)})],
    parse_forced,
    Completeness.COMPLETE,
    ping="ping",
    ping_every=timedelta(milliseconds=30),
)
ACME = Exchange(
    venue=VENUE,
    title="Acme",
    group=Group.OFFSHORE,
    base_url="https://api.acme.example",
    book=BookPoll(HOUR, lambda: [Request("/contracts")], parse_book),
    polls=(ALL,),
    budget=Budget(1000, MINUTE),
    facts=(),
    read_refusal=read_refusal,
    history=History(
        timedelta(minutes=5),
        timedelta(days=30),
        lambda instrument, since, until: [Request("/past", {"s": instrument.symbol})],
        parse_past,
    ),
)


def contracts(*names: str) -> web.Response:
    return web.json_response({"contracts": names})


def tickers(*names: str) -> web.Response:
    return web.json_response({"tickers": [{"s": n, "oi": "120", "mark": "64000.5"} for n in names]})


async def serve_contracts(request: web.Request) -> web.Response:
    return contracts("BTC-PERP", "ETH-PERP")


async def serve_tickers(request: web.Request) -> web.Response:
    return tickers("BTC-PERP", "ETH-PERP")


@dataclass
class Server:
    """Answers each path with what ``routes`` says now; remembers what was asked."""

    routes: dict[str, Handler] = field(
        default_factory=lambda: {"/contracts": serve_contracts, "/tickers": serve_tickers}
    )
    asked: list[str] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    url: str = ""

    def count(self, path: str) -> int:
        return sum(asked.startswith(path) for asked in self.asked)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        self.at.append(asyncio.get_running_loop().time())
        self.headers.append(request.headers)
        return await self.routes[request.path](request)


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_serving(*answers: bytes) -> AsyncIterator[str]:
    """Sends these bytes to whoever asks and cuts the line."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for answer in answers:
            writer.write(answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@dataclass
class World:
    """A setting whose stores are lists and whose clock and chance stand still until they are moved."""

    now: datetime = START
    wall: float = 0.0
    speed: float = 1.0
    luck: float = 0.5
    told: list[Observation] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    kept: list[Quarantined] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.health = Health(lambda: self.now)
        self.changed = asyncio.Event()

    @property
    def setting(self) -> Setting:
        return Setting(
            out=self,
            journal=self,
            health=self.health,
            clock=lambda: self.now,
            speed=self.speed,
            sleep=self.sleep,
            chance=lambda: self.luck,
            monotonic=lambda: self.wall,
        )

    @property
    def live_setting(self) -> Setting:
        """With the wall's own seconds, for what really waits on a line."""
        return replace(self.setting, monotonic=asyncio.get_running_loop().time)

    async def put(self, batch: Sequence[Observation]) -> None:
        self.told.extend(batch)
        self.batches.append(len(batch))
        self.changed.set()

    async def quarantine(self, rejected: Sequence[Quarantined]) -> None:
        self.kept.extend(rejected)
        self.changed.set()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.wall += seconds
        self.changed.set()
        await asyncio.sleep(0)

    def pass_time(self, by: timedelta) -> None:
        self.now += by
        self.wall += by.total_seconds()

    def source(self, name: str) -> SourceHealth:
        return next(known for known in self.health.sources() if known.source == name)


async def until(condition: Callable[[], object], within: float = 2.0) -> None:
    """Poll a condition; a deadline instead of a guess."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
