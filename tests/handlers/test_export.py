"""Exported files: safe to open, true to what was recorded, and within every platform's size."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.domain.cards import MOST_ATTACHED, Card
from bot.domain.posts import Destination
from bot.domain.waves import Stage
from bot.replay import replay
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.export import FORMULA, cell, written
from storage.memory import MemoryStore
from tests.handlers.october import BTC, LOW, MINUTE, ONSET, snapshots, wave

ASK = Ask(Destination("local", "main"))


def rows_of(card: Card) -> list[dict[str, str]]:
    assert card.attachment is not None, card
    return list(csv.DictReader(card.attachment.body.decode().splitlines()))


@given(st.text())
def test_no_cell_is_a_formula(text: str) -> None:
    assert not cell(text).startswith(FORMULA)


def test_numbers_stay_numbers_and_unknown_stays_empty() -> None:
    assert [cell(value) for value in (-0.19, 2.0, None, True, ONSET)] == [
        "-0.19",
        "2.0",
        "",
        "true",
        "2025-10-10T20:50:00Z",
    ]


@given(st.integers(0, 60), st.integers(20, 400))
def test_the_newest_rows_have_room(count: int, most: int) -> None:
    told = written(["n"], [[float(n)] for n in range(count)], most)
    assert len(told.body) <= max(most, 3)
    assert told.rows + told.left_out == count
    kept = [line for line in told.body.decode().split("\r\n") if line][1:]
    assert kept == [cell(float(n)) for n in range(count)][count - told.rows :]


async def test_a_wave_is_exported_with_what_came_next(desk: Desk, store: MemoryStore) -> None:
    await store.waves.save(replace(wave(Stage.RETRACTED), id="1c", reason="=cmd()"))
    first, *_, last = rows_of(await answer(desk, ASK, "/export waves btc"))
    assert first["id"] == "19"
    assert (last["id"], last["kind"], last["side"], last["lead"]) == ("1c", "flush", "long", "native-led")
    by_id = {row["id"]: row for row in rows_of(await answer(desk, ASK, "/export waves"))}
    assert by_id["1a"]["coins_closed"] == "79000.0"
    assert float(by_id["1a"]["fall"]) == wave().fall
    assert float(by_id["1a"]["price_1h"]) == 0.0
    assert by_id["1a"]["price_24h"] == ""
    assert (await answer(desk, ASK, "/export waves")).footer.startswith("all that was recorded · ")
    assert (await answer(desk, ASK, "/export waves 7d")).footer.startswith("since 3 Oct · ")


async def test_liquidations_are_exported_by_venue(desk: Desk) -> None:
    told = rows_of(await answer(desk, ASK, "/export liquidations btc 1d"))
    assert [row["venue"] for row in told] == ["bybit", "bybit"]
    assert sum(float(row["long_usd"]) for row in told) == 2.8e9


async def test_what_was_not_recorded_is_said(desk: Desk) -> None:
    card = await answer(desk, ASK, "/export liquidations eth 1h")
    assert card.attachment is None
    assert "Nothing of that was recorded in 1 h" in card.title


async def test_exported_open_interest_can_be_replayed(desk: Desk, store: MemoryStore, tmp_path: Path) -> None:
    calm = snapshots(ONSET - timedelta(days=3), LOW, 5 * MINUTE)
    await store.journal.snap(calm)
    card = await answer(desk, ASK, "/export oi btc 1d")
    assert card.attachment is not None
    assert len(card.attachment.body) < MOST_ATTACHED
    file = tmp_path / card.attachment.name
    file.write_bytes(card.attachment.body)
    run = replay(file, None, BTC)
    assert run.rows == len(rows_of(card))
    assert not run.rejected.get("unreadable")
