from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool

from bot.domain.charts import Chart
from handlers.discord_face.pictures import Pictures
from tests.local import chart


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
