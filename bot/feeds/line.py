"""One line of a socket: kept open, and changed for a new one without missing anything."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from aiohttp import ClientWebSocketResponse, ClientWSTimeout, WSMessage, WSMsgType
from yarl import URL

from bot.errors import SourceChanged, SourceError, SourceUnreachable
from bot.exchanges.spec import Book, Exchange, Socket
from bot.feeds.contact import Patience, Setting
from bot.feeds.http import MIB, NET_FAULTS, refused, translate
from bot.feeds.lines import Numbering, Turnstile

log = logging.getLogger(__name__)

SILENT_PINGS = 3
FRAME_BYTES = 4 * MIB
CLOSE_WITHIN_S = 1.0
CHANGE_AGAIN_S = 60.0
"""A new line that could not be opened is tried again so soon, while the old one goes on."""
TURNS = 16
"""After so many frames every other task has its turn: a dozen lines in a flood come one after another."""
CLOSING = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)


class Listener(Protocol):
    """Who hears what a line brings."""

    def opened(self, line: Line) -> None: ...
    def broke(self, line: Line, fault: SourceError) -> None: ...
    def lives(self, line: Line) -> None: ...
    async def read(self, raw: bytes, line: Line, connection: Connection) -> None: ...


@dataclass(frozen=True, slots=True)
class Connect:
    """How a socket's lines are opened."""

    exchange: Exchange
    socket: Socket
    url: URL
    session: aiohttp.ClientSession
    setting: Setting
    turnstiles: Sequence[Turnstile]


