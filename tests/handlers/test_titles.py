from __future__ import annotations

import pytest

from handlers.titles import narrowed

BINANCES = ["Binance USD-M", "Binance COIN-M", "Coinbase Derivatives", "OKX"]


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (20, BINANCES),
        (16, ["Binance USD-M", "Binance COIN-M", "Coinbase", "OKX"]),
        (12, ["Bin. USD-M", "Bin. COIN-M", "Coinbase", "OKX"]),
        (6, ["Bin. …", "Bin. …", "Coinb…", "OKX"]),
    ],
)
def test_names_end_between_words_and_are_told_apart_while_there_is_room(room: int, shown: list[str]) -> None:
    assert narrowed(BINANCES, room) == shown
