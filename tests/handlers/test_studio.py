from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from benchmarks._gallery import wave, week
from handlers.charts import png
from handlers.studio import open_studio


async def test_the_studio_draws_the_same_picture_and_leaves_nobody_behind() -> None:
    async with open_studio() as draw:
        assert await draw(wave()) == png(wave())
        (worker,) = workers()
    assert worker not in workers()


async def test_a_studio_whose_process_was_killed_draws_again() -> None:
    async with open_studio() as draw:
        first = await draw(wave())
        (worker,) = workers()
        os.kill(worker, signal.SIGKILL)
        again = await asyncio.gather(draw(week()), draw(week()))
        assert set(again) == {png(week())}
        assert first == png(wave())


async def test_what_was_drawn_is_not_drawn_again() -> None:
    async with open_studio() as draw:
        first, beside = await asyncio.gather(draw(wave()), draw(wave()))
        assert first is beside
        (worker,) = workers()
        os.kill(worker, signal.SIGKILL)
        assert await draw(wave()) is first, "nobody was left to draw it"


async def test_who_gives_up_waiting_does_not_take_the_picture_from_the_others() -> None:
    async with open_studio() as draw:
        impatient, patient = asyncio.ensure_future(draw(wave())), asyncio.ensure_future(draw(wave()))
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient).startswith(b"\x89PNG")


def workers() -> list[int]:
    """Processes started by this one that draw."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat, line = (entry / "stat").read_text(), (entry / "cmdline").read_text()
        except OSError:  # it ended meanwhile
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        if parent == os.getpid() and "spawn_main" in line and ") Z" not in stat:
            found.append(int(entry.name))
    return found
