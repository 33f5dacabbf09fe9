"""Hyperliquid: linear perpetuals in coins, all in one answer that carries no clock.

Liquidations have no public feed: they can only be inferred from the fall of open interest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec
from msgspec import field

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Venue, Volume
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged
from bot.exchanges.reading import coin, decode, evidence, read_book, read_rows, refusal
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    Figure,
    Poll,
    Request,
    facts,
    optional,
    quoted,
    required,
)

VENUE = Venue("hyperliquid")
FACTS = facts(
    """
    /info metaAndAssetCtxs | openInterest | base coin | recorded answers, client libraries | [2]
    /info metaAndAssetCtxs | markPx | USD per base coin | recorded answers | [2]
    /info metaAndAssetCtxs | funding | fraction per hour | recorded answers, documentation | [2]
    /info metaAndAssetCtxs | dayNtlVlm | USD | documentation | [1]
    /info metaAndAssetCtxs | universe[i] ↔ contexts[i] | paired by position | documentation | [2]
    /info metaAndAssetCtxs | isDelisted | left out | recorded answer | [1]
    /info metaAndAssetCtxs | time | none: receive time | recorded answers | [2]
    /info metaAndAssetCtxs | name with a colon | HIP-3, built by others: left out | recorded answer | [2]
    /info metaAndAssetCtxs dex | crypto or share | not told, mostly shares: not asked for | recorded | [?]
    liquidations | — | no public feed | 550 trades inspected | [2]
    HTTP 429 | null or HTML | throttled | reports | [1]
    """
)

ASK = Request("/info", body=b'{"type":"metaAndAssetCtxs"}', weight=20)


class _Listed(msgspec.Struct, rename="camel"):
    name: str
    is_delisted: bool = False


class _Meta(msgspec.Struct):
    universe: list[_Listed]


class _Context(msgspec.Struct, rename="camel"):
    open_interest: Figure | None = None
    mark_px: Figure | None = None
    funding: Figure | None = None
    day_ntl_vlm: Figure | None = None
    symbol: str = field(name="not on the wire: the name stands in the universe", default="")


_PAGES = msgspec.json.Decoder(tuple[_Meta, list[_Context]])


def _page(body: bytes) -> tuple[_Meta, list[_Context]]:
    """The two halves are paired by position alone, so unequal lengths are never paired at all."""
    meta, contexts = decode(_PAGES, body)
    if len(meta.universe) != len(contexts):
        why = f"{len(meta.universe)} names for {len(contexts)} contexts"
        raise SourceChanged(why, evidence=evidence(body))
    return meta, contexts


def _listed(meta: _Meta, contexts: list[_Context]) -> Iterator[_Context]:
    for listed, context in zip(meta.universe, contexts, strict=True):
        if not listed.is_delisted:
            context.symbol = listed.name
            yield context


def parse_book(body: bytes) -> Mapping[str, Instrument]:
    """``[{"universe": [{"name": "BTC"}]}, […]]``: delisted names and builders' books (``xyz:``) are out."""

    def read(row: _Listed) -> Instrument | None:
        if row.is_delisted or ":" in row.name:
            return None
        asset, multiple = coin(row.name)
        return Instrument(VENUE, row.name, asset, coins_per_base=multiple)

    return read_book(_page(body)[0].universe, read)


def parse_contexts(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"universe": [{"name": "BTC"}]}, [{"openInterest", "markPx", "funding", "dayNtlVlm"}]]``

    Open interest is base coins, funding is per hour. There is no time stamp: ours is used.
    """

    def read(row: _Context, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.open_interest, "openInterest"), Unit.BASE)
        said: list[Observation] = [OpenInterest(instrument, amount, now, now, quoted(row.mark_px, "markPx"))]
        if (rate := optional(row.funding, "funding")) is not None:
            said.append(Funding(instrument, rate, HOUR, now, now))
        if (volume := optional(row.day_ntl_vlm, "dayNtlVlm")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.QUOTE), now, now))
        return said

    return read_rows(_listed(*_page(body)), book, read)


EXCHANGE = Exchange(
    venue=VENUE,
    title="Hyperliquid",
    group=Group.DEX,
    base_url="https://api.hyperliquid.xyz",
    book=BookPoll(HOUR, lambda: [ASK], parse_book),
    polls=(Poll("contexts", MINUTE, lambda _: [ASK], parse_contexts),),
    budget=Budget(1200, MINUTE),
    facts=FACTS,
    read_refusal=refusal,
    unheard="only who is liquidated is told of it; public trades carry no mark",
)
