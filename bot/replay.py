"""``washout replay``: recorded history through the very judge of the live process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import msgspec

from bot.domain.assets import Asset, parse_asset
from bot.domain.market import Group, Venue
from bot.domain.verdicts import VERDICT_MEANS, Verdict
from bot.domain.waves import Wave
from bot.errors import UsageError
from bot.exchanges import EXCHANGES
from bot.exchanges.spec import MINUTE
from bot.feeds.recorded import SAMPLE, Prices, Reader, Told, grid_of, read_rows
from bot.pipeline.horizons import moment, next_step
from bot.pipeline.judge import Judge
from bot.pipeline.memory import Pace

FRESH_STEPS = 1.5
"""In a recording a figure counts until the next is half a step late."""
LEAST_FRESH = timedelta(minutes=3)
PROGRESS_EVERY = 20_000

_GROUPS = {
    Group.DEX: ("hyperliquid", "lighter", "dydx", "dydx_v4", "aster", "gmx", "drift", "vertex", "paradex"),
    Group.REGULATED: ("cme", "coinbase_cde", "coinbase derivatives", "cboe", "bakkt"),
}


class Groups(dict[Venue, Group]):
    """The group of any venue a recording may name: the ones we know, else offshore."""

    def __missing__(self, venue: Venue) -> Group:
        return next((g for g, names in _GROUPS.items() if venue in names), Group.OFFSHORE)


class Run(msgspec.Struct, frozen=True):
    """What a replay found: the newest revision of every wave, and every row accounted for."""

    waves: tuple[Wave, ...]
    rows: int
    rejected: Mapping[str, int]
    step: timedelta
    notes: tuple[str, ...]


def replay(
    path: Path, prices: Path | None = None, asset: Asset | None = None, progress: TextIO | None = None
) -> Run:
    """Raises ``UsageError`` where a file cannot be understood."""
    told = Told()
    rows = read_rows(path, told, frozenset({asset}) if asset else None)
    reader = Reader(Prices(prices) if prices else None, told)
    sample = list(islice(rows, SAMPLE))
    grid = grid_of(sample)
    fresh = max(LEAST_FRESH, FRESH_STEPS * grid.step)
    judge = Judge(Groups(), Pace(step=grid.step, fresh=fresh))
    step_s, fresh_s = grid.step.total_seconds(), fresh.total_seconds()
    waves: dict[str, Wave] = {}
    rejected: Counter[Verdict] = Counter()
    due_s: float | None = None
    last_s = 0.0
    bar = _Progress(progress, path)
    for number, row in enumerate(chain(sample, rows)):
        at_s = row[0].timestamp()
        while due_s is not None and at_s > due_s:
            if due_s > last_s + fresh_s:  # nothing is fresh any more: go on at the next reading
                due_s = grid.end_of(at_s)
                break
            for wave in judge.step(moment(due_s), snap=False).waves:
                waves[wave.id] = wave
            due_s += step_s
        if due_s is None:
            due_s = grid.end_of(at_s)
        last_s = at_s
        said = reader.read(row)
        if said is not None:
            verdict, _ = judge.take(said)
            if verdict is not Verdict.ACCEPT:
                rejected[verdict] += 1
        if not number % PROGRESS_EVERY:
            bar.show(told.rows, row[0].date().isoformat(), len(waves))
    if due_s is not None:
        for wave in judge.step(moment(due_s), snap=False).waves:
            waves[wave.id] = wave
    bar.clear()
    counts = _counts(path, rejected, told)
    ordered = tuple(sorted(waves.values(), key=lambda w: (w.onset, w.asset)))
    return Run(ordered, told.rows, counts, grid.step, tuple(told.notes))


def replay_tape(folder: Path, asset: Asset | None = None, progress: TextIO | None = None) -> Run:
    """A recording of raw traffic, through the venues' own files. Raises ``UsageError``."""
    from bot.feeds.tape import Player, pieces  # and with it the network's libraries, which a table needs not

    player = Player(EXCHANGES, asset)
    groups = {venue: exchange.group for venue, exchange in EXCHANGES.items()}
    feeds = {venue: exchange.liquidations for venue, exchange in EXCHANGES.items()}
    judge = Judge(groups, Pace(step=MINUTE, fresh=LEAST_FRESH), feeds)
    waves: dict[str, Wave] = {}
    rejected: Counter[Verdict] = Counter()
    told, bar = Told(), _Progress(progress, folder)
    due: datetime | None = None

    def step(at: datetime) -> None:
        for wave in judge.step(at, snap=False).waves:
            waves[wave.id] = wave

    for piece in pieces(folder):
        told.rows += 1
        while due is not None and piece.received > due:
            step(due)
            # Nothing is fresh any more after a pause in the recording: go on where it goes on.
            due = due + MINUTE if piece.received - due < LEAST_FRESH else None
        due = due or next_step(piece.received, MINUTE)
        for said in player.play(piece):
            verdict, _ = judge.take(said)
            if verdict is not Verdict.ACCEPT:
                rejected[verdict] += 1
        waves.update((wave.id, wave) for wave in judge.early())
        if not told.rows % PROGRESS_EVERY:
            bar.show(told.rows, piece.received.date().isoformat(), len(waves))
    if due is not None:
        step(due)
    bar.clear()
    told.unreadable, told.first_unreadable = player.unreadable, player.first_unreadable
    if player.lost:
        told.notes.append(f"{len(player.lost)} rows of answers could not be read, first {player.lost[0]}")
    if player.refused:
        told.notes.append(f"{player.refused} refusals, first {player.first_refused}")
    counts = _counts(folder, rejected, told)
    ordered = tuple(sorted(waves.values(), key=lambda w: (w.onset, w.asset)))
    return Run(ordered, told.rows, counts, MINUTE, tuple(told.notes))


