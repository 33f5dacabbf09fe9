"""What a wave was judged with, so that it can be computed again while the readings are kept."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

import msgspec

from bot.domain.waves import Wave
from bot.pipeline.memory import case_name, cut_to
from bot.ports import Store

log = logging.getLogger(__name__)

KEPT = timedelta(days=3)
"""As readings are (docs/storage.md): without those a case says nothing."""
LOOKED_BACK = timedelta(days=4)


async def keep_case(store: Store, wave: Wave, memory: bytes | None) -> None:
    """Keep what ``memory``, the judge's of before the wave, knew of its coin."""
    if memory is None:
        return
    try:
        case = await asyncio.to_thread(cut_to, wave.asset, memory)
    except msgspec.DecodeError:  # of another release: the judge begins anew as well
        log.info("wave %s cannot be computed again", wave.id, extra={"event": "case.unreadable"})
        return
    if case is not None:
        await store.journal.keep(case_name(wave.id), case)


async def forget_cases(store: Store, now: datetime) -> None:
    """Of waves whose readings are gone."""
    for wave in await store.waves.between(now - KEPT - LOOKED_BACK, now - KEPT):
        if await store.journal.kept(case_name(wave.id)):
            await store.journal.keep(case_name(wave.id), b"")
