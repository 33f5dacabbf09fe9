"""The page in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from handlers.web import LOCAL
from storage.memory import MemoryStore
from tests.local import local_chat, site, wave

pytestmark = pytest.mark.browser

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Root in a container has no sandbox; the rest keeps the browser from asking anybody but us."""
PHONE = (390, 844)


@asynccontextmanager
async def browsing(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser, url: str, *, size: tuple[int, int] = (1280, 800), scripts: bool = True
) -> AsyncIterator[Page]:
    """A page in a window of its own; what its console complains of fails the test."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, java_script_enabled=scripts
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    await page.goto(url)
    yield page
    await context.close()
    assert faults == []


async def test_a_message_changes_in_place_in_two_tabs_without_a_reload(chromium: str) -> None:
    chat = local_chat()
    async with (
        site(chat).listen(port=0) as url,
        browsing(chromium) as browser,
        opened(browser, url) as one,
        opened(browser, url) as other,
    ):
        message = await chat.send(LOCAL, wave(1, picture=True))
        for page in (one, other):
            await expect(page.locator(".bot .title")).to_have_text("BTC long flush · W 3.1 and growing")
            await page.evaluate("window.sameDocument = true")
            await expect(page.locator(".bot img")).to_have_js_property("naturalWidth", 800)
        await chat.edit(LOCAL, message, wave(2, picture=True))
        for page in (one, other):
            await expect(page.locator(".bot .title")).to_have_text("BTC long flush · W 3.2 and growing")
            await expect(page.locator(".bot .when")).to_have_text("revised 10 Oct 21:05 UTC · edit 1")
            await expect(page.locator(".bot img")).to_have_attribute("src", f"/picture/{message}-1.svg")
            assert await page.evaluate("window.sameDocument")
            assert await page.locator("article").count() == 1


async def test_a_typed_line_a_tapped_command_and_a_button_are_answered(chromium: str) -> None:
    chat = local_chat()
    async with site(chat).listen(port=0) as url, browsing(chromium) as browser, opened(browser, url) as page:
        await chat.send(LOCAL, wave(1))
        await page.get_by_label("Ask something").fill("/oi BTC 24h")
        await page.keyboard.press("Enter")
        await expect(page.locator(".bot .title").last).to_have_text("Answer to /oi BTC 24h")
        await page.get_by_role("button", name="/oi eth").click()
        await expect(page.locator(".bot .title").last).to_have_text("Answer to /oi eth")
        await page.get_by_role("button", name="Details").click()
        await expect(page.locator(".bot .title").last).to_have_text("Answer to /wave 1a")
        assert await page.locator(".you .line").all_text_contents() == ["/oi BTC 24h", "/oi eth", "/wave 1a"]


async def test_without_javascript_a_line_is_answered_too(chromium: str) -> None:
    async with (
        site().listen(port=0) as url,
        browsing(chromium) as browser,
        opened(browser, url, scripts=False) as page,
    ):
        await page.get_by_label("Ask something").fill("/oi BTC 24h")
        await page.keyboard.press("Enter")
        await expect(page.locator(".bot .title")).to_have_text("Answer to /oi BTC 24h")
        await page.get_by_role("button", name="/oi eth").click()
        await expect(page.locator(".bot .title").last).to_have_text("Answer to /oi eth")


async def test_commands_are_offered_and_taken_by_keyboard(chromium: str) -> None:
    async with (
        site().listen(port=0) as url,
        browsing(chromium) as browser,
        opened(browser, url) as page,
    ):
        line = page.get_by_label("Ask something")
        await line.press_sequentially("/")
        await expect(page.get_by_role("option")).to_have_count(3)
        await line.press_sequentially("o")
        await expect(page.get_by_role("option")).to_have_text(["/oiOpen interest of one coin"])
        await page.keyboard.press("Tab")
        await expect(line).to_have_value("/oi ")
        await expect(page.get_by_role("option")).to_have_count(0)


async def test_a_phone_needs_no_sideways_scrolling(chromium: str) -> None:
    chat = local_chat()
    await chat.send(LOCAL, wave(1, picture=True))
    await chat.send(LOCAL, wave(2), reply_to="1")
    async with (
        site(chat).listen(port=0) as url,
        browsing(chromium) as browser,
        opened(browser, url, size=PHONE) as page,
    ):
        await page.get_by_label("Ask something").fill("x" * 200)
        await page.keyboard.press("Enter")
        await expect(page.locator(".you")).to_be_visible()
        widths = "[document.documentElement.scrollWidth, document.getElementById('scroller').scrollWidth]"
        assert max(await page.evaluate(widths)) <= PHONE[0]


async def test_the_page_follows_the_newest_message_only_when_it_was_in_view(chromium: str) -> None:
    chat = local_chat()
    for _ in range(12):
        await chat.send(LOCAL, wave(1))
    async with site(chat).listen(port=0) as url, browsing(chromium) as browser, opened(browser, url) as page:
        scrolled = "document.getElementById('scroller').scrollTop"
        await chat.send(LOCAL, wave(2))
        await expect(page.get_by_text("W 3.2")).to_be_in_viewport()
        await page.locator("#m1").scroll_into_view_if_needed()
        await expect(page.locator("#m1")).to_be_in_viewport()
        before = await page.evaluate(scrolled)
        await chat.send(LOCAL, wave(3))
        await expect(page.get_by_role("button", name="New messages")).to_be_visible()
        assert await page.evaluate(scrolled) == before
        await page.get_by_role("button", name="New messages").click()
        await expect(page.get_by_text("W 3.3")).to_be_in_viewport()


async def test_the_page_comes_back_by_itself_after_a_restart(chromium: str) -> None:
    store = MemoryStore()
    first = local_chat(store)
    async with browsing(chromium) as browser:
        async with site(first).listen(port=0) as url:
            page = await browser.new_page()
            await page.goto(url)
            message = await first.send(LOCAL, wave(1))
            await expect(page.locator(".bot")).to_have_count(1)
        await expect(page.get_by_text("Connection lost, reconnecting")).to_be_visible()
        second = local_chat(store)
        await second.edit(LOCAL, message, wave(2))
        async with site(second).listen(port=int(url.rpartition(":")[2])):
            await expect(page.locator(".bot .title")).to_have_text("BTC long flush · W 3.2 and growing")
            await expect(page.get_by_text("Connection lost, reconnecting")).to_be_hidden()
            await second.edit(LOCAL, message, wave(3))
            await expect(page.locator(".bot .title")).to_have_text("BTC long flush · W 3.3 and growing")


async def test_styles_and_clock_work_under_the_pages_own_policy_and_foreign_script_does_not(
    chromium: str,
) -> None:
    chat = local_chat()
    await chat.send(LOCAL, wave(1))
    async with site(chat).listen(port=0) as url, browsing(chromium) as browser:
        page = await browser.new_page()
        await page.goto(url)
        await expect(page.locator("#clock")).to_contain_text("10 Oct 2025")
        assert (
            await page.evaluate("getComputedStyle(document.querySelector('.bot')).borderLeftWidth") == "3px"
        )
        await page.evaluate("""
            const script = document.createElement("script");
            script.textContent = "window.foreign = true";
            document.head.append(script);
        """)
        assert await page.evaluate("window.foreign") is None
