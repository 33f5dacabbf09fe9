"""What of a venue can be decoded, and the words it is asked for with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from bot.domain.market import Venue
from bot.errors import UsageError
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Exchange, History, Poll, Socket

MEANING = (
    ("book", "contracts", "instruments", "markets", "symbols", "products"),
    ("history", "open-interest-history", "open-interest-hist", "hist", "past"),
    ("open-interest", "open-interests", "openinterest", "oi"),
    ("tickers", "ticker"),
    ("prices", "price", "mark", "mark-price", "premium-index", "premium"),
    ("liquidations", "liquidation", "forced", "force-order", "forced-orders", "liquidation-orders"),
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
    """By its own name, by a word that means the same, or by a part that only one has."""
    sources = sources_of(exchange)
    word = asked.strip().lower().replace("_", "-").replace(" ", "-")
    for prefix in ("poll:", "ws:", "http:"):
        word = word.removeprefix(prefix)
    for names in (
        [name for name in sources if name == word],
        _meant(word, sources),
        [name for name in sources if word in name] if len(word) > 2 else [],
    ):
        if names and len({_reads(sources[name]) for name in names}) == 1:
            return sources[names[0]]
    raise UsageError(
        f"{exchange.venue} has no source {asked}{_hint(word, sources)} (it has: {', '.join(sources)})"
    )


def _reads(source: Source) -> object:
    """Sources that are read alike are one to whoever has a payload."""
    return source.name if source.of is None else source.of.parse


def _meant(word: str, sources: Mapping[str, Source]) -> list[str]:
    same = next((words for words in MEANING if word in words), ())
    named = [name for name in sources if name in same]
    if named:
        return named
    if same[:1] in (("liquidations",), ("socket",)):
        return [name for name, source in sources.items() if source.kind == "socket"]
    if same[:1] in (("open-interest",), ("tickers",)):
        polls = [name for name, source in sources.items() if source.kind == "poll"]
        telling = [name for name in polls if name.startswith(("open-interest", "tickers", "summar"))]
        return telling or polls
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
