"""Every page in a real browser: by keyboard, without scripts, on a phone, dark and light, alive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from bot.domain.waves import Stage
from bot.running import running
from handlers.charts import svg
from handlers.web import LOCAL, Door, Site
from tests.browser.test_chat_page import browsing, opened
from tests.handlers.october import MINUTE, NOW, ONSET
from tests.handlers.october import wave as october_wave
from tests.handlers.pages import october
from tests.local import wave

pytestmark = pytest.mark.browser

AUDIT = (Path(__file__).parent / "audit.js").read_text("utf-8")
SMALL, PHONE, DESK = (360, 740), (390, 844), (1280, 800)
TOKEN = "a-token-of-sixteen"
PAGES = ("/", "/board", "/waves", "/wave/1a", "/wave/1b", "/scorecard", "/nothing")
SOON_MS = 10_000


async def a_site(**door: str | bool | None) -> Site:
    """The fall of 10 October while ETH still falls, told in the chat too."""
    found = await october(
        october_wave(Stage.BUILDING, revision=1, loud=1, at=ONSET + 12 * MINUTE),
        october_wave(Stage.OVER, revision=2, loud=2),
        october_wave(Stage.BUILDING, id="1b", asset="ETH", revision=1, loud=1),
        october_wave(Stage.RETRACTED, id="1c", reason="okx counted in other units", at=NOW - MINUTE),
    )
    found.chat.draw = svg
    found.door = Door(wall=lambda: NOW, **door)  # type: ignore[arg-type]
    await found.chat.send(LOCAL, wave(1, picture=True))
    return found


@asynccontextmanager
async def browser_on(chromium: str, site: Site) -> AsyncIterator[tuple[Browser, str]]:
    async with AsyncExitStack() as rings:
        url = await rings.enter_async_context(site.listen(port=0))
        await rings.enter_async_context(running(site.watch()))
        yield await rings.enter_async_context(browsing(chromium)), url


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_nobody_stumbles(chromium: str, scheme: Literal["dark", "light"]) -> None:
    site = await a_site(public=True, token=TOKEN)
    async with (
        browser_on(chromium, site) as (browser, url),
        opened(browser, f"{url}/login", size=SMALL) as page,
    ):
        await page.emulate_media(color_scheme=scheme)
        assert await page.evaluate(AUDIT) == []
        await page.get_by_label("Token").fill("a wrong token of sixteen")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("That is not the token.")
        assert await page.evaluate(AUDIT) == []
        await page.get_by_label("Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{url}/")
        for path in PAGES:
            for width, height in (SMALL, DESK):
                await page.set_viewport_size({"width": width, "height": height})
                await page.goto(f"{url}{path}")
                assert await page.evaluate(AUDIT) == [], (path, width)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, path


async def test_a_page_is_walked_by_keyboard(chromium: str) -> None:
    async with browser_on(chromium, await a_site()) as (browser, url), opened(browser, url) as page:
        for path in PAGES[1:]:
            await page.goto(f"{url}{path}")
            await page.keyboard.press("Tab")
            await expect(page.locator(":focus")).to_have_text("Skip to the content")
            await expect(page.locator(":focus")).to_be_in_viewport()
            walked = await walk(page)
            assert walked == await page.locator(REACHABLE).count(), path
            await page.locator("a.skip").focus()
            await page.keyboard.press("Enter")
            await expect(page.locator("#content")).to_be_focused()
            await page.keyboard.press("Tab")
            assert await page.evaluate("document.activeElement.closest('header') === null"), path


REACHABLE = "a[href], button:visible, select, input:visible, [tabindex='0']"


async def walk(page: Page) -> int:
    """How many stops there are from the first to the last; each must be seen to be where one is."""
    outlined = """() => {
        const at = document.activeElement;
        return [at, at.closest('.card')].some((n) => n && getComputedStyle(n).outlineStyle !== 'none');
    }"""
    round_again = "document.activeElement === document.body || document.activeElement.matches('.skip')"
    stops = 0
    while not stops or not await page.evaluate(round_again):
        assert await page.evaluate(outlined), await page.evaluate("document.activeElement.outerHTML")
        stops += 1
        await page.keyboard.press("Tab")
    return stops


async def test_without_scripts_everything_is_read_and_reached(chromium: str) -> None:
    async with (
        browser_on(chromium, await a_site()) as (browser, url),
        opened(browser, f"{url}/board", scripts=False, size=PHONE) as page,
    ):
        await expect(page.get_by_role("heading", name="ETH long flush")).to_be_visible()
        await expect(page.get_by_role("row", name="Gate lost")).to_be_visible()
        await page.get_by_role("link", name="BTC long flush").first.click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("BTC long flush · W 4.7 · over")
        await expect(page.get_by_role("row", name="building")).to_contain_text("−19.0 %")
        await page.get_by_role("link", name="Waves of BTC").click()
        await page.get_by_label("Coin").select_option("BTC")
        await page.get_by_label("also those that people closed by choice").check()
        await page.get_by_role("button", name="Show").click()
        assert page.url.endswith("/waves?coin=BTC&all=1")
        await page.get_by_role("link", name="Scorecard").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Scorecard")
        await page.get_by_role("link", name="Español").click()
        await expect(page.locator("html")).to_have_attribute("lang", "es")


async def test_a_running_wave_changes_in_place_and_is_read_out(chromium: str) -> None:
    site = await a_site()
    async with (
        browser_on(chromium, site) as (browser, url),
        opened(browser, f"{url}/board") as board,
        opened(browser, f"{url}/wave/1b") as one,
    ):
        for page in (board, one):
            await page.evaluate("window.sameDocument = true")
            await expect(page.locator("#venues")).to_contain_text("venues fresh")
        link = board.locator(".running-waves a")
        await link.focus()
        table = board.get_by_role("group", name="Venues")
        await site.desk.store.waves.save(october_wave(Stage.PEAK, id="1b", asset="ETH", revision=2, loud=1))
        site.news.set()
        await expect(link).to_have_text("ETH long flush · W 4.7 · slowing", timeout=SOON_MS)
        await expect(link).to_be_focused()
        await expect(table).to_be_visible()
        await expect(board.locator("#announcer")).to_contain_text("ETH long flush · W 4.7 · slowing")
        await expect(one.get_by_role("heading", level=1)).to_contain_text("slowing", timeout=SOON_MS)
        await expect(one.locator(".timeline tbody tr")).to_have_count(2)
        for page in (board, one):
            assert await page.evaluate("window.sameDocument")


async def test_a_guest_reads_a_public_page_and_cannot_chat(chromium: str) -> None:
    site = await a_site(public=True, token=TOKEN)
    async with browser_on(chromium, site) as (browser, url), opened(browser, url) as page:
        await page.wait_for_url(f"{url}/board")
        await expect(page.get_by_role("link", name="Chat")).to_have_count(0)
        await expect(page.locator("#venues")).to_contain_text("venues fresh")
        assert "no answer" not in await page.content()
        said = await page.evaluate(
            "fetch('/say', {method: 'POST', body: new URLSearchParams({text: '/oi'})})"
            ".then((answer) => answer.status)"
        )
        assert said == 401
        await page.goto(f"{url}/wave/1a")
        assert await page.locator("main button").count() == 0
        await expect(page.locator("figure img")).to_have_js_property("naturalWidth", 800)
        await page.get_by_role("link", name="Sign in").click()
        await page.get_by_label("Token").fill(TOKEN)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("link", name="Chat").click()
        await page.get_by_label("Ask something").fill("/oi BTC 24h")
        await page.keyboard.press("Enter")
        await expect(page.locator(".bot .title").last).to_have_text("Answer to /oi BTC 24h")
        assert TOKEN not in await page.evaluate("document.cookie") + page.url
        await page.goto(f"{url}/board")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("link", name="Chat")).to_have_count(0)
