"""The reconstruction as a newcomer sees it: a real browser on the real program."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.test_chat_page import PHONE, browsing, opened
from tests.program import program

pytestmark = pytest.mark.browser

FLUSH = "article.bot:has-text('BTC long flush')"


async def test_the_alert_changes_in_place_and_a_typed_question_is_answered(
    chromium: str, tmp_path: Path
) -> None:
    with program("--speed", "120", at=tmp_path) as running:
        async with browsing(chromium) as browser, opened(browser, running.address, size=PHONE) as page:
            await page.evaluate("window.sameDocument = true")
            await page.locator(FLUSH).first.wait_for(timeout=60_000)
            alert = page.locator(f"#{await page.locator(FLUSH).first.get_attribute('id')}")
            edits = await alert.get_attribute("data-revision")
            await expect(alert).not_to_have_attribute("data-revision", edits or "", timeout=20_000)
            await expect(alert.locator("img")).to_have_js_property("naturalWidth", 800)

            await page.fill("#text", "/oi BTC 24h")
            await page.press("#text", "Enter")
            answer = page.locator("article.bot:has-text('BTC open interest')").last
            await expect(answer).to_contain_text("24 h", timeout=10_000)
            await expect(answer).to_contain_text("Reconstruction")

            await expect(alert).to_contain_text("over after", timeout=60_000)
            await expect(page.locator(FLUSH)).to_have_count(1)
            assert await page.evaluate("window.sameDocument")
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
