"""Every command once: words in, card out. Faces bind ``COMMANDS`` by a loop and pass lines to ``answer``."""

from handlers.commands import (
    drill,
    liquidations,
    market,
    past,
    quiet,
    settings,
    subscriptions,
    thresholds,
    washout,
    welcome,
)
from handlers.commands.registry import COMMANDS, Ask, Command, answer

__all__ = ["COMMANDS", "Ask", "Command", "answer"]
__all__ += [
    "drill",
    "liquidations",
    "market",
    "past",
    "quiet",
    "settings",
    "subscriptions",
    "thresholds",
    "washout",
    "welcome",
]
