"""What a button carries: the command it says and, on a card for one person alone, who that is.

Telegram gives 64 bytes (``callback_data``). A longer command is remembered here under a short name; after a
restart such a button is too old, and says so. What comes back may be forged by whoever presses: it is worth
no more than the same command typed by that person, and is treated so.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.domain.cards import Card
from handlers.telegram.render import rows_of

MOST_BYTES = 64
KEPT = 4096
"""So many long commands are remembered."""


class Press(NamedTuple):
    """``owner`` is empty where anybody may press; ``command`` is ``None`` when it is no longer known."""

    owner: str
    command: str | None


class Presses:
    def __init__(self) -> None:
        self._long: OrderedDict[str, str] = OrderedDict()

    def keyboard(self, card: Card, owner: str) -> InlineKeyboardMarkup | None:
        if not card.buttons:
            return None
        mine = owner if card.private else ""
        return InlineKeyboardMarkup(
            [
                [InlineKeyboardButton(b.label, callback_data=self.write(mine, b.command)) for b in row]
                for row in rows_of(card.buttons)
            ]
        )

    def write(self, owner: str, command: str) -> str:
        data = f"{owner}|{command}"
        if len(data.encode()) <= MOST_BYTES:
            return data
        name = hashlib.sha256(command.encode()).hexdigest()[:16]
        self._long[name] = command
        self._long.move_to_end(name)
        if len(self._long) > KEPT:
            self._long.popitem(last=False)
        return f"{owner}|#{name}"

    def read(self, data: str) -> Press:
        owner, _, command = data.partition("|")
        return Press(owner, self._long.get(command[1:]) if command.startswith("#") else command)
