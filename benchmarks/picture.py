"""A wave's picture against the same by matplotlib's ``bar``, at the same size in pixels, in one run.

    python -m benchmarks.picture

Prints medians and the ratio, warm (alternating in one process) and first (a fresh process each, imports
included), the size of the file, and how long the event loop is held while pictures are drawn.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from msgspec.structs import replace

from benchmarks._gallery import STEPS, gallery, wave
from bot.domain.charts import Chart, MarketChart
from handlers.charts import HEIGHT, WIDTH, ZOOM, png, svg
from handlers.studio import open_studio

ROUNDS = 12


def by_matplotlib(chart: MarketChart) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    dpi = 160
    figure = Figure(figsize=(WIDTH * ZOOM / dpi, HEIGHT * ZOOM / dpi), dpi=dpi)
    FigureCanvasAgg(figure)
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(1, 0.8, 0.62))
    minutes = list(range(STEPS))
    for panel, values, name in zip(panels, (chart.coins, chart.price_usd), ("BTC", "USD"), strict=False):
        panel.plot(minutes, values)
        panel.plot((50, 91), (values[50], values[91]), "o")
        for minute in (50, 91):
            panel.annotate(f"{values[minute]:,.0f}", (minute, values[minute]))
        panel.set_title(name, loc="left")
    panels[2].bar(minutes, [-usd for usd in chart.long_usd], color="tab:orange", label="longs")
    panels[2].bar(minutes, chart.short_usd, color="tab:purple", label="shorts")
    panels[2].legend()
    for panel in panels:
        panel.axvspan(50, 91, alpha=0.2)
        panel.grid(axis="y")
    figure.suptitle(chart.title)
    figure.text(0.02, 0.01, chart.note)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def timed(draw: Callable[[Any], object], chart: Chart) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    draw(chart)
    return (time.perf_counter() - start) * 1000


def first(name: str) -> float:
    """Milliseconds for imports and the first picture, in a process of its own."""
    code = f"""
import time
from benchmarks.picture import wave, {name}
chart = wave()
start = time.perf_counter()
{name}(chart)
print((time.perf_counter() - start) * 1000)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


async def longest_hold(draw: Callable[[MarketChart], Awaitable[object]], pictures: int = 20) -> float:
    """The longest the event loop was late while ``draw`` drew, in milliseconds."""
    worst = 0.0
    drawing = True

    async def watch() -> None:
        nonlocal worst
        while drawing:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, (time.perf_counter() - start - 0.001) * 1000)

    chart = wave()
    await draw(chart)  # its process starts and its libraries are imported once
    watching = asyncio.create_task(watch())
    for n in range(pictures):
        await draw(replace(chart, note=f"Picture {n}."))  # what shows the same would not be drawn again
    drawing = False
    await watching
    return worst


async def held_by_studio() -> float:
    async with open_studio() as draw:
        return await longest_hold(draw)


def each_kind() -> Iterator[str]:
    """The median of five, of every picture there is."""
    for name, chart in gallery().items():
        took = statistics.median(timed(png, chart) for _ in range(5))
        yield f"{name} {took:.0f} ms {len(png(chart)) / 1000:.0f} kB"


def main() -> None:
    chart = wave()
    ours, theirs, text = [], [], []
    for _ in range(ROUNDS):
        ours.append(timed(png, chart))
        theirs.append(timed(by_matplotlib, chart))
        text.append(timed(svg, chart))
    warm_ours, warm_theirs = statistics.median(ours[2:]), statistics.median(theirs[2:])
    first_ours, first_theirs = (
        statistics.median(first(name) for _ in range(3)) for name in ("png", "by_matplotlib")
    )
    size = f"{WIDTH * ZOOM:.0f} × {HEIGHT * ZOOM:.0f}"
    print(f"picture {size}, {len(png(chart)) / 1000:.0f} kB; SVG {len(svg(chart)) / 1000:.0f} kB")
    for when, us, them in (("warm", warm_ours, warm_theirs), ("first", first_ours, first_theirs)):
        print(f"{when:6} ours {us:6.1f} ms  matplotlib {them:6.1f} ms  {them / us:.1f} × faster")
    print(f"SVG for the page {statistics.median(text[2:]):.2f} ms")
    print("kind, ms warm, kB:", ", ".join(each_kind()))
    print(f"event loop held at most {asyncio.run(held_by_studio()):.1f} ms (limit 33)")


if __name__ == "__main__":
    main()
