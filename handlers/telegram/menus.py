"""The menu of commands: by kind of chat, and in every language that is spoken."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from telegram import (
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeDefault,
)
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.errors import TryLater
from handlers.commands import COMMANDS, Command
from handlers.speech import ENGLISH, LANGUAGES, _, speaking
from handlers.telegram.pace import Rank

log = logging.getLogger(__name__)

MOST_COMMANDS = 100
ABOUT_UNITS = 256

NOT_HERE = {"ping"}
"""What Telegram has no use for (it knows no roles); typed, it says so."""


def menu(language: str, *, configuring: bool) -> list[BotCommand]:
    """What a person is offered; ``configuring`` commands only where that person may use them."""
    offered: Iterable[Command] = (
        c for c in COMMANDS.values() if c.name not in NOT_HERE and (configuring or not c.configures)
    )
    with speaking(language):
        return [
            BotCommand(command.name, _(command.about)[:ABOUT_UNITS])
            for command in list(offered)[:MOST_COMMANDS]
        ]


SCOPES: tuple[tuple[BotCommandScope, bool], ...] = (
    (BotCommandScopeDefault(), False),
    (BotCommandScopeAllPrivateChats(), True),
    (BotCommandScopeAllGroupChats(), False),
    (BotCommandScopeAllChatAdministrators(), True),
)
"""Who sees a menu, and whether settings are on it."""


async def offer_menus(bot: ExtBot[Rank]) -> None:
    """Telegram keeps them; without them every command can still be typed."""
    for scope, configuring in SCOPES:
        for language in LANGUAGES:
            try:
                await bot.set_my_commands(
                    menu(language, configuring=configuring),
                    scope=scope,
                    language_code=None if language == ENGLISH else language,  # English is for all others
                    rate_limit_args=Rank.CHORE,
                )
            except (TelegramError, TryLater) as why:
                log.warning("a menu could not be set: %s", why, extra={"event": "telegram.menu"})
