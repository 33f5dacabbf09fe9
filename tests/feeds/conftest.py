from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.feeds.acme import Server, World, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


@pytest.fixture
async def world() -> World:
    return World()
