"""What of a venue can be decoded, and the words it is asked for with."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches

from bot.decode.addresses import ANY, Told, addresses, at_address, called
from bot.domain.market import Venue
from bot.errors import UsageError
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import Exchange

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
    ("contexts", "metaandassetctxs", "meta-and-asset-ctxs", "asset-ctxs"),
    ("accounts", "account-ratio", "long-short-ratio", "long-short-account-ratio"),
    ("reports", "report", "cot", "tff", "positions", "volume", "exchange-list"),
)
"""Words that mean the same; the first is ours where the venue has no name of its own for it."""


@dataclass(frozen=True, slots=True)
class Source:
    """One thing a venue tells. ``of`` is ``None`` for the book."""

    name: str
    kind: str
    of: Told


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
    """By its own name, its address, a word that means the same, or a part that only one has.

    Raises ``UsageError`` that names what there is.
    """
    sources = sources_of(exchange)
    told = {name: source.of for name, source in sources.items()}
    if "/" in asked:
        return _at(exchange, sources, told, asked.split()[-1])
    word = asked.strip().lower().replace("_", "-").replace(" ", "-")
    for prefix in ("poll:", "ws:", "http:", "ws-"):
        word = word.removeprefix(prefix)
    at = [name for name, source in sources.items() if _plain(word) in _words_of(exchange, source)]
    for names in (
        [name for name in sources if name == word],
        called(exchange, told, asked.strip()),
        [name for name in sources if name in _like(word)],
        [name for name in at if sources[name].kind == "poll" or (name == "history" and "hist" in word)],
        _meant(word, sources),
        at_address(exchange, told, asked.strip()),
        at,
        [name for name in sources if word in name] if len(word) > 2 else [],
        _within(word, sources),
    ):
        if (found := _one(names, sources, word)) is not None:
            return found
    # A channel may be named with its contract: allLiquidation.BTCUSDT, btcusdt@forceOrder.
    for part in re.split(r"[.@]", word) if re.search(r"[.@]", word) else ():
        with suppress(UsageError):
            return the_source(exchange, part)
    several = f": say {' or '.join(at)}" if len(at) > 1 else ""
    why = several or _none(exchange, word) or _hint(word, sources)
    raise UsageError(f"{exchange.venue} has no source {asked}{why} (it has: {', '.join(sources)})")


def _none(exchange: Exchange, word: str) -> str:
    """Why there is none of its kind, where that is known."""
    kind = _like(word)[:1]
    if kind == ("liquidations",) and exchange.unheard:
        return f": {exchange.unheard}"
    return ": its past is not told, or not asked for" if kind == ("history",) else ""


def _at(exchange: Exchange, sources: Mapping[str, Source], told: Mapping[str, Told], address: str) -> Source:
    """Raises ``UsageError`` where nothing, or more than one thing, is told there."""
    names = called(exchange, told, address) or at_address(exchange, told, address)
    if (found := _one(names, sources, address)) is not None:
        return found
    if names:
        raise UsageError(f"{exchange.venue} tells more than one thing at {address}: say {' or '.join(names)}")
    raise UsageError(f"{exchange.venue} is not asked at {address} (its sources are: {', '.join(sources)})")


def _one(names: Sequence[str], sources: Mapping[str, Source], asked: str) -> Source | None:
    """What all of ``names`` are to whoever has a payload; the past where it is asked for."""
    if "history" in names and "hist" in asked.lower():
        return sources["history"]
    alike = {reads(sources[name]) for name in names}
    return sources[names[0]] if len(alike) == 1 else None


def _within(word: str, sources: Mapping[str, Source]) -> list[str]:
    """Those whose name, or a word that means the same, is the longest that stands whole in ``word``."""
    named = {name: [name] for name in sources}
    for words in MEANING:
        for same in set(words) - sources.keys():
            named[same] = [name for name in sources if name in words] or _meant(same, sources)
    standing = [name for name in named if f"-{name}-" in f"-{word}-" and named[name]]
    return named[max(standing, key=len)] if standing else []


def _plain(word: str) -> str:
    return word.replace("-", "").lower().removesuffix("s")


def _words_of(exchange: Exchange, source: Source) -> Collection[str]:
    """The words of the addresses it is told at (``premiumindex``, ``orderbookdetail``)."""
    parts = [part for one in addresses(exchange, source.of) for part in one.replace("_", "-").split("/")[3:]]
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
    return " ".join(addresses(exchange, source.of)).replace(ANY, "SYMBOL") or "nowhere: contracts are named"
