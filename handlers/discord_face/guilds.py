"""Servers come and go: first contact, being removed, channels and threads that end, rights that change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import discord

from bot.domain.cards import Card, Line, Tone
from bot.domain.chats import whole
from bot.domain.posts import Destination
from bot.errors import DeliveryError
from bot.ports import Messenger
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.discord_face.answers import PLATFORM

log = logging.getLogger(__name__)


class Guilds:
    """What happens to the servers the bot is in. ``speak`` sends."""

    def __init__(self, desk: Desk, speak: Messenger) -> None:
        self._desk = desk
        self._speak = speak
        self._told: set[Destination] = set()
        self._one_by_one = asyncio.Lock()
        """The library runs the handlers of events side by side; being added and removed have an order."""

    async def met(self, guild: discord.Guild, *, still: Callable[[int], object | None]) -> None:
        """Greet a server once for each time the bot is added, also where that was missed while away.

        ``still`` finds a server by its id, where the bot has not left it again.
        """
        async with self._one_by_one:
            if still(guild.id) is not None:
                await self._greet(guild)

    async def _greet(self, guild: discord.Guild) -> None:
        mark = f"discord.met.{guild.id}"
        if await self._desk.store.journal.kept(mark):
            return
        await self._desk.store.journal.keep(mark, b"yes")
        await self.restore(guild)
        channel = speaking_channel(guild)
        if channel is None:
            log.info("nowhere to say hello", extra={"event": "discord.joined", "guild": guild.id})
            return
        here = Destination(PLATFORM, str(channel.id))
        hello = await answer(self._desk, Ask(destination=here, is_group=True), "/start")
        await self._say(here, hello)

    async def restore(self, guild: discord.Guild) -> None:
        """Alerts that were put aside go on, wherever the bot may write (again)."""
        for channel in guild.channels:
            if may_speak(channel):
                here = Destination(PLATFORM, str(channel.id))
                if restored := await self._desk.store.chats.back(here, self._desk.wall()):
                    self._told.discard(here)
                    log.info("%d subscriptions restored", restored, extra={"destination": here.key})

    async def left(self, guild: discord.Guild) -> None:
        """The bot was removed: what its channels get is put aside."""
        async with self._one_by_one:
            await self._desk.store.journal.keep(f"discord.met.{guild.id}", b"")
            theirs = {str(channel.id) for channel in guild.channels}
            for here in await self._subscribed():
                if here.chat in theirs:
                    await self._desk.store.chats.leave(here, self._desk.wall())

    async def channel_gone(self, channel_id: int) -> None:
        here = Destination(PLATFORM, str(channel_id))
        if here in await self._subscribed():
            await self._desk.store.chats.leave(here, self._desk.wall())

    async def thread_gone(self, parent_id: int, thread_id: int) -> None:
        """Only the thread: its channel goes on."""
        here = Destination(PLATFORM, str(parent_id), str(thread_id))
        await self._desk.store.subscriptions.remove(here)
        await self._desk.store.posts.forget(here)

    async def barred(self, guild: discord.Guild, here: Destination) -> None:
        """Tell a server's people, elsewhere, that the bot may not write where it should."""
        channel = speaking_channel(guild)
        if here in self._told or channel is None or str(channel.id) == here.chat:
            return
        self._told.add(here)
        card = Card(
            title="I may not post where I should",
            tone=Tone.WARNING,
            lines=(
                Line(f"The alerts of <#{here.topic or here.chat}> are put aside", 9),
                Line("I need there: View Channel, Send Messages, Embed Links, Attach Files", 9),
                Line("Once I have them, say `/start` there, or `/subscribe` again"),
            ),
        )
        await self._say(Destination(PLATFORM, str(channel.id)), self._desk.sign(card))

    async def _say(self, here: Destination, card: Card) -> None:
        try:
            await self._speak.send(here, card)
        except DeliveryError as fault:
            log.info("not said: %s", fault, extra={"event": "discord.unsaid", "destination": here.key})

    async def _subscribed(self) -> set[Destination]:
        every = await self._desk.store.subscriptions.all()
        return {whole(s.destination) for s in every if s.destination.platform == PLATFORM}


def speaking_channel(guild: discord.Guild) -> discord.TextChannel | None:
    """The server's system channel, or the first in which the bot may write."""
    system = guild.system_channel
    if system is not None and may_speak(system):
        return system
    return next((channel for channel in guild.text_channels if may_speak(channel)), None)


def may_speak(channel: Any) -> bool:
    """By what the library knows of roles and overwrites."""
    me = channel.guild.me
    if me is None:
        return False
    may: discord.Permissions = channel.permissions_for(me)
    return may.view_channel and may.send_messages and may.embed_links
