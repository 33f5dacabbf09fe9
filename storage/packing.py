"""Whole snapshots as bytes: figures in columns, known names as numbers, much less than zlib makes of them.

A year of a hundred coins at twenty venues is 2.5 million of them, and nearly all of that are the digits of
coins and dollars, which no compression makes smaller.
"""

from __future__ import annotations

import math
import zlib
from array import array
from datetime import datetime

import msgspec

from bot.domain.assets import Asset
from bot.domain.market import Group, Missing, Snapshot, Venue, VenueOpenInterest
from bot.domain.statistics import Statistics, VenueStatistics
from storage.rules import MICROSECOND, moment

ZLIB = b"\x78"
"""What the bodies of 0.3.0 and before begin with."""
NAMES = (
    *("binance_usdm", "binance_coinm", "bybit", "okx", "deribit", "bitget", "gate", "htx", "kucoin", "mexc"),
    *("bingx", "bitfinex", "kraken_futures", "hyperliquid", "dydx", "lighter", "aster", "coinex"),
    *("cryptocom", "phemex", "whitebit", "coinbase_cde", "coinbase_intl", "bitmex", "cme", "cftc"),
    *("published", "coinglass", "coinalyze"),
)
GROUPS = (Group.OFFSHORE, Group.DEX, Group.REGULATED, Group.REPORT)
"""Both may grow at their ends, and are otherwise never changed: their places stand in what was written."""
UNNAMED = 63
_CODES = {name: place for place, name in enumerate(NAMES)}
_GROUP_CODES = {group: 64 * place for place, group in enumerate(GROUPS)}


class _Columns(msgspec.Struct, frozen=True, array_like=True):
    """A snapshot without its asset and time, which are its key.

    Of each venue: one byte (its place in ``NAMES``, or ``UNNAMED`` where ``others`` has it, + 64 × that of
    its group), coins, dollars (NaN: unknown) and how many microseconds older than the snapshot its figure is.
    """

    coins: float
    usd: float | None
    price_usd: float | None
    coverage: float
    index: float
    funding: float | None
    missing: tuple[Missing, ...]
    codes: bytes
    others: list[Venue]
    shares: bytes
    worth: bytes
    ages_us: bytes


def packed(snap: Snapshot) -> bytes:
    venues = snap.venues
    ages = [(snap.at - v.at) // MICROSECOND for v in venues]
    short = -(2**31) < min(ages, default=0) <= max(ages, default=0) < 2**31
    columns = _Columns(
        snap.coins,
        snap.usd,
        snap.price_usd,
        snap.coverage,
        snap.index,
        snap.funding,
        snap.missing,
        bytes([_CODES.get(v.venue, UNNAMED) + _GROUP_CODES[v.group] for v in venues]),
        [v.venue for v in venues if v.venue not in _CODES],
        array("d", [v.coins for v in venues]).tobytes(),
        array("d", [math.nan if v.usd is None else v.usd for v in venues]).tobytes(),
        array("i" if short else "q", ages).tobytes(),
    )
    return msgspec.msgpack.encode(columns)


def unpacked(asset: Asset, at_us: int, body: bytes) -> Snapshot:
    """Raises ``zlib.error`` or ``msgspec.MsgspecError`` for what nobody wrote."""
    if body.startswith(ZLIB):
        return msgspec.msgpack.decode(zlib.decompress(body), type=Snapshot)
    try:
        return _unpacked(asset, at_us, msgspec.msgpack.decode(body, type=_Columns))
    except (ValueError, IndexError, StopIteration) as odd:
        raise msgspec.DecodeError(f"a snapshot whose columns do not fit: {odd}") from odd


def _unpacked(asset: Asset, at_us: int, told: _Columns) -> Snapshot:
    at = moment(at_us)
    others = iter(told.others)
    short = len(told.ages_us) == 4 * len(told.codes)
    columns = (array("d", told.shares), array("d", told.worth), array("i" if short else "q", told.ages_us))
    venues = [
        VenueOpenInterest(
            next(others) if code % 64 == UNNAMED else Venue(NAMES[code % 64]),
            GROUPS[code // 64],
            coins,
            None if math.isnan(usd) else usd,
            at - age * MICROSECOND,
        )
        for code, coins, usd, age in zip(told.codes, *columns, strict=True)
    ]
    return Snapshot(
        asset,
        at,
        told.coins,
        told.usd,
        told.price_usd,
        told.coverage,
        told.index,
        tuple(venues),
        told.missing,
        told.funding,
    )


class _Statistics(msgspec.Struct, frozen=True, array_like=True):
    """Statistics without their asset and time; the figures of all venues one after another (NaN: unknown)."""

    supply: float | None
    supply_at: datetime | None
    usual: tuple[float, ...]
    venues: list[Venue]
    figures: bytes


FIGURES = VenueStatistics.__struct_fields__[1:]


def packed_statistics(told: Statistics) -> bytes:
    figures = array("d")
    for name in FIGURES:
        values = [getattr(venue, name) for venue in told.venues]
        figures.extend(math.nan if value is None else value for value in values)
    names = [v.venue for v in told.venues]
    columns = _Statistics(told.supply, told.supply_at, told.usual, names, figures.tobytes())
    return zlib.compress(msgspec.msgpack.encode(columns), 6)  # many figures are zero, unknown or alike


def unpacked_statistics(asset: Asset, at_us: int, body: bytes) -> Statistics:
    """Raises as ``unpacked``."""
    told = msgspec.msgpack.decode(zlib.decompress(body), type=_Statistics)
    count = len(told.venues)
    if len(told.figures) != 8 * count * len(FIGURES):
        raise msgspec.DecodeError("statistics whose columns do not fit")
    figures = array("d", told.figures)
    rows = [figures[place::count] for place in range(count)]
    venues = tuple(
        VenueStatistics(venue, *(None if math.isnan(value) else value for value in row))  # type: ignore[arg-type]
        for venue, row in zip(told.venues, rows, strict=True)
    )
    return Statistics(asset, moment(at_us), venues, told.supply, told.supply_at, told.usual)
