"""Makes the pictures of this folder anew, from the program itself: ``make docs``.

The reconstruction of October 2025 is played, and its page is photographed by Debian's chromium while the wave
builds and after it is over, with answers to the lines below. Pictures that need more history than a scenario
has are drawn from the benchmarks' invented series.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin

from playwright.async_api import Browser, Locator, Page

from benchmarks._gallery import gallery
from handlers.charts import png, rendered
from tests.browser.test_chat_page import browsing, opened
from tests.program import program

IMAGES = Path(__file__).parent / "images"
SPEED = "60"
WIDE, PHONE, LONG = (1100, 1130), (390, 1060), (390, 2400)
FLUSH = "article.bot:has-text('BTC long flush')"
PICTURES = {
    "chart-market": "/chart btc 2h",
    "chart-venues": "/chart btc 2h venues",
    "chart-liquidations": "/chart btc 2h liquidations",
}
"""Pictures of the played market, by the line that asks for them."""
ANSWERS = {"answer-oi": "/oi btc 2h", "answer-liquidations": "/liquidations btc 2h", "answer-wave": "/wave"}
"""Whole answers as the page shows them on a phone. ``/wave`` gets the wave's id."""
INVENTED = {
    "chart-funding": "funding_lines",
    "chart-bars": "funding_now",
    "chart-leverage": "leverage",
    "chart-compare": "compare",
    "chart-resets": "resets",
    "chart-after": "after",
    "chart-gap": "week",
}


async def main() -> None:
    for name, invented in INVENTED.items():
        _save(name, png(gallery()[invented]))
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Photographs of the page need Debian's chromium: apt-get install chromium")
    with TemporaryDirectory() as folder, program("--speed", SPEED, at=Path(folder)) as running:
        async with browsing(chromium) as browser:
            await _photograph(browser, running.address)


async def _photograph(browser: Browser, address: str) -> None:
    async with opened(browser, address, size=WIDE) as wide, opened(browser, address, size=PHONE) as phone:
        await wide.locator(FLUSH).locator("img").first.wait_for(timeout=120_000)
        await asyncio.sleep(14 * 60 / int(SPEED))  # it has grown by then
        _save("chat-wide", await wide.screenshot())
        _save("chat-phone", await phone.screenshot())
        _save("page-board", await _page(wide, address, "/board"))
        _save("page-board-phone", await _page(phone, address, "/board"))
        await wide.goto(address)
        await phone.goto(address)
        over = wide.locator(f"{FLUSH}:has-text('over after')").first
        await over.wait_for(timeout=180_000)
        await asyncio.sleep(20 * 60 / int(SPEED))  # some of what came next belongs on the pictures
        for name, line in PICTURES.items():
            shown = (await _asked(wide, line)).locator("img")
            source = await shown.get_attribute("src")
            told = await wide.request.get(urljoin(address, source or ""))
            _save(name, rendered(await told.text()))
        await phone.set_viewport_size(
            {"width": LONG[0], "height": LONG[1]}
        )  # so that nothing covers an answer
        _save("alert-over", await phone.locator(f"{FLUSH}:has-text('over after')").first.screenshot())
        wave_id = await _wave_id(over)
        for name, line in ANSWERS.items():
            said = f"{line} {wave_id}" if line == "/wave" else line
            _save(name, await (await _asked(phone, said)).screenshot())
        _save("page-wave", await _page(wide, address, f"/wave/{wave_id}"))


async def _page(page: Page, address: str, path: str) -> bytes:
    await page.goto(urljoin(address, path))
    for image in await page.locator("main img").all():
        await image.evaluate("image => image.decode()")
    return await page.screenshot()


async def _asked(page: Page, line: str) -> Locator:
    """The answer to a line, once it and its picture are there."""
    before = await page.locator("article.bot").count()
    await page.fill("#text", line)
    await page.press("#text", "Enter")
    answer = page.locator("article.bot").nth(before)
    await answer.wait_for(timeout=20_000)
    for image in await answer.locator("img").all():
        await image.evaluate("image => image.decode()")
    return answer


async def _wave_id(alert: Locator) -> str:
    command = await alert.locator(".footer button.command").first.inner_text()
    return command.split()[-1]


def _save(name: str, data: bytes) -> None:
    (IMAGES / f"{name}.png").write_bytes(data)
    print(f"{name}.png {len(data) / 1000:.0f} kB")


if __name__ == "__main__":
    asyncio.run(main())
