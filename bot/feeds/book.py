"""Which contracts a venue lists now, and which of them are watched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.domain.assets import Asset
from bot.domain.market import Instrument
from bot.errors import SourceChanged, SourceError, SourceThrottled
from bot.exchanges.spec import MINUTE, Book, Exchange, Listing, Request, Terms
from bot.feeds.contact import Contact, Setting, understand
from bot.feeds.http import VenueHttp

ASK_AGAIN = timedelta(minutes=10)
"""However many unknown symbols turn up, the book is asked again no sooner than this (market time)."""
SOURCE = "contracts"


async def ask_book(exchange: Exchange, http: VenueHttp, setting: Setting | None = None) -> Listing:
    """Everything the venue lists. A part missing is a failure: half a book would look like delistings."""
    listed, unreadable = Listing(), list[str]()
    requests = exchange.book.requests()
    for request in requests:
        raw = await fetched(exchange, SOURCE, http, request, setting)
        part = understand(exchange.book.parse, raw)
        listed.update(part)
        unreadable += part.unreadable
    if requests and not listed:
        raise SourceChanged("lists no contracts at all")
    listed.unreadable = unreadable
    return listed


async def fetched(
    exchange: Exchange, source: str, http: VenueHttp, request: Request, setting: Setting | None
) -> bytes:
    """The answer, of which the tap has heard, as it has of a refusal."""
    try:
        raw = await http.fetch(request)
    except SourceError as fault:
        if setting is not None:
            setting.refused(exchange, source, request, fault)
        raise
    if setting is not None and setting.tap is not None:
        setting.tap.heard(exchange, source, request, setting.clock(), raw)
    return raw


def _as_known(listed: Instrument, before: Instrument | None) -> Instrument:
    return listed if before is None else replace(listed, funding_interval=before.funding_interval)


def limited(listed: Book, watched: frozenset[Asset] | None) -> Book:
    """Only the contracts of ``watched`` assets; all where it is ``None``."""
    if watched is None:
        return listed
    return {symbol: found for symbol, found in listed.items() if found.asset in watched}


class VenueBook:
    """One venue's contracts; a new answer simply replaces the old one (the gate judges what changed)."""

    def __init__(
        self, exchange: Exchange, http: VenueHttp, setting: Setting, watched: frozenset[Asset] | None
    ) -> None:
        self._exchange, self._http, self._setting, self._watched = exchange, http, setting, watched
        self.needed = bool(exchange.book.requests())
        """A venue of reports lists nothing to us."""
        if self.needed:
            self._contact = Contact.open(setting, exchange, SOURCE, every=exchange.book.every, retry=MINUTE)
        self._terms = exchange.book.terms
        if self._terms is not None:
            self._terms_contact = Contact.open(
                setting, exchange, self._terms.name, every=exchange.book.every, retry=MINUTE
            )
        self._listed: Book = {}
        self._strangers: set[str] = set()
        self._shrugged: set[str] = set()
        self._asked: datetime | None = None
        self._asking = asyncio.Lock()
        self._news = asyncio.Condition()
        self.watched: Book = {}
        """Another object only where its contracts are others."""
        self.ready = not self.needed

    @property
    def worth_asking(self) -> bool:
        """A venue that lists none of the watched coins is not asked for figures."""
        return bool(self.watched) or not self.needed

    async def ask(self) -> timedelta | None:
        """Ask for the whole book; after a fault how long to wait, in wall time, keeping the old book."""
        async with self._asking:
            self._asked = self._setting.clock()
            try:
                listed = await ask_book(self._exchange, self._http, self._setting)
            except SourceError as fault:
                return await self._failed(self._contact, fault)
            self._listed = listed if self._terms is None else await self._with(self._terms, listed)
            self._shrugged = {*self._shrugged, *self._strangers} - self._listed.keys()
            self._strangers.clear()
            watched = limited(self._listed, self._watched)
            if watched != self.watched:
                self.watched = watched
                async with self._news:
                    self._news.notify_all()
            if listed.unreadable:
                await self._contact.keep_rows(listed.unreadable)
            self.ready = True
            self._contact.heard(symbols=len(self.watched))
            self._contact.fine()
            return None

    async def _failed(self, contact: Contact, fault: SourceError) -> timedelta:
        if isinstance(fault, SourceThrottled):
            self._http.hold(fault.retry_after)
        if isinstance(fault, SourceChanged):
            await contact.keep(fault)
        return contact.failed(fault)

    async def _with(self, terms: Terms, listed: Book) -> Book:
        """The contracts with what their list leaves out; with what was known before, where that fails."""
        told = listed
        try:
            for request in terms.requests():
                raw = await fetched(self._exchange, terms.name, self._http, request, self._setting)
                told = understand(terms.parse, raw, told)
        except SourceError as fault:
            await self._failed(self._terms_contact, fault)
            return {symbol: _as_known(one, self._listed.get(symbol)) for symbol, one in listed.items()}
        self._terms_contact.heard(symbols=len(limited(told, self._watched)))
        self._terms_contact.fine()
        return told

    async def changed(self, known: Book) -> Book:
        """The watched contracts, once they are no longer ``known``."""
        async with self._news:
            await self._news.wait_for(lambda: self.watched is not known)
        return self.watched

    def strangers(self, unknown: Iterable[str]) -> int:
        """How many of ``unknown`` are not listed at all (the others are listed but not watched)."""
        strange = set(unknown) - self._listed.keys()
        self._strangers |= strange - self._shrugged
        return len(strange)

    async def catch_up(self) -> None:
        """Ask again where new symbols turned up, unless it was asked just before."""
        if self._strangers and self._asked and self._setting.clock() - self._asked >= ASK_AGAIN:
            await self.ask()
