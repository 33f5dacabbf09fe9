"""The scenario's time: it begins in the market's past and runs faster than the wall clock."""

from __future__ import annotations

from datetime import datetime
from math import inf

import msgspec

from bot.errors import UsageError
from bot.ports import Clock


class Play(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One playing of a scenario: at the wall time ``anchor`` the market stood at ``start``.

    Kept over a restart (it is JSON), so that a process that was killed goes on where the market then is.
    """

    scenario: str
    start: datetime
    speed: float
    anchor: datetime

    def dump(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def read(cls, state: bytes) -> Play | None:
        """What ``dump`` wrote; ``None`` for anything else (then the play begins anew)."""
        try:
            return msgspec.json.decode(state, type=cls)
        except msgspec.DecodeError:
            return None


class ScenarioClock:
    """Market time while a scenario plays. ``wall`` is the real clock; ours never runs backwards.

    Raises ``UsageError`` for a speed that is no number above zero.
    """

    def __init__(self, play: Play, wall: Clock) -> None:
        if not 0 < play.speed < inf:
            raise UsageError(f"a scenario cannot play at speed {play.speed:g}; it must be above zero")
        self.play = play
        self._wall = wall
        self._newest = play.start

    def now(self) -> datetime:
        shown = self.play.start + (self._wall() - self.play.anchor) * self.play.speed
        self._newest = max(self._newest, shown)
        return self._newest
