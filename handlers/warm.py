"""What the first who asks would wait for, read beforehand."""

from __future__ import annotations

import asyncio
from datetime import date

from handlers.desk import Desk
from handlers.leverage import seen
from handlers.numbers import dated, number

COINS = 40
"""So many of the largest: those of the board."""
BREATH_S = 0.02
"""The event loop is left to others after each coin."""


async def warm(desk: Desk) -> None:
    """How numbers and dates are written, and the year of the largest coins."""
    await asyncio.to_thread(_write)
    for asset in (await desk.known())[:COINS]:
        await seen(desk, asset)
        await asyncio.sleep(BREATH_S)


def _write() -> None:
    """Babel reads a language's rules with its first number and its first date."""
    number(0.5, 1)
    dated(date(2025, 1, 1))
