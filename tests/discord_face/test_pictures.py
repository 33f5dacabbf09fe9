from __future__ import annotations

import asyncio
from concurrent.futures.process import BrokenProcessPool

from bot.domain.charts import Chart
from handlers.discord_face.pictures import KEPT, Pictures
from tests.local import chart


async def test_a_picture_is_drawn_once_for_all_channels() -> None:
    drawn: list[Chart] = []

    async def draw(data: Chart) -> bytes:
        drawn.append(data)
        await asyncio.sleep(0)
        return b"png"

    pictures = Pictures(draw)
    assert await asyncio.gather(*(pictures.drawn(chart("rev 1")) for _ in range(50))) == [b"png"] * 50
    assert len(drawn) == 1
    for n in range(KEPT):
        await pictures.drawn(chart(f"other {n}"))
    await pictures.drawn(chart("rev 1"))
    assert len(drawn) == KEPT + 2, "the oldest is forgotten"


async def test_a_picture_that_failed_is_tried_again() -> None:
    answers: list[Exception | bytes] = [BrokenProcessPool("no memory"), b"png"]

    async def draw(_: Chart) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    pictures = Pictures(draw)
    assert await pictures.drawn(chart()) is None
    assert await pictures.drawn(chart()) == b"png"
