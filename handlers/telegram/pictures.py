"""Pictures, drawn once and uploaded once: other chats are sent the id that Telegram gave the file."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from telegram import Message
from telegram.error import BadRequest

from bot.domain.charts import Chart
from handlers.telegram.faults import Reaction, fault

log = logging.getLogger(__name__)

Draw = Callable[[Chart], Awaitable[bytes]]
Use = Callable[[bytes | str], Awaitable[Message]]
"""Sends or edits one message with a picture: its PNG, or the id of what was uploaded."""

KEPT = 64
WAIT_FOR_UPLOAD_S = 3.0
"""Whose chat must wait longer than this with the only upload does not hold up the others."""


class NoPictureError(Exception):
    """It could not be drawn."""


@dataclass(slots=True)
class _Kept:
    png: bytes | None = None
    file_id: str | None = None
    uploading: bool = False
    uploaded: asyncio.Event = field(default_factory=asyncio.Event)


class Pictures:
    """A picture is known by what it shows, so a revision that shows the same is not uploaded again."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._kept: OrderedDict[Chart, _Kept] = OrderedDict()

    async def show(self, chart: Chart, use: Use) -> Message:
        """Raises the library's errors and ``NoPictureError``."""
        kept = self._kept.setdefault(chart, _Kept())
        self._kept.move_to_end(chart)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        while kept.file_id is None and kept.uploading:
            try:
                await asyncio.wait_for(kept.uploaded.wait(), WAIT_FOR_UPLOAD_S)
            except TimeoutError:
                break
        if kept.file_id is not None:
            try:
                return await use(kept.file_id)
            except BadRequest as refused:
                if fault(refused).reaction is not Reaction.UPLOAD:
                    raise
                kept.file_id = None
        return await self._upload(chart, kept, use)

    async def _upload(self, chart: Chart, kept: _Kept, use: Use) -> Message:
        kept.uploading = True
        kept.uploaded.clear()
        try:
            if kept.png is None:
                kept.png = await self._drawn(chart)
            message = await use(kept.png)
            if message.photo:
                kept.file_id = message.photo[-1].file_id
                kept.png = None
            return message
        finally:
            kept.uploading = False
            kept.uploaded.set()

    async def _drawn(self, chart: Chart) -> bytes:
        try:
            return await self._draw(chart)
        except (RuntimeError, OSError, ValueError) as why:  # also a drawing process killed twice
            log.warning("a picture could not be drawn: %s", why, extra={"event": "telegram.no_picture"})
            raise NoPictureError from why
