"""Who answers what a person said, where several processes may hear it."""

from __future__ import annotations

from enum import StrEnum


class Claim(StrEnum):
    """What became of claiming it."""

    OURS = "ours"
    THEIRS = "theirs"
    """Somebody else has it, and has not settled it yet."""
    SETTLED = "settled"
    """It was answered."""
