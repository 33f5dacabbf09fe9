"""``washout replay --wave``: a recorded wave computed again from what it was computed from, and compared.

A wave of live figures begins with what the detector knew of its coin before (kept for three days, as the
readings are); a wave from history with all that is kept of its coin. The recording is read from a copy, so
the bot may go on.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from datetime import datetime
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from bot.config import Settings
from bot.domain.market import Completeness, Group, Liquidation, Quarantined, Reading, Report, Venue
from bot.domain.verdicts import Verdict
from bot.domain.waves import Wave
from bot.errors import StorageError, UsageError
from bot.exchanges import EXCHANGES
from bot.opening import open_store, sqlite_file
from bot.past import judged_past
from bot.pipeline.judge import Judge
from bot.pipeline.memory import JudgeState, case_name
from bot.ports import Store
from bot.replay import as_json, one_line
from storage.sqlite import open_sqlite

GROUPS = {venue: exchange.group for venue, exchange in EXCHANGES.items()}
FEEDS = {venue: exchange.liquidations for venue, exchange in EXCHANGES.items()}
MOST_REJECTED = 100_000

Input = Reading | Liquidation | Report | Quarantined


class Again(msgspec.Struct, frozen=True):
    """``told`` are the recorded revisions, ``computed`` the same moments computed again, by the numbers told.

    ``inputs`` says in words what it was computed from.
    """

    told: Mapping[int, Wave]
    computed: Mapping[int, Wave]
    inputs: str

    def same(self, revision: int) -> bool:
        """Byte for byte, as they are stored."""
        again = self.computed.get(revision)
        return again is not None and msgspec.msgpack.encode(again) == msgspec.msgpack.encode(
            self.told[revision]
        )


Groups = Mapping[Venue, Group]
Feeds = Mapping[Venue, Completeness | None]


async def recompute(
    store: Store,
    wave_id: str,
    groups: Groups = GROUPS,
    feeds: Feeds = FEEDS,
    coverage_floor: float | None = None,
) -> Again:
    """``coverage_floor`` is that of the settings, for a wave from history.

    Raises ``UsageError`` where there is no such wave, or where what it needs is no longer kept.
    """
    newest = await store.waves.get(wave_id)
    if newest is None:
        raise UsageError(f"no wave {wave_id} is recorded here; /resets lists them")
    found = [await store.waves.get(wave_id, n) for n in range(1, newest.revision + 1)]
    told = {wave.revision: wave for wave in found if wave is not None}
    if newest.from_history:
        return await _from_history(store, newest, told, groups, coverage_floor)
    memory = await store.journal.kept(case_name(wave_id))
    if not memory:
        raise UsageError(f"what wave {wave_id} was computed from is no longer kept (it is for 3 days)")
    state = msgspec.msgpack.decode(memory, type=JudgeState)
    if state.at is None:
        raise UsageError(f"wave {wave_id} is as old as the recording: nothing is known of the time before")
    inputs = await _inputs(store, newest, list(told.values()), state.at)
    each = _judged(Judge(groups, state.pace, feeds), state, newest.at, inputs)
    first = next(iter(told.values()))
    mine = next((waves for waves in each if waves and waves[0].opened == first.opened), [])
    computed = {number: _named(wave, told[number]) for number, wave in _paired(told, mine)}
    counts = [sum(isinstance(one, kind) for one in inputs) for kind in (Reading, Liquidation)]
    span = f"{state.at:%H:%M} to {newest.at:%H:%M} UTC"
    words = f"{counts[0]:,} readings and {counts[1]:,} liquidations from {span}"
    return Again(told, computed, words)


def _paired(told: Mapping[int, Wave], made: Sequence[Wave]) -> Iterator[tuple[int, Wave]]:
    """Which revision is which: a judge that took over in the middle of the wave has counted its own in."""
    by_number = {wave.revision: wave for wave in made}
    by_moment = {wave.at: wave for wave in made}
    for number, wave in told.items():
        same_number = by_number.get(number)
        found = same_number if same_number and same_number.at == wave.at else by_moment.get(wave.at)
        if found is not None:
            yield number, found


def _named(wave: Wave, told: Wave) -> Wave:
    """Its name and the coins that fell with it come from the other coins, which are not judged here."""
    return replace(wave, id=told.id, with_assets=told.with_assets)


async def _inputs(store: Store, wave: Wave, told: Sequence[Wave], since: datetime) -> list[Input]:
    """All that the judge heard of the coin, in the order in which it did."""
    journal, until = store.journal, wave.at
    readings = await journal.readings(since, until, wave.asset)
    contracts = {(one.instrument.venue, one.instrument.symbol) for one in readings}
    rejected = await journal.quarantined(since, MOST_REJECTED)
    reports = {one for at in {w.at for w in told} for one in await journal.reports(wave.asset, at)}
    inputs: list[Input] = [
        *readings,
        *await journal.heard(wave.asset, since, until),
        *(one for one in reports if since < one.received <= until),
        *(one for one in rejected if one.at <= until and (one.venue, one.what) in contracts),
    ]
    return sorted(inputs, key=_heard_at)


def _heard_at(said: Input) -> datetime:
    return said.at if isinstance(said, Quarantined) else said.received


def _judged(
    judge: Judge, state: JudgeState, until: datetime, inputs: Sequence[Input]
) -> Sequence[Sequence[Wave]]:
    """The revisions of every wave, as the live judge makes them: what bursts tell, then the step."""
    judge.restore(state)
    waves: dict[str, list[Wave]] = {}
    due = (state.at or until) + state.pace.step

    def tell(told: Sequence[Wave]) -> None:
        for wave in told:
            waves.setdefault(wave.id, []).append(wave)

    for said in inputs:
        while _heard_at(said) > due:
            tell(judge.early())
            tell(judge.step(due, snap=False).waves)
            due += state.pace.step
        match said:
            case Reading():
                judge.trust(said)
                judge.why[said.instrument.venue, said.instrument.symbol] = Verdict.ACCEPT
            case Quarantined():
                judge.why[said.venue, said.what] = said.verdict
            case Liquidation():
                judge.count(said)  # believed then, whatever the gate that is kept held back
            case _:
                judge.take(said)
    while due <= until:
        tell(judge.early())
        tell(judge.step(due, snap=False).waves)
        due += state.pace.step
    tell(judge.early())
    return list(waves.values())


async def _from_history(
    store: Store, newest: Wave, told: Mapping[int, Wave], groups: Groups, coverage_floor: float | None
) -> Again:
    found, since, until = await judged_past(store, newest.asset, groups, coverage_floor)
    again = next((wave for wave in found if wave.onset == newest.onset), None)
    computed = {again.revision: replace(again, id=newest.id)} if again is not None else {}
    words = (
        f"what venues remember of {newest.asset} from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"
    )
    return Again(told, computed, words)


def _recording(settings: Settings, scenario: str | None) -> AbstractAsyncContextManager[Store]:
    """PostgreSQL is read beside whoever writes it; of a file there is a copy."""
    if settings.database is not None:
        return open_store(settings, scenario, ("page",))
    return copied(sqlite_file(settings, scenario))


@asynccontextmanager
async def copied(path: Path) -> AsyncIterator[Store]:
    """A copy of a recording that somebody else may be writing. Raises ``StorageError``, ``UsageError``."""
    if not await asyncio.to_thread(path.is_file):
        raise UsageError(f"{path}: there is no recording; washout run makes one, --config names its settings")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        await asyncio.to_thread(_copy, path, copy)
        async with open_sqlite(copy) as store:
            yield store


def _copy(path: Path, copy: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)) as here,
            closing(sqlite3.connect(copy)) as there,
        ):
            here.backup(there)
    except sqlite3.Error as fault:
        raise StorageError(f"{path} cannot be read: {fault}") from fault


async def main(
    settings: Settings, scenario: str | None, wave_id: str, as_json_lines: bool, out: TextIO, err: TextIO
) -> int:
    """The command: 0 where every revision is the same byte for byte, else 1."""
    async with _recording(settings, scenario) as store:
        again = await recompute(store, wave_id.lstrip("#").lower(), coverage_floor=settings.coverage_floor)
    for revision in again.told:
        wave = again.computed.get(revision)
        if as_json_lines and wave is not None:
            out.write(msgspec.json.encode(as_json(wave)).decode() + "\n")
        elif not as_json_lines:
            out.write(f"rev {revision}  {_verdict(again, revision)}\n")
    out.flush()
    same = sum(map(again.same, again.told))
    err.write(
        f"{same} of {len(again.told)} revisions are the same byte for byte, computed from {again.inputs}\n"
    )
    return 0 if same == len(again.told) else 1


def _verdict(again: Again, revision: int) -> str:
    wave, told = again.computed.get(revision), again.told[revision]
    if wave is None:
        return f"is not made again: {one_line(told)}"
    if again.same(revision):
        return f"the same: {one_line(wave)}"
    other = [name for name in wave.__struct_fields__ if getattr(wave, name) != getattr(told, name)]
    return f"differs in {', '.join(other)}: {one_line(wave)}"
