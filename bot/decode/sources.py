"""What of a venue can be decoded, and the words it is asked for with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
    ("tickers", "ticker", "summary", "summaries", "markets"),
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
    ),
    ("socket", "sockets", "ws", "websocket", "stream"),
    ("reports", "report", "cot", "positions", "volume", "exchange-list"),
)
"""Words that mean the same; the first is ours where the venue has no name of its own for it."""

SYMBOL, SAMPLED = "SYMBOL", datetime(2026, 1, 1, tzinfo=UTC)
"""What stands in an address for the contract that is asked for, and when."""


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
    """By its own name, its address or a part of that, a word that means the same, or a part only one has."""
    sources = sources_of(exchange)
    path, _, _ = asked.strip().partition("?")
    word = path.rstrip("/").rpartition("/")[2].lower().replace("_", "-").replace(" ", "-")
    for prefix in ("poll:", "ws:", "http:"):
        word = word.removeprefix(prefix)
    polls = [name for name, source in sources.items() if source.kind == "poll"]
    others = [name for name, source in sources.items() if source.kind in ("book", "history")]
    for names in (
        [name for name, source in sources.items() if "/" in path and _at(path, exchange, source)],
        [name for name in sources if "/v3/" in path and name == f"{word}-v3"],
        [name for name in sources if name == word],
        [name for name in sources if name in _like(word)],
        [name for name in polls if _plain(word) in _parts(exchange, sources[name])],
        _meant(word, sources),
        [name for name in others if _plain(word) in _parts(exchange, sources[name])],
        [name for name in sources if word in name] if len(word) > 2 else [],
    ):
        if names and len({reads(sources[name]) for name in names}) == 1:
            return sources[names[0]]
    why = _none(exchange, word, sources) or _hint(word, sources)
    raise UsageError(f"{exchange.venue} has no source {asked}{why} (it has: {', '.join(sources)})")


def _none(exchange: Exchange, word: str, sources: Mapping[str, Source]) -> str:
    """Why there is none of its kind, where that is known."""
    kind = _like(word)[:1]
    if kind == ("liquidations",) and exchange.unheard:
        return f": {exchange.unheard}"
    return ": its past is not told, or not asked for" if kind == ("history",) else ""


def _at(path: str, exchange: Exchange, source: Source) -> bool:
    """Is the source found at an address, whatever the host, or at the end of one?"""
    wanted = _steps(path)
    for address in addresses(exchange, source):
        last = _steps(address)[-len(wanted) :]
        if len(last) == len(wanted) and all(map(_same_step, last, wanted)):
            return True
    return False


def _steps(address: str) -> Sequence[str]:
    _, named, rest = address.partition("://")
    return (rest.partition("/")[2] if named else address).strip("/").split("/")


def _same_step(known: str, asked: str) -> bool:
    return known == SYMBOL or known.lower() == asked.lower()


def addresses(exchange: Exchange, source: Source) -> Sequence[str]:
    """Where the source is asked or heard, each once; none where it is only read."""
    if isinstance(source.of, Socket):
        return [source.of.url]
    samples = [
        Instrument(exchange.venue, SYMBOL, Asset(SYMBOL), inverse=inverse, expiry=expiry, quote=quote)
        for inverse, quote in ((False, "USDT"), (True, "USD"))
        for expiry in (None, SAMPLED)
    ]
    requests: list[Request] = []
    if source.of is None:
        requests += exchange.book.requests()
    elif isinstance(source.of, Poll):
        for one in samples:
            requests += source.of.requests({SYMBOL: one})
    else:
        for one in samples:
            requests += source.of.requests(one, SAMPLED, SAMPLED)
    return list(dict.fromkeys((request.host or exchange.base_url) + request.path for request in requests))


def _plain(word: str) -> str:
    return word.replace("-", "").lower().removesuffix("s")


def _parts(exchange: Exchange, source: Source) -> Collection[str]:
    """The words of the address it is asked at (``premiumindex``, ``orderbookdetail``)."""
    parts = [
        part for address in addresses(exchange, source) for part in address.replace("_", "-").split("/")[3:]
    ]
    return {_plain(part) for part in parts if len(part) > 3}


def reads(source: Source) -> object:
    """Sources that are read alike are one to whoever has a payload."""
    return source.name if source.of is None else source.of.parse


def _like(word: str) -> Sequence[str]:
    return next((words for words in MEANING if word in words), ())


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
    return " ".join(addresses(exchange, source)) or "read, never asked for"
