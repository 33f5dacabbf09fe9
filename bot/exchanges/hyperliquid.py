"""Hyperliquid: linear perpetuals in coins, all in one answer that carries no clock.

Liquidations have no public feed: they can only be inferred from the fall of open interest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
from msgspec import field

from bot.domain.market import Funding, Group, Instrument, Observation, OpenInterest, Venue, Volume
from bot.domain.units import Amount, Unit
from bot.errors import SourceChanged
from bot.exchanges.listed import read_book
from bot.exchanges.reading import coin, decode, evidence, peek, read_rows, refusal
from bot.exchanges.spec import (
    HOUR,
    MINUTE,
    Answer,
    Book,
    BookPoll,
    Budget,
    Exchange,
    Figure,
    Listing,
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
    activeAssetCtx | ctx | the same of one coin, over the socket: never asked for | adapter | [1]
    allDexsAssetCtxs | ctxs | the same without names: not read | recorded message | [2]
    liquidations | — | no public feed | 550 trades inspected | [2]
    HTTP 429 | null or HTML | throttled | reports | [1]
    """
)

ASK = Request("/info", body=b'{"type":"metaAndAssetCtxs"}', weight=20)
ALSO = ("metaAndAssetCtxs", "activeAssetCtx", "allDexsAssetCtxs")


class _Listed(msgspec.Struct, rename="camel"):
    name: str
    is_delisted: bool | None = None


class _Meta(msgspec.Struct):
    universe: list[_Listed]


class _Context(msgspec.Struct, rename="camel"):
    open_interest: Figure | None = None
    mark_px: Figure | None = None
    funding: Figure | None = None
    day_ntl_vlm: Figure | None = None
    symbol: str = field(name="not on the wire: the name stands in the universe", default="")


class _One(msgspec.Struct):
    symbol: str = field(name="coin")
    context: _Context = field(name="ctx")


class _Frame(msgspec.Struct):
    channel: str


class _Active(msgspec.Struct):
    data: _One


_PAGES = msgspec.json.Decoder(tuple[_Meta, list[_Context]])
_METAS = msgspec.json.Decoder(_Meta)
_FRAMES = msgspec.json.Decoder(_Frame)
_ACTIVES = msgspec.json.Decoder(_Active)


def _page(body: bytes) -> tuple[_Meta, list[_Context]]:
    """The two halves are paired by position alone, so unequal lengths are never paired at all."""
    if (frame := peek(_FRAMES, body)) is not None:
        raise SourceChanged(f"{frame.channel} does not name the coins it tells of", evidence=evidence(body))
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


def parse_book(body: bytes) -> Listing:
    """``[{"universe": [{"name": "BTC"}]}, […]]``, or the first half alone (``meta``): delisted names and
    builders' books (``xyz:``) are out.
    """

    def read(row: _Listed) -> Instrument | None:
        if row.is_delisted or ":" in row.name:
            return None
        asset, multiple = coin(row.name)
        return Instrument(VENUE, row.name, asset, coins_per_base=multiple)

    meta = peek(_METAS, body) or _page(body)[0]
    return read_book(meta.universe, read)


def parse_contexts(body: bytes, book: Book, now: datetime) -> Answer:
    """``[{"universe": [{"name": "BTC"}]}, [{"openInterest", "markPx", "funding", "dayNtlVlm"}]]``

    Open interest is base coins, funding is per hour. There is no time stamp: ours is used. A frame
    ``{"channel": "activeAssetCtx", "data": {"coin", "ctx"}}`` tells the same of one.
    """

    def read(row: _Context, instrument: Instrument) -> list[Observation]:
        amount = Amount(required(row.open_interest, "openInterest"), Unit.BASE)
        said: list[Observation] = [OpenInterest(instrument, amount, now, now, quoted(row.mark_px, "markPx"))]
        if (rate := optional(row.funding, "funding")) is not None:
            said.append(Funding(instrument, rate, HOUR, now, now))
        if (volume := optional(row.day_ntl_vlm, "dayNtlVlm")) is not None:
            said.append(Volume(instrument, Amount(volume, Unit.QUOTE), now, now))
        return said

    if (active := peek(_ACTIVES, body)) is not None:
        active.data.context.symbol = active.data.symbol
        return read_rows([active.data.context], book, read)
    return read_rows(_listed(*_page(body)), book, read)


EXCHANGE = Exchange(
    venue=VENUE,
    title="Hyperliquid",
    group=Group.DEX,
    base_url="https://api.hyperliquid.xyz",
    book=BookPoll(HOUR, lambda: [ASK], parse_book, also=("meta",)),
    polls=(Poll("contexts", MINUTE, lambda _: [ASK], parse_contexts, also=ALSO),),
    budget=Budget(1200, MINUTE),
    facts=FACTS,
    read_refusal=refusal,
    doubts=("books that others built on it (HIP-3) are not seen: mostly shares, which nothing tells apart",),
    unheard="only who is liquidated is told of it; public trades carry no mark",
)
