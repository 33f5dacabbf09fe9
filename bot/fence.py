"""A lane that lost its lock sends nothing more, wherever in this process a post still waits for its turn.

A post waits for its picture, for its chat and for its share of the platform's pace, and the process may stand
still meanwhile. So whoever makes the request asks once more, when nothing is left to wait for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta

from bot.errors import TryLater
from bot.ports import Held

_held: ContextVar[Held | None] = ContextVar("held", default=None)


@contextmanager
def fenced(held: Held) -> Iterator[None]:
    """What the block asks of a platform, it asks as the holder of ``held``."""
    before = _held.set(held)
    try:
        yield
    finally:
        _held.reset(before)


def check_fence() -> None:
    """Raises ``TryLater`` where this is asked as the holder of a role that is no longer surely ours."""
    held = _held.get()
    if held is not None and not held.holds:
        raise TryLater("another process sends now", retry_after=timedelta(0))
