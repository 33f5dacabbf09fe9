"""One poll of one venue: ask, parse, put on the stream, and say how long to wait after a fault."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.market import Observation, OpenInterest, Report
from bot.errors import SourceBlocked, SourceChanged, SourceError, SourceThrottled
from bot.exchanges.spec import Answer, Exchange, Poll, Request
from bot.feeds.book import VenueBook
from bot.feeds.contact import Contact, Setting, understand
from bot.feeds.http import VenueHttp

log = logging.getLogger(__name__)

AT_ONCE = 8


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
        self, exchange: Exchange, poll: Poll, http: VenueHttp, book: VenueBook, setting: Setting
    ) -> None:
        self.poll = poll
        self._exchange, self._http, self._book, self._setting = exchange, http, book, setting
        self._contact = Contact.open(setting, exchange, poll.name, every=poll.every, retry=poll.every)
        self._begin_at = 0
        self._partial = False

    async def run(self) -> timedelta | None:
        """One round. Returns how long to wait (wall time) after a fault, ``None`` for the usual interval."""
        requests = self._poll_requests()
        if not requests:
            self._contact.idle("none of the watched coins is listed here")
            return None
        got = await self._round(requests)
        if got.answered:
            unknown = self._book.strangers(got.unknown)
            self._contact.heard(symbols=got.symbols, unknown=unknown, open_interest=got.open_interest)
        wait = self._settle(got, len(requests))
        if got.observations:
            await self._setting.out.put(got.observations)
        if wait is None:
            await self._book.catch_up()
        return wait

    def _poll_requests(self) -> Sequence[Request]:
        return self.poll.requests(self._book.watched) if self._book.worth_asking else ()

    async def _round(self, requests: Sequence[Request]) -> Round:
        """Ask everything, a few at once. One failing request loses only itself; a throttle ends the round."""
        todo = deque(requests)
        todo.rotate(-(self._begin_at % len(requests)))
        got = Round()

        async def work() -> None:
            while todo:
                request = todo.popleft()
                try:
                    answer = await self._ask(request)
                except (SourceThrottled, SourceBlocked) as fault:
                    todo.clear()
                    got.stopped = got.stopped or fault
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

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(requests))):
                group.create_task(work())
        # The next round begins where this one was cut, else the last symbols would never be heard.
        self._begin_at = self._begin_at + got.answered if got.stopped else 0
        return got

    async def _ask(self, request: Request) -> Answer:
        raw = await self._http.fetch(request)
        now, book = self._setting.clock(), self._book.watched
        try:
            return understand(self.poll.parse, raw, book, now)
        except SourceThrottled as slow:  # some venues say so with HTTP 200
            self._http.hold(slow.retry_after)
            raise

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
