"""Every command once: words in, card out. Faces bind ``COMMANDS`` by a loop and pass lines to ``answer``."""

from handlers.commands import market, past, subscriptions, thresholds, washout
from handlers.commands.registry import COMMANDS, Ask, Command, answer

__all__ = ["COMMANDS", "Ask", "Command", "answer", "market", "past", "subscriptions", "thresholds", "washout"]