def _counts(path: Path, rejected: Mapping[Verdict, int], told: Told) -> dict[str, int]:
    """What was rejected, by verdict; rows that could not be read are among them."""
    if told.rows and told.unreadable == told.rows:
        raise UsageError(f"{path}: no row could be read, first {told.first_unreadable}; see docs/replay.md")
    counts = {str(verdict): count for verdict, count in sorted(rejected.items())}
    if told.unreadable:
        counts[str(Verdict.UNREADABLE)] = told.unreadable
        told.notes.append(f"{told.unreadable} rows could not be read, first {told.first_unreadable}")
    return counts


class _Progress:
    """A line that rewrites itself on a terminal, and nothing elsewhere."""

    def __init__(self, out: TextIO | None, path: Path) -> None:
        self._out = out if out is not None and out.isatty() else None
        self._name = path.name

    def show(self, rows: int, day: str, waves: int) -> None:
        if self._out is not None:
            self._out.write(f"\r\x1b[K{self._name}: {rows:,} rows, {day}, {waves} waves")
            self._out.flush()

    def clear(self) -> None:
        if self._out is not None:
            self._out.write("\r\x1b[K")


def as_json(wave: Wave) -> dict[str, Any]:
    """One wave as ``--json`` prints it; dollars and percent closed are positive in a fall."""
    change = wave.usd_change
    return {
        "id": wave.id,
        "asset": wave.asset,
        "kind": wave.kind,
        "onset": wave.onset,
        "peak": wave.low_at,
        "over": wave.over_at,
        "stage": wave.stage,
        "depth_pct": round(wave.fall * 100, 3),
        "coins_closed": wave.coins_closed,
        "usd_closed": -change.total_usd if change else None,
        "position_part_usd": -change.position_usd if change else None,
        "price_part_usd": -change.price_usd if change else None,
        "price_move_pct": round(wave.price_move * 100, 3) if wave.price_move is not None else None,
        "magnitude": round(wave.magnitude.w, 3),
        "magnitude_low": round(wave.magnitude.low, 3),
        "magnitude_high": round(wave.magnitude.high, 3),
        "verdict": wave.lead,
        "coverage": round(wave.coverage, 4),
        "one_venue": wave.one_venue,
        "by_venue": {v.venue: v.coins_closed for v in wave.venues},
        "missing": [m.venue for m in wave.missing],
    }


def one_line(wave: Wave) -> str:
    """A wave as the command prints it."""
    change = wave.usd_change
    usd = f"{change.total_usd / 1e6:+,.0f} M USD" if change else "dollars unknown"
    move = f"price {wave.price_move:+.1%}" if wave.price_move is not None else "price unknown"
    return (
        f"{wave.onset:%Y-%m-%d %H:%M}  {wave.asset:<6} {wave.kind:<8} W {wave.magnitude.w:.1f} "
        f"({wave.magnitude.low:.1f}–{wave.magnitude.high:.1f})  {-wave.fall:+.1%} "
        f"{-wave.coins_closed:+,.0f} {wave.asset}  {usd}  {move}  {wave.stage}"
    )


def main(
    path: Path, prices: Path | None, asset: str | None, as_json_lines: bool, out: TextIO, err: TextIO
) -> int:
    """The command: waves on ``out``, notes and the summary (the last line) on ``err``."""
    coin = parse_asset(asset)[0] if asset else None
    run = replay_tape(path, coin, err) if path.is_dir() else replay(path, prices, coin, err)
    for wave in run.waves:
        if as_json_lines:
            out.write(msgspec.json.encode(as_json(wave)).decode() + "\n")
        else:
            out.write(one_line(wave) + "\n")
    out.flush()
    for note in run.notes:
        err.write(f"note: {note}\n")
    if not as_json_lines:
        for verdict in run.rejected:
            err.write(f"note: {verdict}: {VERDICT_MEANS[Verdict(verdict)]}\n")
    rejected = ", ".join(f"{verdict} {count:,}" for verdict, count in run.rejected.items()) or "none"
    err.write(
        f"{run.rows:,} rows read in steps of {run.step}; rejected: {rejected}; waves: {len(run.waves)}\n"
    )
    return 0
