"""Each picture is drawn once, however many channels it goes to."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import BrokenExecutor

from bot.domain.charts import Chart

log = logging.getLogger(__name__)

KEPT = 32

DrawPng = Callable[[Chart], Awaitable[bytes]]


class Pictures:
    """The newest PNGs, by what they show."""

    def __init__(self, draw: DrawPng) -> None:
        self._draw = draw
        self._kept: OrderedDict[Chart, asyncio.Future[bytes]] = OrderedDict()

    async def drawn(self, chart: Chart) -> bytes | None:
        """``None`` where its process died; whoever asks next tries again."""
        if (known := self._kept.get(chart)) is None:
            known = self._kept[chart] = asyncio.ensure_future(self._draw(chart))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        try:
            return await asyncio.shield(known)
        except BrokenExecutor:
            log.warning("a picture was not drawn: its process died", extra={"event": "picture.failed"})
            return None
        finally:
            if known.done() and (known.cancelled() or known.exception()):
                self._kept.pop(chart, None)
