"""The quiet history is lived through once; every scene starts from its state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.domain.waves import Wave
from tests.pipeline.market import CALM, HISTORY, MINUTE, START, Scene, frozen, new_judge, play, thawed


@pytest.fixture(scope="session")
def quiet_days() -> tuple[bytes, list[Wave]]:
    """The judge's state after the quiet history, and whatever it told meanwhile."""
    judge = new_judge()
    waves = play(judge, CALM, int(HISTORY / MINUTE), START)
    return frozen(judge), waves


@pytest.fixture
def revisions(quiet_days: tuple[bytes, list[Wave]]) -> Callable[[Scene, int], list[Wave]]:
    """Play a scene for so many minutes: every revision told."""
    return lambda scene, minutes: play(thawed(quiet_days[0]), scene, minutes)
