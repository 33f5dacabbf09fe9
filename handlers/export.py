"""What was recorded, as CSV: waves, open interest and liquidations.

Times are ISO 8601 in UTC, amounts plain numbers with a point, unknown is an empty cell. A text that a table
program would take for a formula is written with an apostrophe before it (OWASP, "CSV Injection").
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import NamedTuple

from bot.domain.assets import Asset
from bot.domain.cards import MOST_ATTACHED
from bot.domain.waves import AFTER, MARKS, Outcome, Wave
from bot.ports import Store
from handlers.hindsight import Hindsight

Cell = str | float | datetime | bool | None

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
MOST_ROWS = 50_000
STEPS = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 1440))
KEPT_ONE_BY_ONE = timedelta(days=30)
HOUR = timedelta(hours=1)
WAVE_HEAD = [
    "id",
    "coin",
    "kind",
    "stage",
    "onset",
    "opened",
    "low",
    "over",
    "revision",
    "w",
    "w_low",
    "w_high",
    "horizon_minutes",
    "fall",
    "coins_before",
    "coins_low",
    "coins_closed",
    "price_before_usd",
    "price_low_usd",
    "usd_change",
    "position_part_usd",
    "price_part_usd",
    "side",
    "lead",
    "provisional",
    "coverage",
    "venues",
    "one_venue",
    "liquidated_long_usd",
    "liquidated_short_usd",
    "forced_from",
    "forced_to",
    "from_history",
]
AFTER_HEAD = [f"{what}_{MARKS[after]}" for after in AFTER for what in ("price", "open_again", "funding")]
OI_HEAD = ("timestamp", "coin", "oi_coins", "price", "coverage", "index")
LIQUIDATIONS_HEAD = [
    "timestamp",
    "venue",
    "coin",
    "long_usd",
    "short_usd",
    "long_coins",
    "short_coins",
    "deleveraged_usd",
    "count",
]


class Exported(NamedTuple):
    """``body`` is UTF-8; ``left_out`` is how many of the oldest rows had no room."""

    body: bytes
    rows: int
    left_out: int = 0


async def export_waves(hindsight: Hindsight, asset: Asset | None, since: datetime, now: datetime) -> Exported:
    """Those with their onset since then, also retracted ones and those from history."""
    waves = [wave for wave in await hindsight.store.waves.between(since, now) if asset in (None, wave.asset)]
    rows = [[*_wave(wave), *_after(await hindsight.outcomes(wave, now))] for wave in waves]
    return await _written([*WAVE_HEAD, *AFTER_HEAD], rows)


def _wave(wave: Wave) -> list[Cell]:
    change, forced = wave.usd_change, wave.forced_share
    return [
        *(wave.id, wave.asset, wave.kind, wave.stage, wave.onset, wave.opened, wave.low_at, wave.over_at),
        *(wave.revision, wave.magnitude.w, wave.magnitude.low, wave.magnitude.high),
        wave.horizon / timedelta(minutes=1),
        *(wave.fall, wave.coins_before, wave.coins_now, wave.coins_closed),
        *(wave.price_before_usd, wave.price_now_usd),
        *((change.total_usd, change.position_usd, change.price_usd) if change else (None, None, None)),
        *(wave.flushed, wave.lead, wave.provisional, wave.coverage),
        " ".join(venue.venue for venue in wave.venues),
        wave.one_venue,
        *(wave.liquidated_long_usd, wave.liquidated_short_usd),
        *(forced or (None, None)),
        wave.from_history,
    ]


def _after(known: Sequence[Outcome]) -> list[Cell]:
    by_time = {told.after: told for told in known}
    cells: list[Cell] = []
    for after in AFTER:
        told = by_time.get(after)
        cells += (told.price_move, told.rebuilt, told.funding) if told else (None, None, None)
    return cells


async def export_oi(store: Store, asset: Asset, since: datetime, now: datetime) -> Exported:
    """In the finest step that was kept and has room; ``washout replay`` reads it."""
    step = next((one for one in STEPS if (now - since) / one <= MOST_ROWS), STEPS[-1])
    points = await store.journal.series(asset, since, now, step)
    rows = [(point.at, asset, point.coins, point.price_usd, point.coverage, point.index) for point in points]
    return await _written(OI_HEAD, rows)


async def export_liquidations(store: Store, asset: Asset, since: datetime, now: datetime) -> Exported:
    """By venue and minute while each is kept; what is older in sums of an hour over all venues."""
    single = max(since, now - KEPT_ONE_BY_ONE)
    rows: list[Sequence[Cell]] = []
    if since < single:
        sums = await store.journal.liquidated(asset, since, single, HOUR)
        rows += [
            (one.at, "all", asset, one.long_usd, one.short_usd, None, None, None, one.count) for one in sums
        ]
    for told in await store.journal.liquidated_on(asset, single, now, STEPS[0]):
        usd = (told.long_usd, told.short_usd, told.long_coins, told.short_coins, told.deleveraged_usd)
        rows.append((told.at, told.venue, asset, *usd, told.count))
    return await _written(LIQUIDATIONS_HEAD, rows)


async def _written(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Exported:
    return await asyncio.to_thread(written, head, rows)


def written(head: Sequence[str], rows: Sequence[Sequence[Cell]], most: int = MOST_ATTACHED) -> Exported:
    """The newest rows (they come last) that fit into ``most`` bytes."""
    lines = [_line(row) for row in rows[-MOST_ROWS:]]
    first = _line(head)
    room, kept = most - len(first), 0
    for line in reversed(lines):
        room -= len(line)
        if room < 0:
            break
        kept += 1
    return Exported(b"".join((first, *lines[len(lines) - kept :])), kept, len(rows) - kept)


def _line(row: Iterable[Cell]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([cell(value) for value in row])
    return text.getvalue().encode()


def cell(value: Cell) -> str:
    """As it stands in the file."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case str():
            return f"'{value}" if value.startswith(FORMULA) else str(value)
        case _:
            return repr(value)
