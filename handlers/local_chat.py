"""The local chat: a third face beside Telegram and Discord, in a browser on the loopback address.

It has no sign-in, so it listens on loopback only, answers only requests that name a loopback host (a
rebound name cannot reach it) and takes words only from its own page.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import re
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from aiohttp import web

from bot.domain.cards import Card
from bot.domain.charts import Chart
from bot.domain.posts import ChatMessage, Destination
from bot.errors import ConfigError, MessageGone
from bot.ports import ChatLog, Clock, HealthView
from handlers.card_html import message_html
from handlers.local_health import freshness, healthz, metrics
from handlers.local_page import (
    ASSETS,
    HEADERS,
    PICTURE_POLICY,
    Status,
    asset,
    history_html,
    page_html,
    status_now,
)
from handlers.local_tabs import Tabs, event_block

LOCAL = Destination("local", "page")
"""The one chat there is here."""

HISTORY = 200
"""Messages on the page."""
LONGEST_LINE = 500
"""Characters a person may type; a command needs far fewer."""
MOST_BYTES = 8 * 1024
MOST_TABS = 64
PICTURES_KEPT = 32
HEARTBEAT = timedelta(seconds=5)
STOP_WITHIN = timedelta(seconds=1)
"""How long requests in hand may take once the program stops."""

HOSTS = {"127.0.0.1", "localhost", "[::1]"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _no_figures() -> Mapping[str, float]:
    return {}


@dataclass(kw_only=True)
class LocalChat:
    """Speaks (``Messenger``) into ``log`` and to every open page.

    ``answer`` turns a typed line into a card; ``draw`` turns a chart into SVG and is called in a thread.
    ``clock`` is the market's time, ``speed`` its seconds per real second (``None`` when live), ``commands``
    names without slash and what they answer, ``figures`` more gauges for ``/metrics``.
    """

    log: ChatLog
    answer: Callable[[str], Awaitable[Card]]
    draw: Callable[[Chart], str]
    clock: Clock
    health: HealthView
    commands: Mapping[str, str]
    figures: Callable[[], Mapping[str, float]] = _no_figures
    banner: str = ""
    speed: float | None = None
    hooks: dict[str, Handler] = field(default_factory=dict)
    """Paths another platform posts to, through a proxy; each knows whom it believes."""
    heartbeat: timedelta = HEARTBEAT
    platform: str = field(default="local", init=False)
    _tabs: Tabs = field(default_factory=lambda: Tabs(secrets.token_hex(4)), init=False)
    _pictures: OrderedDict[tuple[int, int], str] = field(default_factory=OrderedDict, init=False)
    _drawing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        said = await self.log.say(
            "bot", self.clock(), card=card, reply_to=int(reply_to) if reply_to else None
        )
        await self._show(said)
        return str(said.number)

    async def edit(self, destination: Destination, message: str, card: Card) -> None:
        amended = await self.log.amend(int(message), self.clock(), card)
        if amended is None:
            raise MessageGone(f"the local chat has no message {message}")
        await self._show(amended)

    @asynccontextmanager
    async def listen(self, host: str = "127.0.0.1", port: int = 8080) -> AsyncIterator[str]:
        """Serve the page while the block lasts; yields its address. Port 0 takes any that is free.

        Raises ``ConfigError`` when the address is not loopback or cannot be had.
        """
        if host != "localhost" and not _is_loopback(host):
            raise ConfigError(
                f"The local chat cannot listen on {host}: it has no sign-in, so only a loopback address "
                "such as 127.0.0.1 is allowed."
            )
        runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=STOP_WITHIN.total_seconds()
        )
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as fault:
                raise _cannot_listen(host, port, fault) from fault
            yield f"http://{_in_address(host)}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    def _application(self) -> web.Application:
        @web.middleware
        async def hooked(request: web.Request, handler: Handler) -> web.StreamResponse:
            hook = self.hooks.get(request.path) if request.method == "POST" else None
            return await hook(request) if hook else await handler(request)

        app = web.Application(middlewares=[hooked, _only_here], client_max_size=MOST_BYTES)
        app.add_routes(
            [
                web.get("/", self._page),
                web.post("/say", self._say),
                web.get("/events", self._events, allow_head=False),
                web.get(r"/picture/{number:\d{1,12}}-{revision:\d{1,9}}.svg", self._picture),
                web.get("/healthz", self._healthz),
                web.get("/metrics", self._metrics),
                web.get("/page/{name}", _asset),
            ]
        )
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self._close_tabs)
        return app

    async def _close_tabs(self, _: web.Application) -> None:
        self._tabs.close()

    async def _show(self, message: ChatMessage) -> None:
        quoted = None
        if message.reply_to is not None:
            quoted = await self._find(message.reply_to)
        self._tabs.tell("message", message_html(message, quoted))

    async def _find(self, number: int) -> ChatMessage | None:
        """A message the page still has."""
        for message in await self.log.said(after=number - 1, limit=HISTORY):
            return message if message.number == number else None
        return None

    def _status(self) -> Status:
        return status_now(freshness(self.health.sources()), self.clock(), self.speed)

    async def _page(self, _: web.Request) -> web.Response:
        last_id = self._tabs.last_id  # before the history is read: told twice is harmless, missed is not
        history = await self.log.said(limit=HISTORY)
        page = page_html(
            history,
            status=self._status(),
            banner=self.banner,
            commands=self.commands,
            last_id=last_id,
        )
        return web.Response(text=page, content_type="text/html")

    async def _say(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        words = form.get("text", "")
        text = " ".join(words.split()) if isinstance(words, str) else ""
        if len(text) > LONGEST_LINE:
            raise web.HTTPRequestEntityTooLarge(LONGEST_LINE, len(text))
        if text:
            await self._show(await self.log.say("you", self.clock(), text=text))
            await self.send(LOCAL, await self.answer(text))
        if "application/json" in request.headers.get("Accept", ""):
            return web.json_response({"said": text})
        raise web.HTTPSeeOther("/#end")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if len(self._tabs) >= MOST_TABS:
            raise web.HTTPServiceUnavailable(text="Too many pages are open.", headers={"Retry-After": "60"})
        last_id = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        with self._tabs.open(lambda: _abort(request)) as tab:
            try:
                await response.prepare(request)
                await response.write(await self._catch_up(last_id))
                loop, beat = asyncio.get_running_loop(), 0.0
                while True:
                    if loop.time() >= beat:
                        await response.write(self._status().block())
                        beat = loop.time() + self.heartbeat.total_seconds()
                    try:
                        block = await tab.next(beat)
                    except TimeoutError:
                        continue
                    if block is None:
                        break
                    await response.write(block)
            except ConnectionError:
                pass  # the page was closed, or dropped because it fell behind: it comes back by itself
        return response

    async def _catch_up(self, last_id: str) -> bytes:
        """What a page that knows ``last_id`` missed: events, or the whole history."""
        missed = self._tabs.missed(last_id)
        if missed is not None:
            return b"retry: 1000\n\n" + b"".join(missed)
        known = self._tabs.last_id
        history = history_html(await self.log.said(limit=HISTORY))
        return b"retry: 1000\n\n" + event_block("history", history or " ", known)

    async def _picture(self, request: web.Request) -> web.Response:
        """The newest picture of a message, whichever earlier revision is asked for."""
        message = await self._find(int(request.match_info["number"]))
        if message is None or message.card is None or message.card.picture is None:
            raise web.HTTPNotFound(text="That message has no picture.")
        svg = await self._drawn(message, message.card.picture.chart)
        return web.Response(
            text=svg, content_type="image/svg+xml", headers={"Content-Security-Policy": PICTURE_POLICY}
        )

    async def _drawn(self, message: ChatMessage, chart: Chart) -> str:
        """Drawn once for all tabs, one picture at a time, never on the event loop."""
        key = (message.number, message.revision)
        async with self._drawing:
            if key not in self._pictures:
                self._pictures[key] = await asyncio.to_thread(self.draw, chart)
                while len(self._pictures) > PICTURES_KEPT:
                    self._pictures.popitem(last=False)
            return self._pictures[key]

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response(healthz(self.health.sources(), self.clock()))

    async def _metrics(self, _: web.Request) -> web.Response:
        figures = {"local_pages": len(self._tabs), **self.figures()}
        text = metrics(self.health.sources(), figures, self.clock())
        return web.Response(body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4"})


async def _asset(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in ASSETS:
        raise web.HTTPNotFound
    return web.Response(body=asset(name), content_type=ASSETS[name], charset="utf-8")


@web.middleware
async def _only_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    host = request.headers.get("Host", "").lower()
    if re.sub(r":\d+$", "", host) not in HOSTS:
        raise web.HTTPForbidden(text="This page is only served under a loopback address.")
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and origin.lower() != f"http://{host}":
        raise web.HTTPForbidden(text="Words are only taken from the page itself.")
    return await handler(request)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.popall("Server", None)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _cannot_listen(host: str, port: int, fault: OSError) -> ConfigError:
    if fault.errno == errno.EADDRINUSE:
        return ConfigError(
            f"Port {port} on {host} is already in use. Stop the program that has it, or choose another "
            f"with --port."
        )
    return ConfigError(
        f"The local chat cannot listen on port {port} of {host}: {fault.strerror}. "
        "Choose another with --port."
    )
