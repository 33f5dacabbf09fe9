"""Telegram, through python-telegram-bot. What it does and how faults are met: docs/telegram.md."""

from handlers.telegram.bot import Face, open_telegram

__all__ = ["Face", "open_telegram"]
