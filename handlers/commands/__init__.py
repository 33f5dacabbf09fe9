"""Every command once: words in, card out. Faces bind ``COMMANDS`` by a loop and pass lines to ``answer``."""

from handlers.commands import (
    chart,
    drill,
    hindsight,
    language,
    later,
    liquidations,
    market,
    past,
    quiet,
    settings,
    subscriptions,
    thresholds,
    washout,
    welcome,
    why,
)
from handlers.commands.registry import COMMANDS, Ask, Command, answer, in_order

in_order(
    "oi resets chart wave why after subscribe alerts threshold unsubscribe quiet mute timezone language "
    "followups digest settings ping test scorecard status venues start help"
)

__all__ = ["COMMANDS", "Ask", "Command", "answer"]
__all__ += [
    "chart",
    "drill",
    "hindsight",
    "language",
    "later",
    "liquidations",
    "market",
    "past",
    "quiet",
    "settings",
    "subscriptions",
    "thresholds",
    "washout",
    "welcome",
    "why",
]
