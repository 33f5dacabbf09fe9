"""The pages in a real browser on loopback: first paint, layout shift, requests, bytes, the server's share.

    python -m benchmarks.page

A SQLite file with a year of 40 coins at 20 venues, a wave that runs with 30 revisions and 60 that are over,
is shown by the very server. Debian's chromium opens every page with an empty cache, several times each, on a
desk and as a phone whose processor is four times slower. First contentful paint is the browser's own figure
(Paint Timing), the layout shift (CLS) is summed as Lighthouse does. Goals, of the medians: a first paint
under 1 s on the desk and 2 s on the phone, a shift of at most 0.1; nothing is asked of another address.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import sin
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.async_api import Browser, async_playwright

from bot.domain.assets import Asset
from bot.domain.cards import Card
from bot.domain.market import Group, Snapshot, Venue, VenueOpenInterest
from bot.domain.waves import Depth, Kind, Lead, Magnitude, Stage, VenueChange, Wave
from bot.health import Health
from bot.ports import Store
from handlers.charts import svg
from handlers.commands import COMMANDS, Ask, answer
from handlers.desk import About, Desk
from handlers.web import LOCAL, Door, LocalChat, Site
from storage.sqlite import open_sqlite

COINS, VENUES, WAVES, REVISIONS, TURNS = 40, 20, 60, 30, 3
SHIFT_GOAL = 0.1
NOW = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
PAGES = ("/", "/board", "/waves", "/wave/w0", "/scorecard")
SIZES = {"desk": ((1280, 800), 1, 1000.0), "phone": ((360, 780), 4, 2000.0)}
"""The window, how many times slower the processor is, and within how many ms the first paint shall come."""
OBSERVE = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
MEASURE = """() => {
  const [at] = performance.getEntriesByName("first-contentful-paint");
  const page = performance.getEntriesByType("navigation")[0];
  const loaded = [page, ...performance.getEntriesByType("resource")];
  const bytes = loaded.reduce((sum, one) => sum + one.transferSize, 0);
  return [at.startTime, window.shifted, loaded.length, bytes, page.responseEnd - page.requestStart];
}"""


class Seen(NamedTuple):
    paint_ms: float
    shift: float
    requests: int
    bytes: int
    server_ms: float


def market(asset: Asset, place: int, at: datetime) -> Snapshot:
    coins = 400_000 / (1 + place) * (1 + 0.1 * sin(at.timestamp() / 9e5 + place))
    price = 120_000 / (1 + place)
    share = coins / VENUES
    venues = tuple(
        VenueOpenInterest(Venue(f"venue_{n:02}"), Group.OFFSHORE, share, share * price, at)
        for n in range(VENUES)
    )
    return Snapshot(asset, at, coins, coins * price, price, 0.98, coins / 1e6, venues)


def wave(number: int, revision: int, stage: Stage) -> Wave:
    onset = NOW - timedelta(hours=1 + 30 * number)
    left = 1 - 0.18 * revision / REVISIONS
    venues = tuple(
        VenueChange(Venue(f"venue_{n:02}"), Group.OFFSHORE, 20_000.0, 20_000.0 * left) for n in range(VENUES)
    )
    return Wave(
        id=f"w{number}",
        asset=Asset(f"C{number % COINS:02}"),
        kind=Kind.FLUSH,
        stage=stage,
        revision=revision,
        loud=1,
        onset=onset,
        opened=onset + MINUTE,
        at=onset + revision * MINUTE,
        low_at=onset + revision * MINUTE,
        over_at=onset + revision * MINUTE if stage is Stage.OVER else None,
        horizon=timedelta(hours=1),
        depths=(Depth(timedelta(hours=1), 1 - left, -0.1),),
        venues=venues,
        price_before_usd=120_000.0,
        price_now_usd=110_000.0,
        magnitude=Magnitude(3.1, 2.6, 3.7),
        coverage=0.98,
        lead=Lead.NATIVE,
    )


async def fill(store: Store, chat: LocalChat) -> None:
    times = [NOW - n * DAY for n in range(365, 1, -1)] + [NOW - n * 5 * MINUTE for n in range(288, -1, -1)]
    for place in range(COINS):
        await store.journal.snap([market(Asset(f"C{place:02}"), place, at) for at in times])
    for number in range(WAVES, 0, -1):
        await store.waves.save(wave(number, REVISIONS, Stage.OVER))
    for revision in range(1, REVISIONS + 1):
        await store.waves.save(wave(0, revision, Stage.BUILDING))
    for line in ("/oi c00 24h", "/resets", "/wave w0"):
        await chat.log.say("you", NOW, text=line)
        await chat.send(LOCAL, await chat.answer(line))


async def look(browser: Browser, url: str, size: str) -> Seen:
    (width, height), slower, _goal = SIZES[size]
    context = await browser.new_context(viewport={"width": width, "height": height})
    page = await context.new_page()
    await page.add_init_script(OBSERVE)
    session = await context.new_cdp_session(page)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(url)
    await page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    await page.wait_for_timeout(500)
    found = Seen(*await page.evaluate(MEASURE))
    await context.close()
    assert {urlsplit(one).netloc for one in asked} == {urlsplit(url).netloc}, asked
    return found


def report(path: str, size: str, seen: Sequence[Seen]) -> bool:
    paint, shift = statistics.median(s.paint_ms for s in seen), max(s.shift for s in seen)
    fine = paint < SIZES[size][2] and shift <= SHIFT_GOAL
    server = statistics.median(s.server_ms for s in seen)
    print(
        f"{f'{path} ({size})':<20} first paint {paint:4.0f} ms (at most {max(s.paint_ms for s in seen):4.0f})"
        f"  shift {shift:.3f}  {seen[0].requests} requests, {seen[0].bytes / 1e3:5.1f} kB"
        f"  server {server:4.0f} ms  {'ok' if fine else 'MISSED'}"
    )
    return fine


async def main() -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("there is no chromium here (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        async with open_sqlite(Path(folder) / "page.db") as store:
            desk = Desk(store, Health(lambda: NOW), lambda: NOW, About("benchmark", NOW), wall=lambda: NOW)

            async def reply(text: str) -> Card:
                return await answer(desk, Ask(LOCAL), text)

            names = {command.name: command.about for command in COMMANDS.values()}
            chat = LocalChat(log=store.chat, answer=reply, draw=svg, clock=lambda: NOW, commands=names)
            began = time.perf_counter()
            await fill(store, chat)
            print(
                f"a year of {COINS} coins at {VENUES} venues, stored in {time.perf_counter() - began:.0f} s"
            )
            return await measure(Site(chat=chat, desk=desk, door=Door(wall=lambda: NOW)), chromium)


async def measure(site: Site, chromium: str) -> int:
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    async with site.listen(port=0) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=quiet)
        fine = []
        for size in SIZES:
            for path in PAGES:
                seen = [await look(browser, url + path, size) for _ in range(TURNS)]
                fine.append(report(path, size, seen))
        await browser.close()
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
