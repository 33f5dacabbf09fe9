"""One poll of one venue: ask, parse, put on the stream, and say how long to wait after a fault."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from bot.domain.market import Observation, OpenInterest, Report
from bot.errors import SourceBlocked, SourceChanged, SourceError, SourceThrottled
from bot.exchanges.spec import HOUR, Answer, Exchange, Poll, Request
from bot.feeds.book import VenueBook
from bot.feeds.contact import Contact, Patience, Setting, start_of, understand
from bot.feeds.http import VenueHttp
from bot.feeds.rotation import Rotation, Sizes, places

log = logging.getLogger(__name__)

AT_ONCE = 8
DAY = timedelta(days=1)

Ask = tuple[str, Request]
"""A request and, where contracts take turns, the symbol that is asked for."""


@dataclass(slots=True)
class Round:
    """What one round of requests brought. ``stopped`` is the fault that ended it early."""

    observations: list[Observation] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    answered: int = 0
    faults: list[SourceError] = field(default_factory=list)
    stopped: SourceError | None = None
    silent: int = 0
    """Requests without an answer in a row."""

    @property
    def symbols(self) -> int:
        return len({o.asset if isinstance(o, Report) else o.instrument.symbol for o in self.observations})

    @property
    def open_interest(self) -> bool:
        return any(isinstance(told, OpenInterest) for told in self.observations)


class PollFeed:
    """Runs one poll of one venue, one round at a time."""

    def __init__(
        self,
        exchange: Exchange,
        poll: Poll,
        http: VenueHttp,
        book: VenueBook,
        setting: Setting,
        *,
        sizes: Sizes | None = None,
        stands_in_for: PollFeed | None = None,
    ) -> None:
        self.poll = poll
        self.answers: bool | None = None
        """Whether the last round told anything; ``None`` before the first."""
        self._exchange, self._http, self._book, self._setting = exchange, http, book, setting
        self._stands_in_for = stands_in_for
        self._contact = Contact.open(setting, exchange, poll.name, every=poll.every, retry=poll.every)
        if poll.at:  # once or twice a day: an hour later is soon enough, and a refusal stands for the day
            self._contact.patience = Patience(setting, HOUR, HOUR, DAY)
        self._standing_by = stands_in_for is not None
        if self._standing_by:
            self._contact.release()
        self._sizes = Sizes() if sizes is None else sizes
        self._rotation = Rotation(self._sizes)
        self._begin_at = 0
        self._partial = False

    async def run(self) -> timedelta | None:
        """One round. Returns the wait (wall time) before the next, ``None`` for the usual interval."""
        if not self._needed():
            return None
        asks = self._asks()
        if not asks:
            self._contact.idle("none of the watched coins is listed here")
            return None
        got = await self._round(asks)
        self.answers = bool(got.observations)
        self._sizes.take(got.observations)
        if got.answered:
            unknown = self._book.strangers(got.unknown)
            self._contact.heard(symbols=got.symbols, unknown=unknown, open_interest=got.open_interest)
        wait = self._settle(got, len(asks))
        if got.observations:
            await self._setting.out.put(got.observations)
        if wait is None:
            await self._book.catch_up()
        if wait is None and self.poll.at:
            return until_next(self.poll.at, self._setting.clock()) / self._setting.speed
        return wait

    def _needed(self) -> bool:
        """What stands in for another is known to nobody while that one is answered."""
        needed = self._stands_in_for is None or self._stands_in_for.answers is False
        if needed and self._standing_by:
            self._contact.expect()
        elif not needed and not self._standing_by:
            self._contact.release()
        self._standing_by = not needed
        return needed

    def _asks(self) -> Sequence[Ask]:
        book = self._book.watched
        if not self._book.worth_asking:
            return ()
        if not self.poll.rotates:
            return [("", request) for request in self.poll.requests(book)]
        symbols = [symbol for symbol, known in book.items() if self.poll.requests({symbol: known})]
        chosen = self._rotation.choose(symbols, places(self._exchange, self.poll, book, len(symbols)))
        return [
            (symbol, request) for symbol in chosen for request in self.poll.requests({symbol: book[symbol]})
        ]

    async def _round(self, asks: Sequence[Ask]) -> Round:
        """Ask everything, a few at once. One failing request loses only itself; a throttle ends the round."""
        todo = deque(asks)
        todo.rotate(-(self._begin_at % len(asks)))
        got = Round()

        async def work() -> None:
            while todo:
                symbol, request = todo.popleft()
                try:
                    answer = await self._ask(symbol, request)
                except (SourceThrottled, SourceBlocked) as fault:
                    todo.clear()
                    got.stopped = got.stopped or fault
                    return
                except SourceChanged as fault:
                    got.faults.append(fault)
                    await self._contact.keep(fault)
                except SourceError as fault:
                    got.faults.append(fault)
                    got.silent += 1
                    if got.silent >= AT_ONCE:  # a dead line: hundreds of time limits would take an hour
                        todo.clear()
                else:
                    got.answered += 1
                    got.silent = 0
                    got.observations.extend(answer.observations)
                    got.unknown.update(answer.unknown)
                    if answer.unreadable:
                        await self._contact.keep_rows(answer.unreadable)
                self._rotation.asked(symbol)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(asks))):
                group.create_task(work())
        # The next round begins where this one was cut, else the last symbols would never be heard.
        self._begin_at = self._begin_at + got.answered if got.stopped else 0
        return got

    async def _ask(self, symbol: str, request: Request) -> Answer:
        try:
            raw = await self._http.fetch(request)
        except SourceError as fault:
            self._setting.refused(self._exchange, self.poll.name, request, fault)
            raise
        now, book = self._setting.clock(), self._book.watched
        if symbol in book:  # it was asked for alone, and need not be named in the answer
            book = {symbol: book[symbol]}
        if self._setting.tap is not None:
            self._setting.tap.heard(self._exchange, self.poll.name, request, now, raw)
        try:
            answer = understand(self.poll.parse, raw, book, now)
        except SourceThrottled as slow:  # some venues say so with HTTP 200
            self._http.hold(slow.retry_after)
            raise
        if symbol in book and answer.unknown and not answer.observations:
            why = f"asked for {symbol}, told of {answer.unknown[0]}"
            raise SourceChanged(why, evidence=start_of(raw))
        return answer

    def _settle(self, got: Round, asked: int) -> timedelta | None:
        fault = got.stopped or (got.faults[0] if got.faults and not got.answered else None)
        if fault is not None:
            return self._contact.failed(fault)
        self._contact.fine()
        if bool(got.faults) is not self._partial:
            self._partial = bool(got.faults)
            self._tell_partial(got, asked)
        return None

    def _tell_partial(self, got: Round, asked: int) -> None:
        venue, source = self._exchange.venue, self.poll.name
        extra = {"event": "source.partial", "venue": venue, "source": source}
        if got.faults:
            extra |= {"failed": str(len(got.faults)), "asked": str(asked)}
            log.warning(
                "%s %s: %d of %d requests failed (%s)",
                *(venue, source, len(got.faults), asked, got.faults[0]),
                extra=extra,
            )
        else:
            log.info("%s %s: all requests answered again", venue, source, extra=extra)


def until_next(times: Sequence[time], now: datetime) -> timedelta:
    """How long from ``now`` to the next of these times of day (UTC)."""
    today = [datetime.combine(now.date(), at, now.tzinfo) for at in times]
    return min(at - now if at > now else at + DAY - now for at in today)
