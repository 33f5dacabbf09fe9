"""Telegram, through python-telegram-bot. What it does: docs/telegram.md."""

import os

# The library's own switch: times that know their unit, and no warning with each refusal.
os.environ.setdefault("PTB_TIMEDELTA", "true")

from handlers.telegram.bot import Face, open_telegram

__all__ = ["Face", "open_telegram"]
