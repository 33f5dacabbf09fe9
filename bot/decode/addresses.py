"""At which of a venue's addresses each source is told, for whoever has the address and not our name of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from bot.domain.assets import Asset
from bot.domain.market import Instrument
from bot.exchanges.spec import Exchange, History, Poll, Request, Socket

ANY = "XANYX"
"""Stands in a sample address where a contract's symbol would."""
KINDS = ((False, "USDT"), (True, "USD"))
THEN = datetime(2026, 1, 1, tzinfo=UTC)


Told = Poll | Socket | History | None
"""``None`` is the list of contracts."""


def addresses(exchange: Exchange, of: Told) -> Sequence[str]:
    """Each without its question, most usual first; ``ANY`` where a contract's symbol goes."""
    if isinstance(of, Socket):
        return [of.url]
    requests: Iterable[Request]
    if of is None:
        requests = exchange.book.requests()
    elif isinstance(of, History):
        requests = [request for one in _samples(exchange) for request in of.requests(one, THEN, THEN)]
    elif of.told_at:
        requests = [Request(of.told_at)]
    else:
        requests = of.requests({}) or [
            request for one in _samples(exchange) for request in of.requests({one.symbol: one})
        ]
    return list(dict.fromkeys((request.host or exchange.base_url) + request.path for request in requests))


def at_address(exchange: Exchange, sources: Mapping[str, Told], asked: str) -> list[str]:
    """The names of those told at ``asked``: an address, or the end of its path.

    A socket's address is that of every socket where none has its path; the list of contracts is meant only
    where nothing else is told at the same address.
    """
    known = {name: [_path(address) for address in addresses(exchange, of)] for name, of in sources.items()}
    sought = _path(asked)
    whole = [name for name, paths in known.items() if any(_same(sought, path) for path in paths)]
    ending = [
        name
        for name, paths in known.items()
        if any(_same(sought, path[len(path) - len(sought) :]) for path in paths if len(path) >= len(sought))
    ]
    found = whole or ending
    if not found and urlsplit(asked).scheme in ("ws", "wss"):
        found = [name for name, of in sources.items() if isinstance(of, Socket)]
    return [name for name in found if sources[name] is not None] or found


def called(exchange: Exchange, sources: Mapping[str, Told], asked: str) -> list[str]:
    """The names of those that the venue itself calls ``asked``: a channel, a question, another address."""
    sought = _path(asked)

    def fits(other: str) -> bool:
        path = _path(re.sub(r"\{[^}]*\}", ANY, other))
        least = min(len(sought), len(path)) if "/" in asked else max(len(sought), len(path))
        return _same(sought[-least:], path[-least:])

    return [name for name, of in sources.items() if any(map(fits, _also(exchange, of)))]


def _also(exchange: Exchange, of: Told) -> Sequence[str]:
    return () if isinstance(of, History) else exchange.book.also if of is None else of.also


def _samples(exchange: Exchange) -> Sequence[Instrument]:
    """A linear and an inverse one: a source may tell only of either."""
    return [
        Instrument(exchange.venue, ANY, Asset(ANY), inverse=inverse, quote=quote) for inverse, quote in KINDS
    ]


def _path(address: str) -> Sequence[str]:
    path = urlsplit(address).path if "://" in address else address.partition("?")[0]
    return [part for part in path.split("/") if part]


def _same(sought: Sequence[str], path: Sequence[str]) -> bool:
    """Is it one path, with some symbol where the sample has none of its own?"""
    return (
        bool(sought)
        and len(sought) == len(path)
        and all(
            ANY in known or _plain(known) == _plain(part) for part, known in zip(sought, path, strict=True)
        )
    )


def _plain(part: str) -> str:
    return part.casefold().replace("_", "-")
