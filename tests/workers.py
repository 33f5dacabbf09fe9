"""Which tests run beside which where there are several workers: pytest-xdist asks here."""

from __future__ import annotations

import os

import pytest
from xdist.scheduler import LoadScopeScheduling

PLAYED = (
    *("tests/fleet/", "tests/test_whole", "tests/browser/test_whole", "tests/storage/", "tests/test_engines"),
    *("tests/test_faults", "tests/test_fleet_roles", "tests/telegram/test_two_processes"),
)
"""Scenarios that whole programs play in real time, and tests of the engines that some of them need."""
STARTED = (
    *("tests/browser/", "tests/test_cli", "tests/test_conftest", "tests/test_deliver_killed"),
    "tests/test_secrets",
)
"""Other tests that start programs or a browser."""


class Apart(LoadScopeScheduling):  # type: ignore[misc]
    """No scenario is played beside another. Who waits more than it computes goes first, beside each other;
    the rest follows, a test at a time.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(PLAYED):
            return "played"
        return "started" if nodeid.startswith(STARTED) else nodeid


class StepsBack:
    """In a worker: if the first that it is given is no scenario, it lets go first who plays one."""

    def __init__(self) -> None:
        self._begun = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if not self._begun and not item.nodeid.startswith(PLAYED):
            os.nice(10)
        self._begun = True
