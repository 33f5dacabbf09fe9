"""The pages to read: the board, the waves and the scorecard, and their feeds."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from weakref import WeakValueDictionary

from aiohttp import web
from msgspec.structs import replace

from bot.domain.cards import Card
from bot.domain.waves import Kind, Wave
from handlers.commands import COMMANDS, Ask
from handlers.desk import Desk
from handlers.hindsight import scorecard
from handlers.speech import _, spoken
from handlers.web.board import Boards
from handlers.web.board_html import board_page
from handlers.web.card_html import Tap, linked, tapped_or_linked
from handlers.web.chat import LOCAL, LocalChat, picture_response
from handlers.web.feeds import Entry, Feed, atom, json_feed
from handlers.web.frame import Frame
from handlers.web.scorecard_html import PERIODS, scorecard_page
from handlers.web.wave_html import WavePage, wave_page, waves_page

WAVES_LISTED = 100
WAVES_FED = 50
FED_FOR = timedelta(days=30)
"""A wave that is taken back stays in the feeds, and says so."""
REVISIONS_SHOWN = 60
"""Of a wave, the newest; the first is always told."""
FRESH_S = 1.0
"""Long enough to share among many who look at once, short enough not to be noticed."""
PAGES_KEPT = 64
ASKED = ("coin", "all", "period")
"""What a page depends on, of what stands behind its path."""
USUAL_PERIOD = "30d"
WAVE_ID = r"/wave/{id:[\w-]{1,40}}"


@dataclass
class Kept:
    """Made once for all who ask for the same within ``FRESH_S``; a slow one keeps nobody from another."""

    seconds: Callable[[], float]
    _pages: OrderedDict[str, tuple[float, str]] = field(default_factory=OrderedDict, init=False)
    _making: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary, init=False)

    async def get(self, key: str, make: Callable[[], Awaitable[str]]) -> str:
        async with self._making.setdefault(key, asyncio.Lock()):
            at, text = self._pages.get(key, (float("-inf"), ""))
            if self.seconds() - at >= FRESH_S:
                text = await make()
                self._pages[key] = (self.seconds(), text)
                self._pages.move_to_end(key)
                if len(self._pages) > PAGES_KEPT:
                    self._pages.popitem(last=False)
            return text


class Reading:
    """``frame`` makes what stands around a page, for who asks."""

    def __init__(
        self,
        desk: Desk,
        chat: LocalChat,
        frame: Callable[[web.Request], Frame],
        base: Callable[[web.Request], str],
        seconds: Callable[[], float],
    ) -> None:
        self.desk, self.chat, self.frame, self.base = desk, chat, frame, base
        self._boards = Boards(desk)
        self._kept = Kept(seconds)

    def routes(self) -> Sequence[web.RouteDef]:
        return (
            web.get("/board", self._board),
            web.get("/waves", self._waves),
            web.get(WAVE_ID, self._wave),
            web.get(WAVE_ID + r"/{revision:\d{1,9}}.svg", self._picture),
            web.get("/scorecard", self._scorecard),
            web.get("/feed.atom", self._atom),
            web.get("/feed.json", self._json_feed),
        )

    async def _answer(self, request: web.Request, make: Callable[[Frame], Awaitable[str]]) -> web.Response:
        frame = self.frame(request)
        asked = [f"{name}={request.query.get(name, '')[:24]}" for name in ASKED]
        key = f"{request.path} {asked} {spoken()} {frame.operator} {frame.signed_in}"
        text = await self._kept.get(key, lambda: make(frame))
        headers = {"Vary": "Accept-Language, Cookie"}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _board(self, request: web.Request) -> web.Response:
        async def make(frame: Frame) -> str:
            return board_page(frame, await self._boards.now())

        return await self._answer(request, make)

    async def _waves(self, request: web.Request) -> web.Response:
        known = await self.desk.known()
        coin = request.query.get("coin", "").upper()
        asset = next((asset for asset in known if asset == coin), None)
        everything = request.query.get("all") == "1"

        async def make(frame: Frame) -> str:
            waves = await self.desk.resets(asset, WAVES_LISTED, unwinds=everything)
            return waves_page(frame, waves, coin=asset or "", coins=known, everything=everything)

        return await self._answer(request, make)

    async def _wave(self, request: web.Request) -> web.Response:
        wave = await self._found(request)

        async def make(frame: Frame) -> str:
            told = WavePage(
                wave,
                await self._said("wave", wave),
                await self._said("why", wave),
                await self._revisions(wave),
            )
            return wave_page(frame, told, tap_for(frame))

        return await self._answer(request, make)

    async def _found(self, request: web.Request) -> Wave:
        wave = await self.desk.store.waves.get(request.match_info["id"])
        if wave is None:
            raise web.HTTPNotFound(text=_("There is no such wave."))
        return wave

    async def _said(self, command: str, wave: Wave) -> Card:
        """What the chat would answer."""
        called = COMMANDS[command]
        words = {called.parameters[0].name: wave.id}
        return await called.run(self.desk, Ask(LOCAL, words=words))

    async def _revisions(self, wave: Wave) -> Sequence[Wave]:
        """Oldest first; of very many, the first and the newest."""
        numbers = range(max(2, wave.revision - REVISIONS_SHOWN + 2), wave.revision)
        waves = self.desk.store.waves
        earlier = [await waves.get(wave.id, number) for number in (1, *numbers) if number < wave.revision]
        return [*(found for found in earlier if found is not None), wave]

    async def _picture(self, request: web.Request) -> web.Response:
        """The newest, whichever earlier revision is asked for."""
        wave = await self._found(request)
        chart = await self.desk.wave_chart(wave)
        if chart is None:
            raise web.HTTPNotFound(text=_("That wave has no picture."))
        chart = replace(chart, language=spoken())
        return picture_response(await self.chat.drawn((f"{wave.id} {spoken()}", wave.revision), chart))

    async def _scorecard(self, request: web.Request) -> web.Response:
        asked = request.query.get("period", "")
        period = asked if asked in PERIODS else USUAL_PERIOD

        async def make(frame: Frame) -> str:
            now = self.desk.clock()
            span = timedelta(days=int(period.removesuffix("d")))
            return scorecard_page(
                frame, await scorecard(self.desk.store, now - span, now, self.desk.about.speed), period
            )

        return await self._answer(request, make)

    # --- feeds -------------------------------------------------------------------------------------

    async def _feed(self, request: web.Request) -> Feed:
        now = self.desk.clock()
        every = await self.desk.store.waves.between(now - FED_FOR, now)
        told = [wave for wave in every if wave.kind is not Kind.UNWIND and not wave.from_history]
        waves = sorted(told, key=lambda wave: wave.at, reverse=True)[:WAVES_FED]
        entries = [Entry(wave, self.desk.sign(await self.desk.wave_card(wave))) for wave in waves]
        title = _("Washout: waves of closing")
        return Feed(self.base(request), title, self.desk.about.started, entries)

    async def _atom(self, request: web.Request) -> web.Response:
        return await self._fed(request, "application/atom+xml", atom)

    async def _json_feed(self, request: web.Request) -> web.Response:
        return await self._fed(request, "application/feed+json", json_feed)

    async def _fed(self, request: web.Request, kind: str, write: Callable[[Feed], str]) -> web.Response:
        """Readers ask again and again: they are told where nothing has changed."""

        async def make() -> str:
            return write(await self._feed(request))

        text = await self._kept.get(f"{request.path} {spoken()} {self.base(request)}", make)
        headers = {
            "ETag": f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"',
            "Vary": "Accept-Language, Cookie",
        }
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        return web.Response(text=text, content_type=kind, charset="utf-8", headers=headers)


def tap_for(frame: Frame) -> Tap:
    return tapped_or_linked if frame.operator else linked
