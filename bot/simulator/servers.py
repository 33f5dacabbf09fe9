"""A web server on the loopback address where every venue of a scenario speaks its own wire format."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import WSCloseCode, WSMsgType, web

from bot.errors import ConfigError
from bot.ports import Clock
from bot.simulator.faults import Fault, Faults
from bot.simulator.forced import forced
from bot.simulator.scenario import Scenario
from bot.simulator.venues import WIRE_FORMATS
from bot.simulator.wire import Answer, Ask, Refused, Stream

HOST = "127.0.0.1"
TICK = timedelta(milliseconds=200)
"""How often sockets look for new liquidations, in wall time."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where one venue is found; both go before the paths that its adapter knows."""

    base_url: str
    ws_url: str


@asynccontextmanager
async def serve(
    scenario: Scenario,
    clock: Clock,
    *,
    port: int = 0,
    faults: Faults | None = None,
    tick: timedelta = TICK,
) -> AsyncIterator[Mapping[str, Address]]:
    """Play ``scenario`` at the time ``clock`` tells; gives the address of each venue, reports included.

    ``port`` 0 takes a free one. Raises ``ConfigError`` where the port is taken.
    """
    venues = (*sorted(scenario.venues), "published")
    stage = _Stage(scenario, clock, faults or Faults(), tick)
    runner = web.AppRunner(stage.app(venues), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        try:
            await site.start()
        except OSError as taken:
            raise ConfigError(f"the simulator cannot listen on {HOST}:{port}: {taken.strerror}") from taken
        here = f"{HOST}:{runner.addresses[0][1]}"
        yield {venue: Address(f"http://{here}/{venue}", f"ws://{here}/{venue}") for venue in venues}
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class _Stage:
    scenario: Scenario
    clock: Clock
    faults: Faults
    tick: timedelta

    def app(self, venues: tuple[str, ...]) -> web.Application:
        app = web.Application()
        lines: set[web.WebSocketResponse] = set()
        for venue in venues:
            form = WIRE_FORMATS[venue]
            for path, answer in form.answers.items():
                app.router.add_route("*", f"/{venue}{path}", self._answering(venue, answer))
            for path, stream in form.streams.items():
                app.router.add_get(f"/{venue}{path}", self._streaming(venue, stream, lines))

        async def hang_up(_: web.Application) -> None:
            for line in list(lines):
                await line.close(code=WSCloseCode.GOING_AWAY)

        app.on_shutdown.append(hang_up)
        return app

    def _answering(self, venue: str, answer: Answer) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            fault = self._fail(venue, request)
            view = self.faults.view(self.scenario, venue, self.clock())
            try:
                body = await request.json() if request.method == "POST" else None
                said, status = answer(view, Ask({**request.query, **request.match_info}, body)), 200
            except Refused as refused:
                said, status = refused.body, refused.status
            except (
                KeyError,
                ValueError,
            ) as missing:  # as venues do where a parameter is missing or no number
                said, status = {"code": -1102, "msg": f"Mandatory parameter {missing} was malformed."}, 400
            written = json.dumps(said).encode()
            if fault is Fault.GARBAGE:
                written = written[: len(written) // 2]
            return web.Response(body=written, status=status, content_type="application/json")

        return handle

    def _streaming(self, venue: str, stream: Stream, lines: set[web.WebSocketResponse]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            self._fail(venue, request)
            line, since = web.WebSocketResponse(), self.clock()
            try:
                await line.prepare(request)
            except ConnectionError:
                return web.Response()  # whoever asked has hung up, so nobody gets this
            lines.add(line)
            try:
                with suppress(ConnectionError):
                    await self._talk(venue, stream, line, since)
            finally:
                lines.discard(line)
            return line

        return handle

    async def _talk(self, venue: str, stream: Stream, line: web.WebSocketResponse, since: datetime) -> None:
        """Hear what is subscribed to, and tell that from ``since`` on, until the line closes."""
        topics: set[str] = set()
        telling = asyncio.create_task(self._tell(venue, stream, line, topics, since))
        try:
            async for message in line:
                if message.type is WSMsgType.TEXT:
                    for reply in stream.hear(message.data, topics):
                        await _send(line, stream, reply)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(
        self, venue: str, stream: Stream, line: web.WebSocketResponse, topics: set[str], told: datetime
    ) -> None:
        """Tell what is liquidated after ``told``, until the line or the venue goes down."""
        while not line.closed and self.faults.of(venue) not in (Fault.OUTAGE, Fault.CUT):
            now = self.clock()
            events = [e for e in forced(self.scenario, told, now) if e.contract.venue == venue]
            for frame in stream.tell(events, topics):
                await _send(line, stream, frame)
            told = now
            await asyncio.sleep(self.tick.total_seconds())
        await line.close(code=WSCloseCode.SERVICE_RESTART)

    def _fail(self, venue: str, request: web.Request) -> Fault | None:
        """Fail as the venue's fault says, where it is one that fails every question alike."""
        fault = self.faults.of(venue)
        if fault is Fault.OUTAGE:
            raise web.HTTPServiceUnavailable(text="Service Unavailable.")
        if fault is Fault.THROTTLED:
            raise web.HTTPTooManyRequests(headers={"Retry-After": "1"}, text="Too many requests.")
        if fault is Fault.CUT and request.transport is not None:
            request.transport.abort()
        return fault


async def _send(line: web.WebSocketResponse, stream: Stream, frame: str) -> None:
    if stream.gzipped:
        await line.send_bytes(gzip.compress(frame.encode()))
    else:
        await line.send_str(frame)
