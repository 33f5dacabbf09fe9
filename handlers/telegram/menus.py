"""The menu of commands: by kind of chat, and in the languages we have words for."""

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
from handlers.telegram.pace import Rank

log = logging.getLogger(__name__)

MOST_COMMANDS = 100
ABOUT_UNITS = 256

NOT_HERE = {"ping"}
"""What Telegram has no use for (it knows no roles); typed, it says so."""

ENGLISH = ""
"""Telegram shows it to whoever speaks a language we have no words for."""
ABOUT: dict[str, dict[str, str]] = {
    ENGLISH: {},
    "de": {
        "oi": "Offene Positionen (Open Interest) einer Münze",
        "chart": "Open Interest, Preis und Liquidationen als Bild",
        "liquidations": "Was zwangsweise geschlossen wurde",
        "resets": "Frühere Wellen: wie groß, wie selten, was folgte",
        "wave": "Eine Welle im Ganzen",
        "why": "Wie eine Welle berechnet wurde",
        "subscribe": "Von Wellen hören, zu einigen Münzen oder allen",
        "unsubscribe": "Weniger hören, oder nichts",
        "alerts": "Was dieser Chat bekommt",
        "threshold": "Ab welcher Größe ich mich melde",
        "quiet": "Ruhezeiten",
        "mute": "Eine Weile schweigen",
        "timezone": "Zeitzone dieses Chats",
        "settings": "Alle Einstellungen",
        "test": "Eine Übung auf dem echten Weg",
        "venues": "Welche Börsen ich gerade sehe",
        "status": "Wie es dem Bot geht",
        "help": "Alle Befehle, oder einer mit Beispielen",
        "start": "Was das hier ist",
    },
    "es": {
        "oi": "Interés abierto de una moneda",
        "chart": "Interés abierto, precio y liquidaciones en una imagen",
        "liquidations": "Qué se cerró a la fuerza",
        "resets": "Olas pasadas: tamaño, rareza y qué vino después",
        "wave": "Una ola completa",
        "why": "Cómo se calculó una ola",
        "subscribe": "Recibir avisos de algunas monedas o de todas",
        "unsubscribe": "Recibir menos, o nada",
        "alerts": "Qué recibe este chat",
        "threshold": "A partir de qué tamaño avisar",
        "quiet": "Horas de silencio",
        "mute": "Callar un rato",
        "timezone": "Zona horaria de este chat",
        "settings": "Todos los ajustes",
        "test": "Un simulacro por el camino real",
        "venues": "Qué mercados veo ahora",
        "status": "Cómo está el bot",
        "help": "Todas las órdenes, o una con ejemplos",
        "start": "Qué es esto",
    },
}
"""By language code (ISO 639-1), what a command does; English is the commands' own."""


def menu(language: str, *, configuring: bool) -> list[BotCommand]:
    """What a person is offered; ``configuring`` commands only where that person may use them."""
    words = ABOUT[language]
    offered: Iterable[Command] = (
        c for c in COMMANDS.values() if c.name not in NOT_HERE and (configuring or not c.configures)
    )
    return [
        BotCommand(command.name, words.get(command.name, command.about)[:ABOUT_UNITS])
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
        for language in ABOUT:
            try:
                await bot.set_my_commands(
                    menu(language, configuring=configuring),
                    scope=scope,
                    language_code=language or None,
                    rate_limit_args=Rank.CHORE,
                )
            except (TelegramError, TryLater) as why:
                log.warning("a menu could not be set: %s", why, extra={"event": "telegram.menu"})
