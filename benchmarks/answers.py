"""What people ask, from the words to the card, and the event loop while pictures are drawn.

    python -m benchmarks.answers [COINS [QUESTIONS]]

10,000 mixed commands about 100 coins are answered by the very code of the faces from a SQLite file with
a year of them at twenty venues (``benchmarks.year``): first with nothing else going on, then while 6,000
readings and a snapshot of every coin are stored six times as often as in earnest (every ten seconds), and
sixty times. Goals: p99 at most 50 ms, the file at most 2 GB. A card's picture is only described, not drawn.
Of the first run the processor's time is told too: what a quiet machine would take. Pictures are then
drawn both ways there are: PNG by the studio's process, SVG for the page in a thread. Goal: the loop is
never held longer than 33 ms.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from benchmarks.picture import longest_hold
from benchmarks.store import write_without_end
from benchmarks.year import MINUTE, NOW, fill
from bot.domain.assets import Asset
from bot.domain.charts import Chart
from bot.domain.posts import Destination
from bot.health import Health
from bot.ports import Store
from handlers.charts import svg
from handlers.commands import Ask, answer
from handlers.desk import About, Desk
from handlers.studio import open_studio
from storage.sqlite import open_sqlite

COINS, QUESTIONS = 100, 10_000
ANSWER_GOAL_MS, SIZE_GOAL_GB, HOLD_GOAL_MS = 50.0, 2.0, 33.0
BESIDE_EVERY_S = (10.0, 1.0)
HERE = Ask(Destination("local", "page"))
MIX = (
    *(("/oi {a} 24h", 20), ("/oi {a} 7d", 4), ("/oi", 4), ("/leverage {a}", 20), ("/leverage", 2)),
    *(("/funding {a}", 10), ("/funding", 3), ("/compare {a} {b} {c}", 6), ("/top", 3), ("/top 1h", 2)),
    *(("/chart {a} 7d", 4), ("/chart {a} 30d", 2), ("/liquidations {a}", 8), ("/resets {a}", 6)),
    *(("/venues", 3), ("/help", 2), ("/oi btcc", 1)),
)
"""Lines and how often each is asked, of a hundred."""


def questions(coins: Sequence[Asset], count: int) -> list[str]:
    chance = random.Random(7)
    lines = chance.choices([line for line, _ in MIX], [often for _, often in MIX], k=count)
    named = (dict(zip("abc", chance.sample(coins, 3), strict=True)) for _ in lines)
    return [line.format(**names) for line, names in zip(lines, named, strict=True)]


async def ask(desk: Desk, lines: Sequence[str], what: str, *, alone: bool) -> None:
    """Prints the percentiles of all answers, and the slowest kinds."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    spent: list[float] = []
    for line in lines:
        began, busy = time.perf_counter(), time.process_time()
        card = await answer(desk, HERE, line)
        times[kind_of(line)].append(1e3 * (time.perf_counter() - began))
        spent.append(1e3 * (time.process_time() - busy))
        assert card.title
    every = list(itertools.chain.from_iterable(times.values()))
    verdict = "ok" if percentile(every, 99) <= ANSWER_GOAL_MS else "MISSED"
    print(f"{what:<38} {told(every)}  worst {max(every):.0f} ms (goal p99 ≤ {ANSWER_GOAL_MS:g})  {verdict}")
    if alone:
        print(f"{'    the same in processor time':<38} {told(spent)}")
    slowest = sorted(times.items(), key=lambda one: -percentile(one[1], 99))
    for kind, each in slowest[:5]:
        print(f"    {kind:<20} {len(each):5} × {told(each)}")


def percentile(times: Sequence[float], percent: int) -> float:
    return sorted(times)[len(times) * percent // 100]


def told(times: Sequence[float]) -> str:
    return f"p50 {percentile(times, 50):5.1f} ms  p99 {percentile(times, 99):5.1f} ms"


def kind_of(line: str) -> str:
    """``/oi 24h`` of ``/oi C17 24h``."""
    return " ".join(word for word in line.split() if not word[0].isupper())


async def snap_without_end(store: Store, coins: Sequence[Asset], every_s: float) -> None:
    """A snapshot of every coin each so many seconds, and every fifth time its statistics."""
    told = [found for asset in coins if (found := await store.journal.snapshot(asset))]
    figures = [row for asset in coins if (row := await store.statistics.newest(asset))]
    for number in itertools.count(1):
        at = NOW + number * MINUTE / 60
        await store.journal.snap([replace(one, at=at) for one in told])
        if number % 5 == 0:
            rows = zip(coins, figures, strict=True)
            await store.statistics.record([replace(one, asset=asset, at=at) for asset, one in rows])
        await asyncio.sleep(every_s)


async def answers(folder: Path, count: int, asked: int) -> None:
    path = folder / "history.db"
    began = time.perf_counter()
    await fill(path, count)
    size = path.stat().st_size / 1e9
    verdict = "ok" if size <= SIZE_GOAL_GB * count / COINS else "MISSED"
    print(f"a year of {count} coins at 20 venues, made in {time.perf_counter() - began:.0f} s")
    print(f"{'the file':<38} {size:9.2f} GB (goal ≤ {SIZE_GOAL_GB * count / COINS:g})  {verdict}")
    async with open_sqlite(path) as store:
        desk = Desk(store, Health(lambda: NOW), lambda: NOW, About("benchmark", NOW), wall=lambda: NOW)
        for line in ("/oi BTC 24h", "/leverage BTC", "/top"):
            began = time.perf_counter()
            await answer(desk, HERE, line)
            print(f"the first {line:<28} {1e3 * (time.perf_counter() - began):9.1f} ms")
        coins = await store.journal.assets()
        lines = questions(coins, asked)
        await ask(desk, lines, "nothing else going on", alone=True)
        for every_s in BESIDE_EVERY_S:
            async with asyncio.TaskGroup() as writing:
                tasks = [writing.create_task(write_without_end(store, every_s))]
                tasks.append(writing.create_task(snap_without_end(store, coins, every_s)))
                await ask(desk, lines, f"while {60 / every_s:.0f} × what comes is stored", alone=False)
                for task in tasks:
                    task.cancel()


async def in_thread(chart: Chart) -> str:
    return await asyncio.to_thread(svg, chart)


async def nothing(_: Chart) -> None:
    await asyncio.sleep(0.05)


async def pictures() -> None:
    async with open_studio() as studio:
        held = {
            "a PNG in the studio's process": await longest_hold(studio),
            "an SVG for the page, in a thread": await longest_hold(in_thread),
        }
        machine = await longest_hold(nothing)
    for what, ms in held.items():
        verdict = "ok" if ms <= HOLD_GOAL_MS else "MISSED"
        print(f"event loop held by {what:<33} at most {ms:4.1f} ms (goal ≤ {HOLD_GOAL_MS:g})  {verdict}")
    print(f"event loop held by the machine itself, meanwhile     at most {machine:4.1f} ms")


async def main(coins: str = str(COINS), asked: str = str(QUESTIONS)) -> None:
    with tempfile.TemporaryDirectory() as name:
        await answers(Path(name), int(coins), int(asked))
    await pictures()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
