"""Aster: Binance USD-M's wire format without its past, at the old path of its socket."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.scenario import Contract
from bot.simulator.venues.binance_usdm import FIGURES, FORCED
from bot.simulator.wire import WireFormat


def _lists(coin: str) -> Sequence[Contract]:
    return [Contract("aster", coin, f"{coin}USDT", 1.0)]


FORMAT = WireFormat(FIGURES, {"/ws/!forceOrder@arr": FORCED}, _lists)
