"""What of a venue can be decoded, and the words it is asked for with."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

from bot.domain.assets import Asset
from bot.domain.market import Instrument, Venue
from bot.errors import UsageError
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Exchange, History, Poll, Request, Socket

MEANING = (
    ("book", "contracts", "instruments", "markets", "symbols", "products"),
    ("history", "open-interest-history", "open-interest-hist", "hist", "past"),
    ("open-interest", "open-interests", "openinterest", "oi"),
    ("tickers", "ticker", "summary", "summaries", "book-summary", "markets"),
    ("prices", "price", "mark", "marks", "mark-price", "premium-index", "premium"),
    ("funding", "funding-rate", "funding-rates"),
    (
        "liquidations",
        "liquidation",
        "forced",
        "force-order",
        "forced-orders",
        "liquidation-orders",
        "allliquidation",
        "public-liquidates",
        "trades",
        "last-trades",
        "get-last-trades-by-currency",
        "get-last-trades-by-instrument",
    ),
    ("accounts", "account-ratio", "long-short-ratio", "long-short-account-ratio"),
    ("socket", "sockets", "ws", "websocket", "stream"),
    ("reports", "report", "cot", "positions", "volume", "exchange-list"),
)
"""Words that mean the same; the first is ours where the venue has no name of its own for it."""


@dataclass(frozen=True, slots=True)
class Source:
    """One thing a venue tells. ``of`` is ``None`` for the book."""

    name: str
    kind: str
    of: Poll | Socket | History | None


def sources_of(exchange: Exchange) -> Mapping[str, Source]:
    """By name. A socket that shares its name with a poll is ``socket:NAME``."""
    found = {"book": Source("book", "book", None)}
    for poll in (*exchange.polls, *exchange.unasked):
        found[poll.name] = Source(poll.name, "poll", poll)
    for socket in exchange.sockets:
        name = f"socket:{socket.name}" if socket.name in found else socket.name
        found[name] = Source(name, "socket", socket)
    if exchange.history is not None:
        found["history"] = Source("history", "history", exchange.history)
    return found


def the_venue(asked: str) -> Exchange:
    """Raises ``UsageError`` that names what there is."""
    names = {name: name for name in EXCHANGES}
    found = names.get(Venue(asked.strip().lower().replace("-", "_")))
    if found is None:
        raise UsageError(f"there is no venue {asked}{_hint(asked, names)} (there are: {', '.join(names)})")
    return EXCHANGES[found]


def the_source(exchange: Exchange, asked: str) -> Source:
    """By its own name, that of its endpoint or channel, a word that means the same, or a part of its name.

    Raises ``UsageError``.
    """
    sources = sources_of(exchange)
    whole = asked.strip().lower().replace("_", "-").replace(" ", "-")
    for prefix in ("poll:", "ws:", "http:"):
        whole = whole.removeprefix(prefix)
    # A channel may be named with its contract: allLiquidation.BTCUSDT, btcusdt@forceOrder.
    parts = [part for part in re.split(r"[^\w-]+", whole) if part and part != whole]
    words = (whole, *(parts[-1:] if "/" in whole else parts))
    ways: Sequence[Callable[[str], Sequence[str]]] = (
        lambda word: [name for name in sources if name == word],
        lambda word: [n for n, source in sources.items() if _plain(word) == _address(exchange, source)],
        lambda word: [name for name in sources if name in _like(word)],
        lambda word: [n for n, source in sources.items() if _plain(word) in _asked_as(exchange, source)],
        lambda word: _meant(word, sources),
        lambda word: [name for name in sources if _plain(word) in _listed_as(exchange, name)],
        lambda word: [name for name in sources if word in name] if len(word) > 2 else [],
    )
    for way in ways:
        for names in map(way, words):
            if names and len({_reads(sources[name]) for name in names}) == 1:
                return sources[names[0]]
    raise UsageError(
        f"{exchange.venue} has no source {asked}{_hint(whole, sources)} (it has: {', '.join(sources)})"
    )


def _plain(word: str) -> str:
    return re.sub(r"\W|_", "", word).lower().removesuffix("s")


def _asked_as(exchange: Exchange, source: Source) -> Collection[str]:
    """The words of the address it is asked or heard at (``premiumindex``, ``ticker24hr``)."""
    if isinstance(source.of, Socket):
        return _parts([source.of.url.partition("//")[2].partition("/")[2]])
    if not isinstance(source.of, Poll):
        return ()
    anything = Instrument(exchange.venue, "X", Asset("X"))
    return _parts(request.path for request in source.of.requests({anything.symbol: anything}))


def _listed_as(exchange: Exchange, name: str) -> Collection[str]:
    """The same of the list of contracts and of the past."""
    if name == "history" and exchange.history is not None:
        anything, then = Instrument(exchange.venue, "X", Asset("X")), datetime(2026, 1, 1, tzinfo=UTC)
        return _parts(request.path for request in exchange.history.requests(anything, then, then))
    return _parts(request.path for request in exchange.book.requests()) if name == "book" else ()


def _address(exchange: Exchange, source: Source) -> str:
    """The path it is asked at, where there is one."""
    anything, then = Instrument(exchange.venue, "X", Asset("X")), datetime(2026, 1, 1, tzinfo=UTC)
    asked: Sequence[Request] = ()
    if isinstance(source.of, Poll):
        asked = source.of.requests({anything.symbol: anything})
    elif isinstance(source.of, History):
        asked = source.of.requests(anything, then, then)
    elif source.of is None:
        asked = exchange.book.requests()
    return _plain(asked[0].path) if asked else ""


def _parts(paths: Iterable[str]) -> Collection[str]:
    """Each word of a path, its last two together, and the whole."""
    found: set[str] = set()
    for path in paths:
        words = path.split("/")
        found |= {_plain(word) for word in (*words, "".join(words[-2:]), path) if len(word) > 3}
    return found


def _reads(source: Source) -> object:
    """Sources that are read alike are one to whoever has a payload."""
    return source.name if source.of is None else source.of.parse


def _like(word: str) -> Sequence[str]:
    return next((words for words in MEANING if _plain(word) in map(_plain, words)), ())


def _meant(word: str, sources: Mapping[str, Source]) -> list[str]:
    same = _like(word)
    if same[:1] in (("liquidations",), ("socket",)):
        heard = [name for name, source in sources.items() if source.kind == "socket"]
        return heard or [name for name in sources if name.startswith("liq")]
    polls = [name for name, source in sources.items() if source.kind == "poll"]
    if same[:1] in (("open-interest",), ("tickers",)):
        telling = [name for name in polls if name.startswith((same[0], "tickers", "summar"))]
        return telling or polls[:1]
    if same[:1] in (("prices",), ("funding",)) or word == "volume":
        # Told beside something else: with the prices, or where all is told together.
        return [name for name in polls if name in ("prices", "tickers", "summaries")] or polls[:1]
    return []


def _hint(word: str, names: Collection[str]) -> str:
    near = get_close_matches(word, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def table() -> Iterator[str]:
    """Every venue's sources: venue, source, what it is, where it is told."""
    rows = [
        (exchange.venue, source.name, source.kind, _where(exchange, source))
        for exchange in EXCHANGES.values()
        for source in sources_of(exchange).values()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join((*cells, row[3])).rstrip()


def _where(exchange: Exchange, source: Source) -> str:
    if isinstance(source.of, Socket):
        return source.of.url
    if isinstance(source.of, History):
        return exchange.base_url
    requests = exchange.book.requests() if source.of is None else source.of.requests({})
    return ((requests[0].host or exchange.base_url) + requests[0].path) if requests else exchange.base_url
