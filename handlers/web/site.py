"""The page's server: which path is answered by what, for whom, and under which headers."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib.resources import files
from urllib.parse import quote

from aiohttp import web

from bot.domain.figures import Sample
from bot.errors import ConfigError
from handlers.desk import Desk
from handlers.speech import LANGUAGES, _, nearest, speaking
from handlers.web.chat import HEARTBEAT, HISTORY, MOST_TABS, LocalChat
from handlers.web.chat_html import chat_page
from handlers.web.door import Door, Visitor, bearer
from handlers.web.figures import freshness
from handlers.web.frame import Frame, Status, status_now
from handlers.web.limits import Limit
from handlers.web.programs import Programs
from handlers.web.reading import Reading
from handlers.web.refusals_html import login_page, not_found_page, refusal_page
from handlers.web.stream import stream
from handlers.web.tabs import Tabs

MOST_BYTES = 8 * 1024
MOST_READERS = 256
"""Open pages that are told of waves."""
MOST_OF_ONE = 12
"""Of them, those of one guest."""
STOP_WITHIN = timedelta(seconds=1)
"""How long requests in hand may take once the program stops."""
TRIES, TRY_EVERY_S = 5, 12.0
"""At the token, for one client."""
GUEST_BURST, GUEST_EVERY_S = 60, 0.5
"""Requests of one guest."""
LANGUAGE_COOKIE = "lang"
LANGUAGE_KEPT_S = 365 * 24 * 3600

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # "no-referrer" would make browsers send "Origin: null" with our own form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}
ASSETS = {
    "page.css": "text/css",
    "chat.js": "text/javascript",
    "live.js": "text/javascript",
    "status.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
FREE = ("/page/", "/login", "/healthz")
"""Whoever knows the name of the page may have these: the form of ``/login``, and whether it lives."""
FOR_GUESTS = ("/board", "/waves", "/wave/", "/scorecard", "/feed.", "/healthz", "/live")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(kw_only=True)
class Site:
    """Serves the chat and the pages to read.

    ``speed`` is the market's seconds per real one (``None``: live). ``figures`` are what others count, for
    ``/metrics``. ``hooks`` are paths that another platform posts to, through a
    proxy; each knows whom it believes.
    """

    chat: LocalChat
    desk: Desk
    door: Door
    figures: Callable[[], Iterable[Sample]] = tuple
    speed: float | None = None
    hooks: dict[str, Handler] = field(default_factory=dict)
    heartbeat: timedelta = HEARTBEAT
    seconds: Callable[[], float] = time.monotonic
    news: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    """Set when a wave was revised: it says only "look"."""
    readers: Tabs = field(default_factory=lambda: Tabs("live"), init=False)

    def __post_init__(self) -> None:
        self._tries = Limit(TRIES, TRY_EVERY_S, self.seconds)
        self._guests = Limit(GUEST_BURST, GUEST_EVERY_S, self.seconds)
        self._listening: Counter[str] = Counter()
        self._reading = Reading(self.desk, self.chat, self.frame, self.door.base, self.seconds)
        self._programs = Programs(self.desk, self.door, self._counted)

    # --- serving -----------------------------------------------------------------------------------

    @asynccontextmanager
    async def listen(self, port: int = 8080) -> AsyncIterator[str]:
        """Serve while the block lasts; yields its address. Port 0 takes any that is free.

        Raises ``ConfigError`` when the address cannot be had.
        """
        runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=STOP_WITHIN.total_seconds()
        )
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, self.door.host, port).start()
            except OSError as fault:
                raise _cannot_listen(self.door.host, port, fault) from fault
            yield f"http://{self.door.here}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application(
            middlewares=[self._hooked, self._under_our_name, self._for_whom, self._in_their_language],
            client_max_size=MOST_BYTES,
        )
        app.add_routes(
            [
                web.get("/", self._chat_page),
                web.post("/say", self.chat.say),
                web.get("/events", self._events, allow_head=False),
                web.get(r"/picture/{number:\d{1,12}}-{revision:\d{1,9}}.svg", self.chat.picture),
                web.get(r"/file/{number:\d{1,12}}", self.chat.file),
                web.get("/live", self._live, allow_head=False),
                web.get("/login", self._login_form),
                web.post("/login", self._login),
                web.post("/logout", self._logout),
                web.get("/page/{name}", _asset),
                *self._reading.routes(),
                *self._programs.routes(),
            ]
        )
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self._close_tabs)
        return app

    async def _close_tabs(self, _app: web.Application) -> None:
        self.chat.tabs.close()
        self.readers.close()

    async def watch(self) -> None:
        """Tell open pages to look again when a wave was revised, until cancelled."""
        while True:
            await self.news.wait()
            self.news.clear()
            self.readers.tell("changed", lambda: "look")

    def _counted(self) -> Iterable[Sample]:
        yield Sample("local_pages", len(self.chat.tabs))
        yield Sample("reading_pages", len(self.readers))
        yield from self.figures()

    def status(self) -> Status:
        return status_now(freshness(self.desk.health.sources()), self.desk.clock(), self.speed)

    def frame(self, request: web.Request) -> Frame:
        visitor = self.door.visitor(request)
        operator = visitor is Visitor.OPERATOR
        return Frame(
            path=request.path,
            status=self.status(),
            banner=self.desk.banner,
            operator=operator,
            stranger=visitor is Visitor.NOBODY,
            signed_in=operator and self.door.locked,
            can_sign_in=self.door.token is not None,
        )

    # --- the chat and the streams ------------------------------------------------------------------

    async def _chat_page(self, request: web.Request) -> web.Response:
        last_id = self.chat.tabs.last_id  # before the history is read: told twice is harmless, missed is not
        history = await self.chat.log.said(limit=HISTORY)
        page = chat_page(self.frame(request), history, commands=self.chat.commands, last_id=last_id)
        return web.Response(text=page, content_type="text/html")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        first, beat = self.chat.catch_up, self._beat
        return await stream(request, self.chat.tabs, MOST_TABS, first=first, beat=beat, every=self.heartbeat)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        async def first(_last_id: str) -> bytes:
            return b""

        client = self.door.client(request)
        if self._listening[client] >= MOST_OF_ONE and self.door.visitor(request) is Visitor.GUEST:
            raise web.HTTPServiceUnavailable(
                text="You have too many pages open.", headers={"Retry-After": "60"}
            )
        self._listening[client] += 1
        try:
            return await stream(
                request, self.readers, MOST_READERS, first=first, beat=self._beat, every=self.heartbeat
            )
        finally:
            self._listening[client] -= 1
            self._listening += Counter()  # forgets who has none

    def _beat(self) -> bytes:
        return self.status().block()

    # --- signing in --------------------------------------------------------------------------------

    async def _login_form(self, request: web.Request) -> web.Response:
        if self.door.token is None:
            raise web.HTTPSeeOther("/")
        page = login_page(self.frame(request), to=_ours(request.query.get("to", "")), wrong=False)
        return web.Response(text=page, content_type="text/html")

    async def _login(self, request: web.Request) -> web.StreamResponse:
        if wait_s := self._tries.wait_s(self.door.client(request)):
            return self._too_many(request, wait_s)
        form = await request.post()
        token, to = form.get("token", ""), form.get("to", "")
        to = _ours(to if isinstance(to, str) else "")
        if not isinstance(token, str) or not self.door.opens(token.strip()):
            page = login_page(self.frame(request), to=to, wrong=True)
            return web.Response(text=page, content_type="text/html", status=403)
        response = web.Response(status=303, headers={"Location": to})
        self.door.sign_in(request, response)
        return response

    async def _logout(self, request: web.Request) -> web.StreamResponse:
        response = web.Response(status=303, headers={"Location": "/board" if self.door.public else "/login"})
        self.door.sign_out(request, response)
        return response

    # --- who may ask -------------------------------------------------------------------------------

    @web.middleware
    async def _hooked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        hook = self.hooks.get(request.path) if request.method == "POST" else None
        return await hook(request) if hook else await handler(request)

    @web.middleware
    async def _under_our_name(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        if not self.door.known(host):
            raise web.HTTPForbidden(
                text="This page is not served under that name; its own is set by [page] public_url."
            )
        if self.door.through_a_strange_proxy(request):
            raise web.HTTPForbidden(
                text="A proxy shows this page to others, and it has no token: set [page] public_url and one."
            )
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin is not None and not self.door.own(origin, host):
            raise web.HTTPForbidden(text="Words are only taken from the page itself.")
        return await handler(request)

    @web.middleware
    async def _for_whom(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        shown = bearer(request)
        if shown and (wait_s := self._wait_to_try(shown, request)):
            return self._too_many(request, wait_s)
        visitor = self.door.visitor(request)
        if visitor is Visitor.OPERATOR:
            return await handler(request)
        if visitor is Visitor.GUEST and not request.path.startswith("/page/"):
            if wait_s := self._guests.wait_s(self.door.client(request)):
                return self._too_many(request, wait_s)
            if request.path == "/":
                raise web.HTTPSeeOther("/board")
        free = FREE + (FOR_GUESTS if visitor is Visitor.GUEST else ())
        if request.path.startswith(free):
            return await handler(request)
        if _reads_html(request):
            raise web.HTTPSeeOther(f"/login?to={quote(request.path)}")
        raise web.HTTPUnauthorized(
            text="This needs the page's token.", headers={"WWW-Authenticate": 'Bearer realm="Washout"'}
        )

    def _wait_to_try(self, token: str, request: web.Request) -> int:
        """The right token costs no try, and does not open while there is none left: it may be a guess."""
        takes = self.door.locked and not self.door.opens(token)
        return self._tries.wait_s(self.door.client(request), take=takes)

    def _too_many(self, request: web.Request, wait_s: int) -> web.Response:
        with speaking(language_of(request)):
            page = refusal_page(self.frame(request), wait_s)
        return web.Response(
            text=page, content_type="text/html", status=429, headers={"Retry-After": str(wait_s)}
        )

    @web.middleware
    async def _in_their_language(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        chosen = nearest(request.query.get("lang", ""))
        with speaking(language_of(request)):
            try:
                response = await handler(request)
            except web.HTTPNotFound as gone:
                if not _reads_html(request):
                    raise
                text = gone.text if request.match_info.http_exception is None else ""
                page = not_found_page(self.frame(request), text or _("There is nothing at this address."))
                response = web.Response(text=page, content_type="text/html", status=404)
        if chosen and not response.prepared:
            response.set_cookie(LANGUAGE_COOKIE, chosen, max_age=LANGUAGE_KEPT_S, samesite="Lax")
        return response


def _reads_html(request: web.Request) -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("Accept", "")


def language_of(request: web.Request) -> str:
    """What was asked for by ``?lang=``, else what was chosen before, else what the browser prefers."""
    asked = (request.query.get("lang", ""), request.cookies.get(LANGUAGE_COOKIE, ""))
    wanted = [*asked, *preferred(request.headers.get("Accept-Language", ""))]
    return next((found for code in wanted if code and (found := nearest(code))), next(iter(LANGUAGES)))


def preferred(header: str) -> Sequence[str]:
    """The languages of an ``Accept-Language``, most wanted first (RFC 9110, 12.5.4)."""
    wanted = []
    for place, part in enumerate(header.split(",")[:32]):
        code, _sep, weight = part.partition(";q=")
        try:
            q = float(weight or 1)
        except ValueError:
            continue
        if q > 0:
            wanted.append((-q, place, code.strip()))
    return [code for *_order, code in sorted(wanted)]


def _ours(path: str) -> str:
    """Where to after signing in: a path of this page, never an address of somebody else's."""
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if fine and path.isascii() else "/"


async def _asset(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in ASSETS:
        raise web.HTTPNotFound
    content, tag = asset(name)
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(body=content, content_type=ASSETS[name], charset="utf-8", headers={"ETag": tag})


@cache
def asset(name: str) -> tuple[bytes, str]:
    """A file of ours, and the tag that changes with it."""
    content = files("handlers.web").joinpath("static", name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.popall("Server", None)


def _cannot_listen(host: str, port: int, fault: OSError) -> ConfigError:
    if fault.errno == errno.EADDRINUSE:
        return ConfigError(
            f"Port {port} on {host} is already in use. Stop the program that has it, or choose another "
            f"with --port."
        )
    return ConfigError(
        f"The page cannot listen on port {port} of {host}: {fault.strerror}. "
        "Choose another with --port, or another [page] host."
    )
