"""One socket of one venue: connect, subscribe, hear liquidations, and connect again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType
from yarl import URL

from bot.domain.market import Observation
from bot.errors import SourceChanged, SourceError, SourceUnreachable
from bot.exchanges.spec import MINUTE, SECOND, Exchange, Socket
from bot.feeds.book import VenueBook
from bot.feeds.contact import Contact, Setting, understand
from bot.feeds.http import MIB, NET_FAULTS, VenueHttp, refused, translate

LIFETIME = timedelta(hours=23)
"""Binance closes every line after 24 hours (venues.md §1): leave before, at a time of our own."""
SILENT_PINGS = 3
UNREADABLE_IN_A_ROW = 5
FRAME_BYTES = 4 * MIB
CLOSING = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)


class SocketFeed:
    """Listens until it is cancelled. Waits and silence are wall time; ``received`` is market time."""

    def __init__(
        self,
        exchange: Exchange,
        socket: Socket,
        http: VenueHttp,
        book: VenueBook,
        setting: Setting,
        *,
        ws_url: str | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> None:
        self._exchange, self._socket, self._http = exchange, socket, http
        self._book, self._setting = book, setting
        here = URL(socket.url)
        self._url = URL(ws_url.rstrip("/") + here.raw_path_qs) if ws_url else here
        self._lifetime = lifetime.total_seconds() * (1 - setting.chance() / 24)
        self._every = socket.ping_every.total_seconds()
        self._contact = Contact.open(
            setting,
            exchange,
            socket.name,
            every=socket.ping_every * setting.speed,
            retry=SECOND * setting.speed,  # a line is real: a played scenario does not hurry it
            longest=MINUTE * setting.speed,
            completeness=socket.completeness,
        )
        self._unreadable = 0

    async def run(self) -> None:
        while True:
            try:
                await self._connected()
            except SourceError as fault:
                wait = self._contact.failed(fault)
                await self._setting.sleep(wait.total_seconds())

    async def _connected(self) -> None:
        """One connection; returns when it is time for a new one, raises ``SourceError`` when it broke."""
        try:
            async with self._http.session.ws_connect(
                self._url, autoping=False, max_msg_size=FRAME_BYTES
            ) as line:
                await self._listen(line)
        except aiohttp.WSServerHandshakeError as answer:
            if answer.status < 400:
                raise translate(answer) from answer
            raise refused(self._exchange, answer.status, answer.headers or {}, b"") from answer
        except NET_FAULTS as error:
            raise translate(error) from error

    async def _listen(self, line: ClientWebSocketResponse) -> None:
        book = self._book.watched
        hello = self._socket.hello(book)
        for frame in hello:
            await line.send_str(frame)
        now = heard = self._setting.monotonic()
        ping_at, leave_at = now + self._every, now + self._lifetime
        while now < leave_at:
            message = await self._next(line, min(ping_at, leave_at) - now)
            now = self._setting.monotonic()
            if message is not None:
                heard = now
                await self._take(line, message)
            if now >= ping_at:
                if now - heard >= SILENT_PINGS * self._every:
                    raise SourceUnreachable(f"connected, but not a sound for {now - heard:.0f} s")
                if heard > ping_at - self._every:  # it lives: one hello that is answered proves nothing yet
                    self._contact.heard()
                    self._settled()
                await self._ping(line)
                ping_at = now + self._every
                if self._book.watched is not book and self._socket.hello(self._book.watched) != hello:
                    return  # other contracts are listed now

    @staticmethod
    async def _next(line: ClientWebSocketResponse, wait: float) -> WSMessage | None:
        try:
            return await line.receive(max(wait, 0.001))
        except TimeoutError:
            return None

    async def _ping(self, line: ClientWebSocketResponse) -> None:
        if self._socket.ping is None:
            await line.ping()
        else:
            await line.send_str(self._socket.ping)

    async def _take(self, line: ClientWebSocketResponse, message: WSMessage) -> None:
        if message.type is WSMsgType.TEXT:
            await self._read(message.data.encode())
        elif message.type is WSMsgType.BINARY:
            await self._read(message.data)
        elif message.type is WSMsgType.PING:
            await line.pong(message.data)
        elif message.type is WSMsgType.ERROR:
            raise SourceChanged(f"the line ended with a frame that cannot be taken ({message.data})")
        elif message.type in CLOSING:
            raise SourceUnreachable(f"closed the line (code {line.close_code})")

    async def _read(self, raw: bytes) -> None:
        now, book = self._setting.clock(), self._book.watched
        try:
            heard = understand(self._socket.parse, raw, book, now)
        except SourceChanged as fault:
            self._unreadable += 1
            await self._contact.keep(fault)
            if self._unreadable >= UNREADABLE_IN_A_ROW:
                self._contact.mark(fault)
            return
        if heard:
            await self._hand_on(heard)

    async def _hand_on(self, heard: Sequence[Observation]) -> None:
        self._unreadable = 0
        self._contact.heard(symbols=len(self._book.watched))
        self._settled()
        await self._setting.out.put(heard)

    def _settled(self) -> None:
        """Fine, unless what arrives cannot be read: only a liquidation that can makes that good."""
        if self._unreadable < UNREADABLE_IN_A_ROW:
            self._contact.fine()
