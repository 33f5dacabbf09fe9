"""Draws PNGs in a process of its own: resvg holds the interpreter lock meanwhile (docs/pictures.md)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from multiprocessing import get_context, parent_process
from threading import Thread

from bot.domain.charts import Chart
from handlers.charts import png

KEPT = 64
"""Pictures of about 80 kB."""

DrawPng = Callable[[Chart], Awaitable[bytes]]


@asynccontextmanager
async def open_studio() -> AsyncIterator[DrawPng]:
    """``async with open_studio() as draw: data = await draw(chart)``.

    The process starts with the first picture and ends with the block. Where it is killed in between (no
    memory left), the picture is drawn once more by a new one. The newest ``KEPT`` are kept: what shows the
    same in the same language is drawn once, whoever asks, and whoever asks meanwhile waits for that one.
    """
    pool = _pool()
    kept: OrderedDict[Chart, asyncio.Future[bytes]] = OrderedDict()

    async def draw(chart: Chart) -> bytes:
        drawing = kept.get(chart)
        if drawing is None or (drawing.done() and (drawing.cancelled() or drawing.exception())):
            drawing = kept[chart] = asyncio.ensure_future(anew(chart))
            while len(kept) > KEPT:
                kept.popitem(last=False)
        kept.move_to_end(chart)
        return await asyncio.shield(drawing)  # who gives up waiting does not take it from the others

    async def anew(chart: Chart) -> bytes:
        nonlocal pool
        loop = asyncio.get_running_loop()
        mine = pool
        try:
            return await loop.run_in_executor(mine, png, chart)
        except BrokenProcessPool:
            if pool is mine:  # the first to notice replaces it
                pool = _pool()
            return await loop.run_in_executor(pool, png, chart)

    try:
        yield draw
    finally:
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


def _pool() -> ProcessPoolExecutor:
    """Started afresh, not forked: a fork would carry threads' locks and open databases along."""
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"), initializer=_be_modest)


def _be_modest() -> None:
    """Ctrl-C reaches every process of a terminal; only the main one decides when to stop.

    A picture may wait; what watches the market may not: so this process is the less urgent one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(10)
    Thread(target=_end_with_the_main_one, daemon=True).start()


def _end_with_the_main_one() -> None:
    """Whoever is killed can tell nobody: a process that waits for pictures would wait for ever."""
    if (main := parent_process()) is not None:
        main.join()
        os._exit(1)
