"""A web server on the loopback address where every venue of a scenario speaks its own wire format."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aiohttp import WSCloseCode, WSMsgType, web
from msgspec.structs import replace as replaced

from bot.errors import ConfigError
from bot.ports import Clock
from bot.simulator.faults import HANGS_UP, REFUSALS, REPLAYED, SWAPPED, Fault, Faults, Refusal
from bot.simulator.forced import Forced, forced
from bot.simulator.scenario import Scenario
from bot.simulator.venues import WIRE_FORMATS
from bot.simulator.wire import Answer, Ask, Refused, Stream, View

HOST = "127.0.0.1"
TICK = timedelta(milliseconds=200)
"""How often sockets look for new liquidations, in wall time."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Events = Callable[[str, datetime, datetime], Sequence[Forced]]
"""What is liquidated at a venue after one time and not after another, oldest first."""


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
    events: Events | None = None,
    reporters: Sequence[str] = ("published",),
) -> AsyncIterator[Mapping[str, Address]]:
    """Play ``scenario`` at the time ``clock`` tells; gives the address of each venue and reporter.

    ``port`` 0 takes a free one; ``events`` are told instead of the scenario's own liquidations.
    Raises ``ConfigError`` where the port is taken.
    """
    venues = (*sorted(scenario.venues), *reporters)

    def scripted(venue: str, since: datetime, until: datetime) -> Sequence[Forced]:
        return [event for event in forced(scenario, since, until) if event.contract.venue == venue]

    stage = _Stage(scenario, clock, faults or Faults(), tick, events or scripted)
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
    events: Events

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
            fault = await self._fail(venue, request)
            view = self.faults.view(self.scenario, venue, self.clock())
            asked = {**request.query, **request.match_info}
            try:
                ask = Ask(asked, await request.json() if request.method == "POST" else None)
            except ValueError as garbled:
                said, status = _malformed(garbled), 400
            else:
                said, status = self._swapped(fault, answer, view) or _said(answer, view, ask)
            page = isinstance(said, str)  # whatever else is told is JSON
            written = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            if fault is Fault.GARBAGE:
                written = written[: len(written) // 2]
            form = "text/html" if page else "application/json"
            return web.Response(body=written, status=status, content_type=form)

        return handle

    def _swapped(self, fault: Fault | None, answer: Answer | None, view: View) -> tuple[object, int] | None:
        """What somebody else answers, where that is the fault."""
        if fault not in SWAPPED:
            return None
        whole = Ask({}, {"type": "metaAndAssetCtxs"})
        others = [view.venue] if fault is Fault.ELSEWHERE else []
        others += [venue for venue in sorted(self.scenario.venues) if venue != view.venue]
        others += [venue for venue in sorted(WIRE_FORMATS) if venue not in others and venue != view.venue]
        for venue in others:
            holdings = self.faults.view(self.scenario, venue, view.now).holdings
            for other in WIRE_FORMATS[venue].answers.values():
                said, status = _said(other, replace(view, venue=venue, holdings=holdings), whole)
                if other is not answer and status == 200:
                    return said, status
        return None

    def _streaming(self, venue: str, stream: Stream, lines: set[web.WebSocketResponse]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            fault = await self._fail(venue, request)
            line, since = web.WebSocketResponse(), self.clock()
            if fault is Fault.REPLAYED:  # where nobody subscribes; else when they do
                since -= REPLAYED
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
                    before = set(topics)
                    for reply in stream.hear(message.data, topics):
                        await _send(line, stream, reply)
                    if self.faults.of(venue) is Fault.REPLAYED and topics != before:
                        old = self.events(venue, self.clock() - REPLAYED, self.clock())
                        for frame in stream.tell(old, topics - before):
                            await _send(line, stream, frame)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(
        self, venue: str, stream: Stream, line: web.WebSocketResponse, topics: set[str], told: datetime
    ) -> None:
        """Tell what is liquidated after ``told``, until the line or the venue goes down."""
        begun = self.faults.of(venue)
        while not line.closed and not self._hangs_up(venue, begun):
            now, fault = self.clock(), self.faults.of(venue)
            events = self.faults.told(self.scenario, venue, self.events(venue, told, now))
            frames = stream.tell(events, topics)
            if fault in SWAPPED and frames:
                frames = self._swapped_frames(fault, venue, events)
            for frame in frames:
                sent = frame[: len(frame) // 2] if fault is Fault.GARBAGE else frame
                for _ in range(2 if fault is Fault.DOUBLED else 1):
                    await _send(line, stream, sent)
            told = now
            await asyncio.sleep(self.tick.total_seconds())
        await line.close(code=WSCloseCode.SERVICE_RESTART)

    def _swapped_frames(self, fault: Fault, venue: str, events: Sequence[Forced]) -> Sequence[str]:
        """What somebody else would tell of these."""
        if fault is Fault.ELSEWHERE:
            swapped = self._swapped(fault, None, self.faults.view(self.scenario, venue, self.clock()))
            return [json.dumps(swapped[0])] * len(events) if swapped else []
        # From the end of the alphabet: those that speak as Binance does are near its beginning.
        other = next(v for v in sorted(WIRE_FORMATS, reverse=True) if v != venue and WIRE_FORMATS[v].streams)
        form = WIRE_FORMATS[other]
        lists = form.lists or (lambda _: ())
        theirs = [replaced(e, contract=c) for e in events for c in lists(e.contract.coin)]
        return [frame for one in form.streams.values() for frame in one.tell(theirs, _Every())]

    def _hangs_up(self, venue: str, begun: Fault | None) -> bool:
        """``begun`` is what was wrong when the line was opened."""
        fault = self.faults.of(venue)
        return fault in HANGS_UP or (fault is Fault.REPLAYED and begun is not Fault.REPLAYED)

    async def _fail(self, venue: str, request: web.Request) -> Fault | None:
        """Fail as the venue's fault says, where it is one that fails every question alike."""
        fault = self.faults.of(venue)
        if fault in REFUSALS:
            raise _HttpRefusal(REFUSALS[fault])
        if fault is Fault.CUT and request.transport is not None:
            request.transport.abort()
        hangs = fault is Fault.HANG and "Upgrade" not in request.headers
        while hangs and self.faults.of(venue) is Fault.HANG and request.transport is not None:  # noqa: ASYNC110
            await asyncio.sleep(self.tick.total_seconds())
        return fault


class _Every(set[str]):
    """Subscribed to all there is."""

    def __contains__(self, topic: object) -> bool:
        return True


class _HttpRefusal(web.HTTPException):
    """Any status: aiohttp has no class for some that venues use."""

    def __init__(self, refusal: Refusal) -> None:
        self.status_code = refusal.status
        super().__init__(headers=refusal.headers, text=refusal.text)


def _said(answer: Answer, view: View, ask: Ask) -> tuple[object, int]:
    """What is answered, and its HTTP status."""
    try:
        return answer(view, ask), 200
    except Refused as refused:
        return refused.body, refused.status
    except (KeyError, ValueError) as missing:  # as venues do where a parameter is missing or no number
        return _malformed(missing), 400


def _malformed(fault: Exception) -> object:
    return {"code": -1102, "msg": f"Mandatory parameter {fault} was malformed."}


async def _send(line: web.WebSocketResponse, stream: Stream, frame: str) -> None:
    if stream.gzipped:
        await line.send_bytes(gzip.compress(frame.encode()))
    else:
        await line.send_str(frame)
