"""A file that comes with an answer, over all three faces."""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator

import pytest

from tests.faces.seam import FACES, Face


@pytest.fixture(params=FACES)
async def face(request: pytest.FixtureRequest) -> AsyncIterator[Face]:
    async with FACES[request.param]() as face:
        yield face


async def test_what_was_recorded_comes_as_a_file(face: Face) -> None:
    said = await face.say("/export oi btc 7d")
    assert "BTC open interest: 1,501 rows" in said.text
    name, content = await face.file_of(said)
    assert re.fullmatch(r"washout-oi-btc-20251010T2350Z\.csv", name)
    rows = list(csv.DictReader(content.decode().splitlines()))
    assert len(rows) == 1501
    assert rows[-1]["oi_coins"] == "336000.0"
    assert rows[-1]["timestamp"] == "2025-10-10T23:50:00Z"


async def test_in_a_group_only_who_may_change_its_settings_takes_files(face: Face) -> None:
    if not face.has_groups:
        return
    refused = await face.say("/export waves", group=True, stranger=True)
    assert re.search("Only (administrators|those with the permission Manage Server) export", refused.text)
    name, content = await face.file_of(await face.say("/export waves", group=True))
    assert name.startswith("washout-waves-")
    assert b"1a,BTC,flush,over," in content
