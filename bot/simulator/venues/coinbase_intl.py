"""Coinbase International is closed: nobody answers."""

from __future__ import annotations

from bot.simulator.wire import WireFormat

FORMAT = WireFormat({})
