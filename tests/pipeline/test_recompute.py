"""A recorded wave is computed again from what was recorded, byte for byte, while the bot goes on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace as replace_scene
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from bot.cases import KEPT, forget_cases
from bot.config import Settings, load
from bot.domain.market import ReportKind
from bot.domain.verdicts import Verdict
from bot.domain.waves import Stage, Wave
from bot.errors import UsageError
from bot.exchanges import EXCHANGES
from bot.pipeline.judge import Judge
from bot.pipeline.memory import JudgeState, case_name, cut_to
from bot.pipeline.rarity import History, joint, surprise
from bot.recompute import copied, main, recompute
from handlers.commands import Ask, answer
from handlers.desk import About, Desk
from storage.sqlite import open_sqlite
from tests.handlers.october import SeenVenues
from tests.pipeline.liquidations import FEEDS, SECOND, burst
from tests.pipeline.market import (
    BTC,
    GROUPS,
    MINUTE,
    OPENING,
    PACE,
    Scene,
    changed,
    outage,
    path,
    times,
)
from tests.pipeline.test_bench import CHAT
from tests.pipeline.test_early_bench import HEARD, Bursting
from tests.storage.samples import report

CRASH = Scene(
    positions=path((20, 1.0), (50, 0.82), (200, 0.85)), price=path((20, 1.0), (50, 0.88), (200, 0.9))
)
LATER = burst(45 * 60, 40_000_000)


@asynccontextmanager
async def recorded(
    tmp_path: Path, quiet: bytes, scene: Scene = CRASH
) -> AsyncIterator[tuple[Bursting, Wave]]:
    """A crash with liquidations, a venue that fails in it and a report after it; the bot still runs."""
    async with open_sqlite(tmp_path / "washout.db") as store:
        world = Bursting(store, quiet)
        bench = await world.begin()
        await world.hear(bench, 0, 150, scene, [*HEARD, *LATER])
        told_later = replace(
            report(OPENING + 149 * MINUTE, OPENING + 150 * MINUTE + SECOND),
            kind=ReportKind.DAILY,
            previous_as_of=OPENING - MINUTE,
        )
        bench.hear(told_later)
        await world.hear(bench, 150, 154, scene, [])
        [wave] = [one for one in await store.waves.recent(BTC) if one.stage is Stage.OVER]
        yield world, wave


def kept_in(folder: Path) -> Settings:
    """Settings whose recording is in a folder."""
    return replace(load(None, EXCHANGES.values()), storage_path=folder / "washout.db")


async def test_every_revision_is_the_same_byte_for_byte(
    tmp_path: Path, quiet_days: tuple[bytes, list[Wave]]
) -> None:
    async with recorded(tmp_path, quiet_days[0]) as (world, wave):
        again = await recompute(world.store, wave.id, GROUPS, FEEDS)
        assert len(again.told) == wave.revision >= 10
        assert any(one.burst is not None for one in again.told.values())
        assert any(one.reports for one in again.told.values())
        assert [n for n in again.told if not again.same(n)] == []


async def test_who_is_missing_is_missing_for_the_same_reason(
    tmp_path: Path, quiet_days: tuple[bytes, list[Wave]]
) -> None:
    """What was refused once and believed since is no reason for its silence later."""
    faults = (changed("okx", 34, 35, times("0")), outage("okx", 38, 90))
    async with recorded(tmp_path, quiet_days[0], replace_scene(CRASH, faults=faults)) as (world, wave):
        again = await recompute(world.store, wave.id, GROUPS, FEEDS)
    gone = {missing.why for told in again.told.values() for missing in told.missing}
    assert gone == {Verdict.STALE}
    assert [n for n in again.told if not again.same(n)] == []


async def test_the_command_reads_a_copy_beside_the_running_bot(
    tmp_path: Path, quiet_days: tuple[bytes, list[Wave]]
) -> None:
    async with recorded(tmp_path, quiet_days[0]) as (_, wave):
        out, err = StringIO(), StringIO()
        # Its venues are not those of the program, so it knows other feeds: only what is forced differs.
        assert await main(kept_in(tmp_path), None, f"#{wave.id.upper()}", False, out, err) == 1
        assert out.getvalue().count("\n") == wave.revision
        assert set(re.findall("differs in ([^:]+):", out.getvalue())) <= {"forced", "burst, forced"}
        assert f"of {wave.revision} revisions are the same byte for byte" in err.getvalue()


async def test_after_a_crash_in_the_middle_each_moment_is_compared_with_its_own(
    tmp_path: Path, quiet_days: tuple[bytes, list[Wave]]
) -> None:
    """Who takes over tells what it found as one more revision: the numbers of both are no longer the same."""
    async with open_sqlite(tmp_path / "washout.db") as store:
        world = Bursting(store, quiet_days[0])
        crash = OPENING + 40 * MINUTE
        await world.hear(await world.begin(), 0, 40, CRASH, [*HEARD, *LATER])
        successor = world.bench()
        await successor.recover()
        await world.hear(successor, 40, 154, CRASH, [*HEARD, *LATER])
        [wave] = [one for one in await store.waves.recent(BTC) if one.stage is Stage.OVER]
        again = await recompute(store, wave.id, GROUPS, FEEDS)
    later = {n: told for n, told in again.told.items() if told.at > crash}
    assert len(later) > 5
    assert all(again.computed[n].revision != n for n in later)
    assert [again.computed[n].fall for n in later] == [told.fall for told in later.values()]
    assert [again.computed[n].magnitude for n in later] == [told.magnitude for told in later.values()]


async def test_what_was_changed_since_shows(tmp_path: Path, quiet_days: tuple[bytes, list[Wave]]) -> None:
    async with recorded(tmp_path, quiet_days[0]) as (world, wave):
        file = world.store.file  # type: ignore[attr-defined]
        await file.write(
            lambda db: db.execute(
                "update readings set coins = coins * 1.02 where received > ?",
                [int((OPENING + 40 * MINUTE).timestamp() * 1e6)],
            )
        )
    async with copied(tmp_path / "washout.db") as store:
        again = await recompute(store, wave.id, GROUPS, FEEDS)
        assert not again.same(wave.revision)
        assert again.same(1), "what came before the change is as it was"


async def test_why_tells_the_command_as_long_as_it_works(
    tmp_path: Path, quiet_days: tuple[bytes, list[Wave]]
) -> None:
    async with recorded(tmp_path, quiet_days[0]) as (world, wave):
        now = wave.at + 3 * MINUTE
        desk = Desk(world.store, SeenVenues(), lambda: now, About("0.4.0", OPENING), wall=lambda: now)
        card = await answer(desk, Ask(CHAT), f"/why {wave.id}")
        assert f"again: `python -m bot replay --wave {wave.id}`" in card.footer
        told_lines = "\n".join(line.text for line in card.lines)
        assert "Each venue’s coins, when the oldest were told, and the price used:" in told_lines
        assert "W = log10(" in told_lines
        await forget_cases(world.store, now)
        assert await world.store.journal.kept(case_name(wave.id)), "readings are still kept"
        await forget_cases(world.store, now + KEPT)
        with pytest.raises(UsageError, match="no longer kept"):
            await recompute(world.store, wave.id, GROUPS, FEEDS)
        card = await answer(desk, Ask(CHAT), f"/why {wave.id}")
        assert "kept for 3 days" in card.footer


async def test_the_score_and_w_of_a_wave_are_the_sum_of_what_why_tells(
    tmp_path: Path, quiet_days: tuple[bytes, list[Wave]]
) -> None:
    async with recorded(tmp_path, quiet_days[0]) as (_, wave):
        basis = wave.basis
        assert basis is not None
        coins = surprise(basis.fall / basis.coin_scale)
        price = surprise(abs(basis.price_move or 0) / basis.price_scale)
        assert basis.score == pytest.approx(joint(coins, price))
        history = History(basis.expected, basis.hours, basis.events, basis.excess)
        assert wave.magnitude == history.magnitude(basis.score)


async def test_unknown_waves_and_missing_recordings_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no recording"):
        await main(kept_in(tmp_path), None, "1a", False, StringIO(), StringIO())
    async with open_sqlite(tmp_path / "washout.db") as store:
        with pytest.raises(UsageError, match="no wave 1a is recorded here"):
            await recompute(store, "1a")


def test_one_coins_memory_is_cut_from_that_of_all(quiet_days: tuple[bytes, list[Wave]]) -> None:
    judge = Judge(GROUPS, PACE)
    judge.restore(msgspec.msgpack.decode(quiet_days[0], type=JudgeState))
    whole = judge.state()
    cut = cut_to(BTC, msgspec.msgpack.encode(whole))
    assert cut is not None
    mine = msgspec.msgpack.decode(cut, type=JudgeState)
    assert [one.asset for one in mine.assets] == [BTC]
    assert (mine.at, mine.pace, mine.waves_opened, mine.feeds) == (
        whole.at,
        whole.pace,
        whole.waves_opened,
        whole.feeds,
    )
    assert cut_to(BTC, msgspec.msgpack.encode(replace(whole, assets=[]))) is None
