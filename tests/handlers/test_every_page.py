"""The pages too: what a reader sees and hears of them comes from the catalogue."""

from __future__ import annotations

import re
from html import unescape

import pytest

from bot.domain.waves import Stage
from handlers.speech import taught
from tests.handlers.october import wave
from tests.handlers.pages import october, visiting
from tests.handlers.pseudo import Pseudo
from tests.handlers.test_every_text import unmarked_words

UNSEEN = re.compile(r"<(script|style|svg|template)\b.*?</\1>|<!--.*?-->", re.DOTALL)
SAID = re.compile(r'\b(?:alt|aria-label|placeholder|title)="([^"]*)"')


def texts(html: str) -> list[str]:
    seen = UNSEEN.sub(" ", html)
    return [unescape(text) for text in (*SAID.findall(seen), *re.findall(r">([^<>]+)<", seen))]


@pytest.mark.parametrize("path", ["/", "/board", "/waves", "/wave/1a", "/wave/2b", "/scorecard", "/nowhere"])
async def test_every_text_of_a_page_comes_from_the_catalogue(path: str) -> None:
    site = await october(wave(Stage.OVER), wave(Stage.BUILDING, id="2b"))
    with taught("es", Pseudo()):
        async with visiting(site) as session:
            headers = {"Accept": "text/html", "Accept-Language": "es"}
            async with session.get(path, headers=headers) as response:
                html = await response.text()
    assert "ő" in html
    outside = {text.strip(): found for text in texts(html) if (found := unmarked_words(text.strip()))}
    assert not outside
