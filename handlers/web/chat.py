"""The local chat: a third face beside Telegram and Discord, in a browser."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from aiohttp import web
from msgspec.structs import replace

from bot.domain.cards import Attachment, Card
from bot.domain.charts import Chart
from bot.domain.posts import ChatMessage, Destination
from bot.errors import MessageGone
from bot.ports import ChatLog, Clock
from handlers.speech import _, spoken
from handlers.web.card_html import message_html
from handlers.web.chat_html import LONGEST_LINE, history_html
from handlers.web.tabs import Tabs, event_block

LOCAL = Destination("local", "page")
"""The one chat there is here."""

HISTORY = 200
"""Messages on the page."""
MOST_TABS = 64
PICTURES_KEPT = 32
FILES_KEPT = 8
HEARTBEAT = timedelta(seconds=5)
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:; sandbox"


@dataclass(kw_only=True)
class LocalChat:
    """Speaks (``Messenger``) into ``log`` and to every open page.

    ``answer`` turns a typed line into a card; ``draw`` turns a chart into SVG and is called in a thread.
    ``clock`` is the market's time, ``commands`` names without slash and what they answer. ``changed`` is
    called after each message: other processes with a page of this chat shall ``look``.
    """

    log: ChatLog
    answer: Callable[[str], Awaitable[Card]]
    draw: Callable[[Chart], str]
    clock: Clock
    commands: Mapping[str, str]
    changed: Callable[[], None] = lambda: None
    platform: str = field(default="local", init=False)
    tabs: Tabs = field(default_factory=lambda: Tabs(secrets.token_hex(4)), init=False)
    _shown: dict[int, int] | None = field(default=None, init=False)
    """The revision of each message the pages have: known once others may change them."""
    _files: OrderedDict[int, Attachment] = field(default_factory=OrderedDict, init=False)
    _pictures: OrderedDict[tuple[str, int], str] = field(default_factory=OrderedDict, init=False)
    _drawing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        said = await self.log.say(
            "bot", self.clock(), card=_without_file(card), reply_to=int(reply_to) if reply_to else None
        )
        if card.attachment is not None:
            self._files[said.number] = card.attachment
            while len(self._files) > FILES_KEPT:
                self._files.popitem(last=False)
        await self._show(said)
        self.changed()
        return str(said.number)

    async def edit(self, destination: Destination, message: str, card: Card) -> None:
        amended = await self.log.amend(int(message), self.clock(), card)
        if amended is None:
            raise MessageGone(f"the local chat has no message {message}")
        await self._show(amended)
        self.changed()

    async def look(self) -> None:
        """Show what other processes said or amended since the last look; the first shows nothing."""
        before = self._shown
        now = await self.log.said(limit=HISTORY)
        self._shown = {message.number: message.revision for message in now}
        if before is None:
            return
        for message in now:
            if before.get(message.number, -1) < message.revision:
                await self._show(message)

    async def _show(self, message: ChatMessage) -> None:
        if self._shown is not None:
            self._shown[message.number] = message.revision
        quoted = None
        if message.reply_to is not None:
            quoted = await self._find(message.reply_to)
        self.tabs.tell("message", lambda: message_html(message, quoted))

    async def _find(self, number: int) -> ChatMessage | None:
        """A message the page still has."""
        for message in await self.log.said(after=number - 1, limit=HISTORY):
            return message if message.number == number else None
        return None

    async def history(self) -> str:
        return history_html(await self.log.said(limit=HISTORY))

    async def say(self, request: web.Request) -> web.StreamResponse:
        """``POST /say``: what a person typed, and its answer."""
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

    async def catch_up(self, last_id: str) -> bytes:
        """What a page that knows ``last_id`` missed: events, or the whole history."""
        missed = self.tabs.missed(last_id, spoken())
        if missed is not None:
            return b"".join(missed)
        known = self.tabs.last_id
        return event_block("history", await self.history() or " ", known)

    async def picture(self, request: web.Request) -> web.Response:
        """The newest picture of a message, whichever earlier revision is asked for."""
        message = await self._find(int(request.match_info["number"]))
        if message is None or message.card is None or message.card.picture is None:
            raise web.HTTPNotFound(text="That message has no picture.")
        key = (f"m{message.number}", message.revision)
        return picture_response(await self.drawn(key, message.card.picture.chart))

    async def file(self, request: web.Request) -> web.Response:
        """The file of a message; only the newest are kept, and none over a restart."""
        kept = self._files.get(int(request.match_info["number"]))
        if kept is None:
            raise web.HTTPNotFound(text=_("That file is no longer kept. Ask for it again."))
        return web.Response(
            body=kept.body,
            content_type=kept.media_type,
            headers={"Content-Disposition": f'attachment; filename="{kept.name}"'},
        )

    async def drawn(self, key: tuple[str, int], chart: Chart) -> str:
        """Drawn once for all tabs, one picture at a time, never on the event loop.

        ``key`` names whose picture it is and its revision.
        """
        async with self._drawing:
            if key not in self._pictures:
                self._pictures[key] = await asyncio.to_thread(self.draw, chart)
                while len(self._pictures) > PICTURES_KEPT:
                    self._pictures.popitem(last=False)
            return self._pictures[key]


def _without_file(card: Card) -> Card:
    """As the log keeps it: every open page reads the whole log."""
    if card.attachment is None:
        return card
    return replace(card, attachment=replace(card.attachment, body=b""))


def picture_response(svg: str) -> web.Response:
    return web.Response(
        text=svg, content_type="image/svg+xml", headers={"Content-Security-Policy": PICTURE_POLICY}
    )
