"""Links that open the bot in private with a question: ``t.me/…?start=…`` (Telegram, "Deep Linking")."""

from __future__ import annotations

import re

from handlers.commands import COMMANDS

_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Bot API: 64 characters of ``A-Z a-z 0-9 _ -``."""
ASKS = "_"
"""Begins a payload that asks a question; without it the payload is a subscription such as ``btc-weekly``."""


def private_chat(username: str) -> str:
    return f"https://t.me/{username}"


def asking(username: str, command: str) -> str | None:
    """Where a person may ask ``/why 1a`` alone; ``None`` for a command that a link cannot carry."""
    payload = ASKS + command.removeprefix("/").replace(" ", "-")
    return f"{private_chat(username)}?start={payload}" if _PAYLOAD.fullmatch(payload) else None


def asked(text: str) -> str:
    """The command that ``/start _why-1a`` stands for. Only questions: a link changes nothing by itself."""
    words = text.split()
    if len(words) != 2 or words[0] != "/start" or not words[1].startswith(ASKS):
        return text
    command = words[1].removeprefix(ASKS).replace("-", " ")
    name = command.partition(" ")[0]
    return f"/{command}" if name in COMMANDS and not COMMANDS[name].configures else "/start"