class Line:
    """Carries a share of a socket's contracts over one connection after another."""

    def __init__(self, connect: Connect, listener: Listener, share: Book, patience: Patience) -> None:
        self.connect, self.listener, self.share, self.patience = connect, listener, share, patience
        self.hello = tuple(connect.socket.hello(share))
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        self._task = group.create_task(self.run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def carry(self, share: Book) -> None:
        """From now on these contracts; a connection that said hello for others is changed."""
        self.share, self.hello = share, tuple(self.connect.socket.hello(share))
        if self._connection is not None and self._connection.hello != self.hello:
            self._connection.leave()

    def renew(self) -> None:
        if self._connection is not None:
            self._connection.leave()

    async def run(self) -> None:
        while True:
            try:
                await self._keep_open()
            except SourceError as fault:
                self.listener.broke(self, fault)
                await self.connect.setting.sleep(self.patience.after(fault).total_seconds())

    async def _keep_open(self) -> None:
        """One connection after another. Raises ``SourceError`` when it broke."""
        self._connection = Connection(self)
        try:
            while True:
                await self._connection.until_left()
                self._connection = await self._changed(self._connection)
                if self._connection.hello != self.hello:  # other contracts while it was being opened
                    self._connection.leave()
        finally:
            await self._connection.end()
            self._connection = None

    async def _changed(self, old: Connection) -> Connection:
        """The successor, once it is subscribed; ``old`` still, for a while, where it cannot be opened."""
        new = Connection(self)
        try:
            await new.until_subscribed()
        except SourceError as fault:
            await new.end()
            old.stay(CHANGE_AGAIN_S)
            venue, source = self.connect.exchange.venue, self.connect.socket.name
            log.info(
                *("%s %s keeps its line: no new one (%s)", venue, source, fault),
                extra={"event": "source.kept", "venue": venue, "source": source},
            )
            return old
        except asyncio.CancelledError:
            await new.end()
            raise
        await old.end()
        return new


class Connection:
    """One connection, from its hello until it is ended. It listens in a task of its own."""

    def __init__(self, line: Line) -> None:
        self._line, self._socket, self._setting = line, line.connect.socket, line.connect.setting
        self.hello = line.hello
        self.numbering = Numbering()
        self.gap_told = False
        self._subscribed = asyncio.Event()
        self._due = asyncio.Event()
        self._leave_at = float("inf")
        self._wire: ClientWebSocketResponse | None = None
        self._task = asyncio.create_task(self._live())

    def leave(self) -> None:
        """To be changed for a new one."""
        self._due.set()

    def stay(self, seconds: float) -> None:
        """For so long yet, though it should have been left."""
        self._due.clear()
        self._leave_at = self._setting.monotonic() + seconds

    async def until_left(self) -> None:
        """Returns when it is to be changed for a new one; raises ``SourceError`` when it broke."""
        await self._until(self._due)

    async def until_subscribed(self) -> None:
        """Returns once its hello is said and something was heard; raises ``SourceError`` when it broke."""
        await self._until(self._subscribed)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
        error = None if self._task.cancelled() else self._task.exception()
        if error is not None and not isinstance(error, SourceError):
            raise error

    async def send(self, frame: str) -> None:
        if self._wire is not None:
            await self._wire.send_str(frame)

    async def _until(self, event: asyncio.Event) -> None:
        waiting = asyncio.create_task(event.wait())
        try:
            await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._task.done():
            self._task.result()

    async def _live(self) -> None:
        """Raises ``SourceError`` when it breaks."""
        connect = self._line.connect
        for turnstile in connect.turnstiles:
            await turnstile.go()
        try:
            async with connect.session.ws_connect(
                connect.url,
                autoping=False,
                max_msg_size=FRAME_BYTES,
                timeout=ClientWSTimeout(ws_close=CLOSE_WITHIN_S),
            ) as self._wire:
                await self._listen(self._wire)
        except aiohttp.WSServerHandshakeError as answer:
            if answer.status < 400:
                raise translate(answer) from answer
            fault = refused(connect.exchange, answer.status, answer.headers or {}, b"")
            self._setting.refused(connect.exchange, self._socket.name, None, fault)
            raise fault from answer
        except NET_FAULTS as error:
            raise translate(error) from error

    async def _listen(self, wire: ClientWebSocketResponse) -> None:
        every = self._socket.ping_every.total_seconds()
        pause = self._socket.hello_pause.total_seconds()
        unsaid = deque(self.hello)
        now = heard = said = self._setting.monotonic()
        ping_at, self._leave_at = now + every, now + self._lifetime_s()
        for taken in itertools.count(1):
            if not taken % TURNS:  # frames that have already come are taken without waiting
                await asyncio.sleep(0)
            while unsaid and now >= said:
                await wire.send_str(unsaid.popleft())
                said = now + pause
            if not (unsaid or self._subscribed.is_set()) and (not self.hello or heard > said - pause):
                self._subscribed.set()
                self._line.listener.opened(self._line)
            message = await _next(wire, min(ping_at, self._leave_at, said if unsaid else ping_at) - now)
            now = self._setting.monotonic()
            if message is not None:
                heard = now
                await self._take(wire, message)
            if now >= self._leave_at:
                self._leave_at = float("inf")
                self.leave()
            if now >= ping_at:
                if now - heard >= SILENT_PINGS * every:
                    raise SourceUnreachable(f"connected, but not a sound for {now - heard:.0f} s")
                if heard > ping_at - every:  # it lives: one hello that is answered proves nothing yet
                    self._line.patience.begin_anew()
                    self._line.listener.lives(self._line)
                await self._ping(wire)
                ping_at = now + every

    def _lifetime_s(self) -> float:
        """A little less than is allowed, so that lines opened together are not all changed together."""
        return self._socket.lifetime.total_seconds() * (1 - self._setting.chance() / 24)

    async def _ping(self, wire: ClientWebSocketResponse) -> None:
        if self._socket.ping is None:
            await wire.ping()
        else:
            await wire.send_str(self._socket.ping)

    async def _take(self, wire: ClientWebSocketResponse, message: WSMessage) -> None:
        if message.type is WSMsgType.TEXT:
            await self._line.listener.read(message.data.encode(), self._line, self)
        elif message.type is WSMsgType.BINARY:
            await self._line.listener.read(message.data, self._line, self)
        elif message.type is WSMsgType.PING:
            await wire.pong(message.data)
        elif message.type is WSMsgType.ERROR:
            raise SourceChanged(f"the line ended with a frame that cannot be taken ({message.data})")
        elif message.type in CLOSING:
            raise SourceUnreachable(f"closed the line (code {wire.close_code})")


async def _next(wire: ClientWebSocketResponse, wait: float) -> WSMessage | None:
    with suppress(TimeoutError):
        return await wire.receive(max(wait, 0.001))
    return None
