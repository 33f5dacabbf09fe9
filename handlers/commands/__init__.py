"""Every command once: words in, card out. Faces bind ``COMMANDS`` by a loop and pass lines to ``answer``."""

from handlers.commands import (
    chart,
    drill,
    export,
    funding,
    hindsight,
    language,
    later,
    leverage,
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
    "oi leverage resets chart funding liquidations top compare wave why after subscribe alerts threshold "
    "unsubscribe quiet mute timezone language followups digest settings ping test scorecard "
    "export status venues start help"
)

__all__ = ["COMMANDS", "Ask", "Command", "answer"]
__all__ += [
    "chart",
    "drill",
    "export",
    "funding",
    "hindsight",
    "language",
    "later",
    "leverage",
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
