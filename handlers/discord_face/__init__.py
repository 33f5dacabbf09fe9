"""Discord: slash commands, buttons and alerts, within what it allows. ``import discord`` is the library."""

from handlers.discord_face.answers import PLATFORM
from handlers.discord_face.bot import API, GATEWAY, open_discord
from handlers.discord_face.messenger import DiscordFace

__all__ = ["API", "GATEWAY", "PLATFORM", "DiscordFace", "open_discord"]
