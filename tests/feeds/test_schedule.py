from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from bot.feeds.schedule import Schedule
from tests.feeds.acme import until

TICK = timedelta(milliseconds=20)
HOUR = timedelta(hours=1)


async def test_a_job_runs_at_once_and_then_every_interval() -> None:
    runs: list[float] = []

    async def work() -> None:
        runs.append(time.monotonic())

    async with Schedule() as schedule:
        schedule.add("job", work, TICK)
        await until(lambda: len(runs) >= 5)
    assert runs[4] - runs[1] >= 3 * 0.018  # each within the jitter of its interval


async def test_intervals_are_divided_by_the_speed() -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1

    async with Schedule(speed=3600 / 0.02) as schedule:
        schedule.add("job", work, HOUR)
        await until(lambda: runs >= 3)


async def test_a_job_never_overlaps_itself() -> None:
    running, most, begun = 0, 0, 0
    gate = asyncio.Event()

    async def work() -> None:
        nonlocal running, most, begun
        running, begun = running + 1, begun + 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    others = 0

    async def other() -> None:
        nonlocal others
        others += 1

    async with Schedule() as schedule:
        schedule.add("slow", work, TICK)
        schedule.add("quick", other, TICK)
        await until(lambda: others >= 6)  # one slow job does not hold up the others
        assert begun == 1
        gate.set()
        await until(lambda: begun >= 2)
    assert most == 1


async def test_a_wait_that_a_job_asks_for_is_kept() -> None:
    runs: list[float] = []

    async def work() -> timedelta | None:
        runs.append(time.monotonic())
        return timedelta(milliseconds=100) if len(runs) == 2 else None

    async with Schedule() as schedule:
        schedule.add("job", work, TICK)
        await until(lambda: len(runs) >= 4)
    assert runs[2] - runs[1] >= 0.1
    assert runs[3] - runs[2] < 0.1


async def test_jobs_are_spread_over_the_interval() -> None:
    second: dict[str, float] = {}
    started = time.monotonic()

    async with Schedule() as schedule:
        for n in range(5):
            seen = 0

            async def work(name: str = str(n)) -> None:
                nonlocal seen
                if time.monotonic() - started > 0.02:
                    second.setdefault(name, time.monotonic() - started)

            schedule.add(str(n), work, timedelta(milliseconds=100))
        await until(lambda: len(second) == 5)
    at = sorted(second.values())
    assert at[-1] - at[0] > 0.05


async def test_at_the_end_what_is_in_hand_is_finished() -> None:
    begun, finished = asyncio.Event(), False

    async def work() -> None:
        nonlocal finished
        begun.set()
        await asyncio.sleep(0.05)
        finished = True

    async with Schedule() as schedule:
        schedule.add("job", work, HOUR)
        await begun.wait()
    assert finished


async def test_at_the_end_what_takes_too_long_is_cancelled() -> None:
    begun, cancelled = asyncio.Event(), False

    async def work() -> None:
        nonlocal cancelled
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            raise

    before = time.monotonic()
    async with Schedule(stop_within=timedelta(milliseconds=50)) as schedule:
        schedule.add("job", work, HOUR)
        await begun.wait()
    assert cancelled
    assert time.monotonic() - before < 1
    assert len(asyncio.all_tasks()) == 1  # nothing is left behind


@pytest.mark.parametrize("steps", range(8))
async def test_a_job_that_is_just_beginning_at_the_end_is_not_left_behind(steps: int) -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    async with Schedule(stop_within=timedelta()) as schedule:
        schedule.add("job", work, HOUR)
        for _ in range(steps):
            await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert len(asyncio.all_tasks()) == 1


async def test_a_bug_in_a_job_ends_the_run_loudly() -> None:
    async def work() -> None:
        raise ZeroDivisionError("a bug")

    async with Schedule() as schedule:
        schedule.add("job", work, HOUR)
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await schedule.run(asyncio.Event())


async def test_a_run_ends_when_it_is_told_to() -> None:
    stop = asyncio.Event()
    async with Schedule() as schedule:
        asyncio.get_running_loop().call_later(0.01, stop.set)
        await schedule.run(stop)
