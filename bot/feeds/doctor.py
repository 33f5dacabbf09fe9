"""Ask a venue once and say, for a person, how that went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.assets import Asset
from bot.domain.health import SourceState
from bot.domain.market import Group, Observation, OpenInterest, Price, Report, Venue, Volume
from bot.domain.units import Size, measure
from bot.errors import SourceError
from bot.exchanges.spec import Book, Exchange, Listing, Poll, Request
from bot.feeds.book import ask_book, limited
from bot.feeds.contact import in_words, state_of, understand
from bot.feeds.hearing import FeedReport, hear_once
from bot.feeds.http import Limits, VenueHttp, open_http
from bot.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What asking a venue once brought. ``coins`` and ``usd`` are those of ``asset``, ``None`` if not known.

    ``state`` is ``FRESH`` when everything asked was answered and understood, else the first fault's;
    ``why`` says it in words. ``reachable`` means that something came back at all, if only a refusal.
    """

    venue: Venue
    title: str
    group: Group
    asset: Asset
    state: SourceState
    why: str
    reachable: bool
    symbols: int = 0
    coins: float | None = None
    usd: float | None = None
    volume_usd: float | None = None
    """Of 24 hours, of the contracts that tell it."""
    at: datetime | None = None
    """The oldest figure in the sum."""
    age: timedelta | None = None
    unmeasured: int = 0
    """Contracts of the asset whose coins could not be known."""
    doubts: tuple[str, ...] = ()
    """What may be wrong with the venue's figures all the same."""
    unread: tuple[str, ...] = ()
    """What was wrong with contracts of its list that could not be read."""
    unheard: str = ""
    """Why it tells nobody its liquidations; empty where it does."""
    feeds: tuple[FeedReport, ...] = ()


async def ask_once(
    exchange: Exchange,
    *,
    asset: Asset,
    clock: Clock,
    watched: frozenset[Asset] | None = None,
    base_url: str | None = None,
    ws_url: str | None = None,
    listen_s: float = 0.0,
    limits: Limits | None = None,
) -> SourceReport:
    """Ask the book and each poll once, the polls for ``asset`` only, and listen for ``listen_s`` seconds.

    Raises nothing of the venue's.
    """
    listed = Listing()
    feeds: list[FeedReport] = []
    told: list[Observation] = []
    faults: list[SourceError] = []
    async with open_http(exchange, base_url=base_url, limits=limits) as http:
        try:
            listed = await ask_book(exchange, http)
        except SourceError as fault:
            faults.append(fault)
        else:
            told, faults = await _ask_polls(exchange, http, limited(listed, frozenset({asset})), clock)
        now, heard = clock(), limited(listed, watched)
        if listen_s and heard:
            feeds = await hear_once(exchange, http, heard, clock=clock, seconds=listen_s, ws_url=ws_url)
    report = _report(exchange, asset, now, len(heard), told, faults, feeds)
    return replace(report, unread=tuple(listed.unreadable))


async def _ask_polls(
    exchange: Exchange, http: VenueHttp, book: Book, clock: Clock
) -> tuple[list[Observation], list[SourceError]]:
    told: list[Observation] = []
    faults: list[SourceError] = []
    answered: set[str] = set()
    for poll in sorted(exchange.polls, key=lambda poll: bool(poll.stands_in_for)):
        if poll.stands_in_for in answered:
            continue
        before = len(told)
        for request, part in _asks(poll, book):
            try:
                raw = await http.fetch(request)
                told += understand(poll.parse, raw, part, clock()).observations
            except SourceError as fault:
                faults.append(fault)
                break
        if len(told) > before:
            answered.add(poll.name)
    return told, faults


def _asks(poll: Poll, book: Book) -> Iterator[tuple[Request, Book]]:
    """What to ask, and the contracts to read each answer with: of what rotates, only that asked for."""
    parts: list[Book] = [{symbol: known} for symbol, known in book.items()] if poll.rotates else [book]
    for part in parts:
        for request in poll.requests(part):
            yield request, part


def _report(
    exchange: Exchange,
    asset: Asset,
    now: datetime,
    symbols: int,
    told: Sequence[Observation],
    faults: Sequence[SourceError],
    feeds: Sequence[FeedReport],
) -> SourceReport:
    sizes, at = _sizes(asset, told)
    coins = [size.coins for size in sizes if size.coins is not None]
    usd = [size.usd for size in sizes if size.usd is not None]
    return SourceReport(
        venue=exchange.venue,
        title=exchange.title,
        group=exchange.group,
        asset=asset,
        state=state_of(faults[0]) if faults else SourceState.FRESH,
        why=in_words(faults[0]) if faults else "" if sizes else _nothing(exchange, asset),
        reachable=bool(symbols or told) or any(state_of(f) is not SourceState.LOST for f in faults),
        symbols=symbols,
        coins=sum(coins) if coins else None,
        usd=sum(usd) if usd and len(usd) == len(sizes) else None,
        at=at,
        age=now - at if at else None,
        unmeasured=len(sizes) - len(coins),
        doubts=exchange.doubts,
        unheard=exchange.unheard,
        feeds=tuple(feeds),
        volume_usd=_traded(asset, told),
    )


def _nothing(exchange: Exchange, asset: Asset) -> str:
    return exchange.closed or f"tells no open interest of {asset}"


def _sizes(asset: Asset, told: Sequence[Observation]) -> tuple[list[Size], datetime | None]:
    """The size of each contract of ``asset`` (or of its newest reports), and the time of the oldest."""
    prices = _prices(told)
    newest = {
        f.instrument.symbol: f for f in told if isinstance(f, OpenInterest) and f.instrument.asset == asset
    }
    dated = [r for r in told if isinstance(r, Report) and r.asset == asset]
    reports = list({r.series: r for r in sorted(dated, key=lambda r: r.as_of)}.values())
    sizes = [Size(report.coins, None) for report in reports]
    for symbol, figure in newest.items():
        known = figure.instrument
        sizes.append(measure(figure.amount, known.contract, prices.get(symbol), known.coins_per_base))
    times = [f.at for f in newest.values()] + [r.as_of for r in reports]
    return sizes, min(times, default=None)


def _prices(told: Sequence[Observation]) -> Mapping[str, float]:
    """By symbol; that told with the open interest where there is one."""
    own = {price.instrument.symbol: price.price for price in told if isinstance(price, Price)}
    own |= {f.instrument.symbol: f.price for f in told if isinstance(f, OpenInterest) and f.price}
    return {symbol: float(price) for symbol, price in own.items() if price}


def _traded(asset: Asset, told: Sequence[Observation]) -> float | None:
    prices, volumes = _prices(told), {v.instrument.symbol: v for v in told if isinstance(v, Volume)}
    sizes = [
        measure(v.amount, v.instrument.contract, prices.get(symbol), v.instrument.coins_per_base).usd
        for symbol, v in volumes.items()
        if v.instrument.asset == asset
    ]
    known = [usd for usd in sizes if usd is not None]
    return sum(known) if known else None
