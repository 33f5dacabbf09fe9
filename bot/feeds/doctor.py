"""Ask a venue once and say, for a person, how that went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.assets import Asset
from bot.domain.health import SourceState
from bot.domain.market import Group, Observation, OpenInterest, Price, Report, Venue
from bot.domain.units import Size, measure
from bot.errors import SourceError
from bot.exchanges.spec import Book, Exchange
from bot.feeds.book import ask_book, limited
from bot.feeds.contact import in_words, state_of, understand
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
    at: datetime | None = None
    """The oldest figure in the sum."""
    age: timedelta | None = None
    unmeasured: int = 0
    """Contracts of the asset whose coins could not be known."""
    doubts: tuple[str, ...] = ()
    """What may be wrong with the venue's figures all the same."""


async def ask_once(
    exchange: Exchange,
    *,
    asset: Asset,
    clock: Clock,
    watched: frozenset[Asset] | None = None,
    base_url: str | None = None,
    limits: Limits | None = None,
) -> SourceReport:
    """Ask the book and each poll once, the polls for ``asset`` only. Raises nothing of the venue's."""
    listed: Book = {}
    told: list[Observation] = []
    faults: list[SourceError] = []
    async with open_http(exchange, base_url=base_url, limits=limits) as http:
        try:
            listed = await ask_book(exchange, http)
        except SourceError as fault:
            faults.append(fault)
        else:
            told, faults = await _ask_polls(exchange, http, limited(listed, frozenset({asset})), clock)
    return _report(exchange, asset, clock(), len(limited(listed, watched)), told, faults)


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
        for request in poll.requests(book):
            try:
                raw = await http.fetch(request)
                told += understand(poll.parse, raw, book, clock()).observations
            except SourceError as fault:
                faults.append(fault)
                break
        if len(told) > before:
            answered.add(poll.name)
    return told, faults


def _report(
    exchange: Exchange,
    asset: Asset,
    now: datetime,
    symbols: int,
    told: Sequence[Observation],
    faults: Sequence[SourceError],
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
    )


def _nothing(exchange: Exchange, asset: Asset) -> str:
    return exchange.closed or f"tells no open interest of {asset}"


def _sizes(asset: Asset, told: Sequence[Observation]) -> tuple[list[Size], datetime | None]:
    """The size of each contract of ``asset`` (or of its newest reports), and the time of the oldest."""
    prices = {price.instrument.symbol: price.price for price in told if isinstance(price, Price)}
    newest = {
        f.instrument.symbol: f for f in told if isinstance(f, OpenInterest) and f.instrument.asset == asset
    }
    dated = [r for r in told if isinstance(r, Report) and r.asset == asset]
    reports = list({r.series: r for r in sorted(dated, key=lambda r: r.as_of)}.values())
    sizes = [Size(report.coins, None) for report in reports]
    for symbol, figure in newest.items():
        price = figure.price or prices.get(symbol)
        known, usd = figure.instrument, float(price) if price else None
        sizes.append(measure(figure.amount, known.contract, usd, known.coins_per_base))
    times = [f.at for f in newest.values()] + [r.as_of for r in reports]
    return sizes, min(times, default=None)
