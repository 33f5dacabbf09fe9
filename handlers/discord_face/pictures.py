"""Pictures as Discord takes them; whoever draws them draws each once (``handlers.studio``)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import BrokenExecutor

from bot.domain.charts import Chart

log = logging.getLogger(__name__)

DrawPng = Callable[[Chart], Awaitable[bytes]]


class Pictures:
    """PNGs by what they show."""

    def __init__(self, draw: DrawPng) -> None:
        self._draw = draw

    async def drawn(self, chart: Chart) -> bytes | None:
        """``None`` where its process died; whoever asks next tries again."""
        try:
            return await self._draw(chart)
        except BrokenExecutor:
            log.warning("a picture was not drawn: its process died", extra={"event": "picture.failed"})
            return None
