"""One socket of one venue: connect, subscribe, hear, and connect again, over as many lines as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from yarl import URL

from bot.domain.health import SourceState
from bot.domain.market import Liquidation, Observation, OpenInterest
from bot.errors import SourceChanged, SourceError
from bot.exchanges.spec import MINUTE, SECOND, Book, Exchange, Socket, lost_of
from bot.feeds.book import VenueBook
from bot.feeds.contact import Contact, Patience, Setting, understand
from bot.feeds.http import MIB, VenueHttp
from bot.feeds.line import Connect, Connection, Line
from bot.feeds.lines import Numbering, Turnstile, spread, unzipped

log = logging.getLogger(__name__)

UNREADABLE_IN_A_ROW = 5
UNZIPPED_BYTES = 16 * MIB


class SocketFeed:
    """Listens until it is cancelled. Waits and silence are wall time; ``received`` is market time.

    ``turnstiles`` are passed before every connection: venues count them, and a fleet that starts must not
    open all of its lines in one instant.
    """

    def __init__(
        self,
        exchange: Exchange,
        socket: Socket,
        http: VenueHttp,
        book: VenueBook,
        setting: Setting,
        *,
        ws_url: str | None = None,
        turnstiles: Sequence[Turnstile] = (),
    ) -> None:
        self.socket = socket
        self._exchange, self._book, self._setting = exchange, book, setting
        here = URL(socket.url)
        url = URL(ws_url.rstrip("/") + here.raw_path_qs) if ws_url else here
        self._connect = Connect(exchange, socket, url, http.session, setting, turnstiles)
        self._contact = Contact.open(
            setting,
            exchange,
            socket.name,
            every=socket.ping_every * setting.speed,
            retry=SECOND,
            completeness=socket.completeness,
        )
        self._lines: list[Line] = []
        self._open: set[Line] = set()
        self._broken: set[Line] = set()
        self._unreadable = 0
        self._deaf = ""
        self.told = 0
        """Liquidations heard since the start."""

    @property
    def name(self) -> str:
        return f"{self._exchange.venue} {self.socket.name}"

    @property
    def listening(self) -> bool:
        """Every line is open and subscribed, as far as is known."""
        return bool(self._lines) and self._open.issuperset(self._lines)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                book = self._book.watched
                self._deal(book, group)
                await self._book.changed(book)

    def renew(self) -> None:
        """A new connection for every line, each opened before the old one is closed."""
        for line in self._lines:
            line.renew()

    def deaf(self, why: str) -> None:
        """Reported as deaf until the next liquidation is heard."""
        self._deaf = why
        self._contact.turn(SourceState.DEAF, why)

    def _deal(self, book: Book, group: asyncio.TaskGroup) -> None:
        """Every contract on one line; lines that do not change hear nothing of it."""
        heard = {symbol: known for symbol, known in book.items() if self.socket.hears(known)}
        shares = spread([line.share for line in self._lines], heard, self.socket.per_line)
        for line, share in zip(self._lines, shares, strict=False):
            line.carry(share)
        for share in shares[len(self._lines) :]:
            # A line is real: a played scenario does not hurry it.
            patience = Patience(self._setting, SECOND * self._setting.speed, MINUTE * self._setting.speed)
            line = Line(self._connect, self, share, patience)
            self._lines.append(line)
            line.start(group)
        for line in [line for line in self._lines if not line.share]:
            line.stop()
            self._lines.remove(line)
            self._broken.discard(line)
            self._open.discard(line)
        if not self._lines:
            self._contact.idle("none of the watched coins is told here")

    def opened(self, line: Line) -> None:
        self._open.add(line)

    def broke(self, line: Line, fault: SourceError) -> None:
        self._open.discard(line)
        self._broken.add(line)
        part = f"{len(self._broken)} of {len(self._lines)} lines: " if len(self._lines) > 1 else ""
        self._contact.mark(fault, part)

    def lives(self, line: Line) -> None:
        """It makes sounds, whatever they say."""
        self._broken.discard(line)
        self._contact.heard()
        self._settled()

    def _settled(self) -> None:
        """Fine, unless what arrives cannot be read: only something that can makes that good."""
        if self._unreadable >= UNREADABLE_IN_A_ROW or self._broken:
            return
        if self._deaf:
            self._contact.turn(SourceState.DEAF, self._deaf)
        else:
            self._contact.fine()

    async def read(self, raw: bytes, line: Line, connection: Connection) -> None:
        """Answer what wants an answer, hand on the rest."""
        now, book = self._setting.clock(), self._book.watched
        if self._setting.tap is not None:
            self._setting.tap.heard(self._exchange, self.socket.name, None, now, raw)
        try:
            if self.socket.gzipped:
                raw = understand(unzipped, raw, UNZIPPED_BYTES)
            if self.socket.reply is not None:
                reply = understand(self.socket.reply, raw)
                if reply is not None:
                    await connection.send(reply)
                    return
            if self.socket.numbered is not None:
                self._count(connection.numbering, understand(self.socket.numbered, raw), connection)
            heard = understand(self.socket.parse, raw, book, now)
        except SourceChanged as fault:
            self._unreadable += 1
            await self._contact.keep(fault)
            if self._unreadable >= UNREADABLE_IN_A_ROW:
                self._contact.mark(fault)
            return
        if lost := lost_of(heard):
            await self._contact.keep_rows(lost)
        if heard:
            line.patience.begin_anew()
            self._broken.discard(line)
            await self._hand_on(heard)

    def _count(
        self, numbering: Numbering, numbered: Sequence[tuple[str, int]], connection: Connection
    ) -> None:
        missed = numbering.missed(numbered)
        if not missed:
            return
        venue, source = self._exchange.venue, self.socket.name
        self._setting.health.missed(venue, source, sum(missed.values()))
        if not connection.gap_told:
            connection.gap_told = True
            stream, count = next(iter(missed.items()))
            log.warning(
                *("%s %s left out %d messages of %s", venue, source, count, stream),
                extra={"event": "source.gap", "venue": venue, "source": source},
            )

    async def _hand_on(self, heard: Sequence[Observation]) -> None:
        self._unreadable = 0
        forced = sum(isinstance(told, Liquidation) for told in heard)
        self.told += forced
        if forced:
            self._deaf = ""
        self._contact.heard(
            symbols=sum(len(line.share) for line in self._lines),
            open_interest=any(isinstance(told, OpenInterest) for told in heard),
            liquidations=forced,
        )
        self._settled()
        await self._setting.out.put(heard)
