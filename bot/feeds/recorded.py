"""Recorded history as observations: CSV, CSV.gz or Parquet (columns: docs/replay.md).

A figure that cannot be read is counted, never guessed; a file that cannot be understood is refused with one
sentence that says where and what to do.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from bot.domain.assets import Asset, parse_asset
from bot.domain.market import Instrument, OpenInterest, Venue
from bot.domain.units import Amount, Unit
from bot.errors import UsageError
from bot.feeds import tables

COLUMNS = {
    "timestamp": ("timestamp", "time", "date", "datetime", "ts"),
    "venue": ("venue", "exchange"),
    "coin": ("coin", "asset", "symbol"),
    "oi_coins": ("oi_coins", "open_interest_coins"),
    "oi_usd": ("oi_usd", "oi_total_usd", "open_interest_usd"),
    "price": ("price", "mark_price", "close"),
}
"""Our name of a column and the names it is known by, first match first."""
AGGREGATE = "aggregate"
"""The venue of a file that names none."""
SAMPLE = 50_000
LEAST_STEP_S = 60
COMMON_STEPS_S = (60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 28800, 43200, 86400)
STAMPS_VARY = 0.1
"""Stamps taken a little early or late still mean the common step."""

Row = tuple[datetime, str, str, str | None, str | None, str | None]
"""timestamp, venue, coin, oi_coins, oi_usd, price"""


@dataclass
class Told:
    """What the reader met on the way."""

    rows: int = 0
    unreadable: int = 0
    first_unreadable: str = ""
    notes: list[str] = field(default_factory=list)


@lru_cache(maxsize=65536)
def parse_time(raw: str) -> tuple[datetime, bool]:
    """An instant as aware UTC and whether it named its zone. Epoch seconds or milliseconds, or ISO 8601."""
    text = raw.strip()
    if text.replace(".", "", 1).isdigit() and len(text.split(".")[0]) >= 9:
        number = float(text)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC), True
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC), False
    return at.astimezone(UTC), True


def _places(path: Path, head: Sequence[str], needed: Iterable[str]) -> dict[str, int]:
    lower = [name.strip().lstrip("\ufeff").lower() for name in head]
    places = {}
    for ours, names in COLUMNS.items():
        for name in names:
            if name in lower:
                places[ours] = lower.index(name)
                break
    missing = [name for name in needed if name not in places]
    if missing:
        raise UsageError(
            f"{path}: has no column {' or '.join(missing)} (it has: {', '.join(lower)}); "
            "rename one, see docs/replay.md"
        )
    return places


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value.isoformat() if isinstance(value, datetime) else str(value).strip()
    return text or None


def read_rows(path: Path, told: Told, coins: frozenset[Asset] | None = None) -> Iterator[Row]:
    """The rows of a history, in order of time. Sorts in memory, and says so, where the file is not sorted."""
    head = tables.head(path)
    places = _places(path, head, ("timestamp", "coin"))
    if "oi_coins" not in places and "oi_usd" not in places:
        _places(path, head, ("oi_usd or oi_coins",))
    rows = _parsed(path, places, tables.rows(path), told, coins)
    if _in_order(path, places["timestamp"]):
        return rows
    told.notes.append(f"{path.name}: rows are not in order of time; sorted")
    return iter(sorted(rows, key=lambda row: row[0]))


def _in_order(path: Path, place: int) -> bool:
    """A first look at every timestamp, so that a sorted file need not be held in memory."""
    last = datetime.min.replace(tzinfo=UTC)
    for record in tables.rows(path):
        try:
            at, _ = parse_time(_text(record[place]) or "")
        except (ValueError, IndexError, OverflowError):
            continue
        if at < last:
            return False
        last = at
    return True


def _parsed(
    path: Path,
    places: Mapping[str, int],
    records: Iterator[Sequence[Any]],
    told: Told,
    coins: frozenset[Asset] | None,
) -> Iterator[Row]:
    zone: bool | None = None
    at_, venue_, coin_ = places["timestamp"], places.get("venue"), places["coin"]
    oi_coins_, oi_usd_, price_ = places.get("oi_coins"), places.get("oi_usd"), places.get("price")
    for number, record in enumerate(records, 2):
        if not record:
            continue
        told.rows += 1
        try:
            coin = str(record[coin_]).strip()
            asset = parse_asset(coin)[0]
            at, zoned = parse_time(_text(record[at_]) or "")
            row = (
                at,
                str(record[venue_]).strip().lower() if venue_ is not None else AGGREGATE,
                coin,
                _text(record[oi_coins_]) if oi_coins_ is not None else None,
                _text(record[oi_usd_]) if oi_usd_ is not None else None,
                _text(record[price_]) if price_ is not None else None,
            )
        except (ValueError, IndexError, OverflowError):
            told.unreadable += 1
            told.first_unreadable = told.first_unreadable or f"line {number}"
            continue
        if coins is not None and asset not in coins:
            told.rows -= 1
            continue
        if zone is not None and zoned is not zone:
            raise UsageError(
                f"{path}: line {number} {'names' if zoned else 'lacks'} its time zone, "
                "unlike the lines before; write every timestamp in one way, best in UTC with a Z"
            )
        zone = zoned
        yield row


class Prices:
    """Prices from a second file: the venue's own at the row's stamp, else the median of all venues.

    A ``close`` belongs to the stamp of its row. Between stamps at most two steps apart it is interpolated.
    """

    def __init__(self, path: Path) -> None:
        places = _places(path, tables.head(path), ("timestamp", "coin", "price"))
        own: dict[tuple[str, Asset], dict[float, float]] = {}
        venue_ = places.get("venue")
        for number, record in enumerate(tables.rows(path), 2):
            if not record:
                continue
            try:
                at, _ = parse_time(_text(record[places["timestamp"]]) or "")
                coin = parse_asset(str(record[places["coin"]]))[0]
                price = float(_text(record[places["price"]]) or "nan")
            except (ValueError, IndexError, OverflowError):
                raise UsageError(f"{path}: line {number} is no price: {record!r:.80}") from None
            if not 0 < price < float("inf"):
                continue
            venue = str(record[venue_]).strip().lower() if venue_ is not None else AGGREGATE
            own.setdefault((venue, coin), {})[at.timestamp()] = price
        self._own = {key: _Curve(points) for key, points in own.items()}
        self._all: dict[Asset, _Curve] = {}
        for coin in {coin for _, coin in own}:
            together: dict[float, list[float]] = {}
            for (_, other), points in own.items():
                if other == coin:
                    for at_s, price in points.items():
                        together.setdefault(at_s, []).append(price)
            self._all[coin] = _Curve({at_s: median(prices) for at_s, prices in together.items()})

    def at(self, venue: str, coin: Asset, at_s: float) -> float | None:
        own = self._own.get((venue, coin))
        price = own.at(at_s) if own else None
        if price is None and coin in self._all:
            return self._all[coin].at(at_s)
        return price


class _Curve:
    def __init__(self, points: Mapping[float, float]) -> None:
        self._points = points
        self._stamps = sorted(points)
        gaps = [b - a for a, b in pairwise(self._stamps)]
        self._reach = 2 * median(gaps) if gaps else 0.0

    def at(self, at_s: float) -> float | None:
        exact = self._points.get(at_s)
        if exact is not None:
            return exact
        place = bisect_left(self._stamps, at_s)
        if not 0 < place < len(self._stamps):
            return None
        before, after = self._stamps[place - 1], self._stamps[place]
        if after - before > self._reach:
            return None
        share = (at_s - before) / (after - before)
        return self._points[before] * (1 - share) + self._points[after] * share


@dataclass(frozen=True, slots=True)
class Grid:
    """How a recording is cut into steps: every ``step``, at instants ``phase_s`` past its multiples."""

    step: timedelta
    phase_s: float

    def end_of(self, at_s: float) -> float:
        """The first step at or after an instant."""
        step_s = self.step.total_seconds()
        return -((self.phase_s - at_s) // step_s) * step_s + self.phase_s


def grid_of(rows: Sequence[Row]) -> Grid:
    """Understand the step from the data: the usual distance between readings of one market."""
    last: dict[tuple[str, str], float] = {}
    distances: list[float] = []
    for at, venue, coin, *_ in rows:
        at_s = at.timestamp()
        before = last.get((venue, coin))
        if before is not None and at_s > before:
            distances.append(at_s - before)
        last[venue, coin] = at_s
    usual_s = median(distances) if distances else LEAST_STEP_S
    step_s = next((s for s in COMMON_STEPS_S if abs(usual_s / s - 1) <= STAMPS_VARY), round(usual_s))
    step_s = max(LEAST_STEP_S, step_s)
    phases = [at.timestamp() % step_s for at, *_ in rows]
    if not phases:
        return Grid(timedelta(seconds=step_s), 0.0)
    usual, times = Counter(math.ceil(phase - 1e-6) % step_s for phase in phases).most_common(1)[0]
    if times >= len(phases) / 2:
        return Grid(timedelta(seconds=step_s), float(usual))
    if usual_s < LEAST_STEP_S:
        return Grid(timedelta(seconds=step_s), 0.0)
    return Grid(timedelta(seconds=step_s), (median(phases) + step_s / 2) % step_s)


class Reader:
    """Rows to observations, with one ``Instrument`` per venue and coin."""

    def __init__(self, prices: Prices | None, told: Told) -> None:
        self._prices = prices
        self._told = told
        self._instruments: dict[tuple[str, str], Instrument] = {}

    def read(self, row: Row) -> OpenInterest | None:
        """``None`` (and counted) where a figure is no number."""
        at, venue, coin, oi_coins, oi_usd, price = row
        instrument = self._instruments.get((venue, coin))
        if instrument is None:
            asset, multiple = parse_asset(coin)
            instrument = Instrument(Venue(venue), coin, asset, coins_per_base=multiple)
            self._instruments[venue, coin] = instrument
        try:
            if oi_coins is not None:
                amount = Amount(Decimal(oi_coins) / instrument.coins_per_base, Unit.BASE)
            else:
                amount = Amount(Decimal(oi_usd or "missing"), Unit.QUOTE)
            quoted = Decimal(price) if price is not None else None
        except InvalidOperation:
            self._told.unreadable += 1
            self._told.first_unreadable = (
                self._told.first_unreadable or f"{venue} {coin} at {at:%Y-%m-%d %H:%M}"
            )
            return None
        if quoted is None and self._prices is not None:
            found = self._prices.at(venue, instrument.asset, at.timestamp())
            quoted = Decimal(repr(found)) * instrument.coins_per_base if found else None
        return OpenInterest(instrument, amount, at, at, quoted)
