"""Servers come and go: first contact, being removed, channels and threads that end, rights that change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

import discord
from msgspec.structs import replace

from bot.domain.cards import Card, Line, Tone, plain
from bot.domain.chats import silent_until, whole
from bot.domain.posts import Destination
from bot.errors import DeliveryError, TryLater
from bot.ports import Messenger
from handlers.commands import Ask, answer
from handlers.desk import Desk
from handlers.discord_face.answers import PLATFORM
from handlers.discord_face.guard import Sleep
from handlers.speech import _, speaking

log = logging.getLogger(__name__)


class Speaks(Messenger, Protocol):
    """What is needed of the face."""

    async def direct(self, person: int) -> Destination: ...


class Guilds:
    """What happens to the servers the bot is in. ``speak`` sends."""

    def __init__(self, desk: Desk, speak: Speaks, sleep: Sleep) -> None:
        self._desk = desk
        self._speak = speak
        self._sleep = sleep
        self._told: set[Destination] = set()
        self._one_by_one = asyncio.Lock()
        """The library runs the handlers of events side by side; being added and removed have an order."""

    async def met(self, guild: discord.Guild, *, still: Callable[[int], object | None]) -> None:
        """Greet a server once for each time the bot is added, also where that was missed while away.

        ``still`` finds a server by its id, where the bot has not left it again. Tried again for as long as
        Discord says later; where the bot may write nowhere, whatever opens a channel comes here again.
        """
        while True:
            async with self._one_by_one:
                if still(guild.id) is None:
                    return
                wait = await self._greet(guild)
            if wait is None:
                return
            await self._sleep(wait.total_seconds())

    async def _greet(self, guild: discord.Guild) -> timedelta | None:
        """How long to wait before it is tried again, where it has to be."""
        mark = f"discord.met.{guild.id}"
        if await self._desk.store.journal.kept(mark):
            return None
        restored = await self.restore(guild)
        channel = speaking_channel(guild)
        if channel is None:
            log.info("nowhere to say hello", extra={"event": "discord.joined", "guild": guild.id})
            return None
        here = Destination(PLATFORM, str(channel.id))
        ask = Ask(destination=here, is_group=True, restored=restored, language=str(guild.preferred_locale))
        hello = await answer(self._desk, ask, "/start")
        try:
            await self._speak.send(here, hello)
        except TryLater as later:
            return later.retry_after
        except DeliveryError as fault:
            _unsaid(fault, here)
        await self._desk.store.journal.keep(mark, b"yes")
        return None

    async def restore(self, guild: discord.Guild) -> int:
        """Alerts that were put aside go on, wherever the bot may write (again): so many subscriptions."""
        count = 0
        for channel in guild.channels:
            if may_speak(channel):
                here = Destination(PLATFORM, str(channel.id))
                if restored := await self._desk.store.chats.back(here, self._desk.wall()):
                    count += restored
                    self._told.discard(here)
                    log.info("%d subscriptions restored", restored, extra={"destination": here.key})
        return count

    async def left(self, guild: discord.Guild) -> None:
        """The bot was removed: what its channels get is put aside."""
        async with self._one_by_one:
            await self._desk.store.journal.keep(f"discord.met.{guild.id}", b"")
            theirs = {str(channel.id) for channel in guild.channels}
            for here in await self._subscribed():
                if here.chat in theirs:
                    await self._desk.store.chats.leave(here, self._desk.wall())

    async def channel_gone(self, channel_id: int) -> None:
        await self._desk.store.chats.leave(Destination(PLATFORM, str(channel_id)), self._desk.wall())

    async def thread_gone(self, parent_id: int, thread_id: int) -> None:
        """Only the thread: its channel goes on."""
        here = Destination(PLATFORM, str(parent_id), str(thread_id))
        await self._desk.store.subscriptions.remove(here)
        await self._desk.store.posts.forget(here)

    async def subscribers(self, here: Destination) -> Sequence[int]:
        """Who asked for what a channel or thread gets, each once."""
        people = (s.created_by for s in await self._desk.store.subscriptions.of(here))
        return [int(person) for person in dict.fromkeys(people) if person.isdecimal()]

    async def barred(self, guild: discord.Guild, here: Destination, people: Sequence[int]) -> None:
        """Tell somebody, elsewhere and once, that the bot may not write where it should.

        In the server where it may write there; else the first of ``people`` who takes direct messages.
        """
        if here in self._told:
            return
        self._told.add(here)
        channel = speaking_channel(guild, but=here.chat)
        if channel is not None and await self._warn(Destination(PLATFORM, str(channel.id)), guild, here):
            return
        for person in people:
            try:
                there = await self._speak.direct(person)
            except DeliveryError as fault:
                _unsaid(fault, here)
                continue
            if await self._warn(there, guild, here):
                return

    async def _warn(self, there: Destination, guild: discord.Guild, here: Destination) -> bool:
        """Whether it was said there: in that chat's language, and without a sound where it wants none."""
        chosen = await self._desk.settings(there)
        with speaking(chosen.language or str(guild.preferred_locale)):
            card = self._desk.sign(_barred_card(guild, here))
        silent = silent_until(chosen, self._desk.wall()) is not None
        try:
            await self._speak.send(there, replace(card, silent=silent))
        except DeliveryError as fault:
            _unsaid(fault, there)
            return False
        return True

    async def _subscribed(self) -> set[Destination]:
        every = await self._desk.store.subscriptions.all()
        return {whole(s.destination) for s in every if s.destination.platform == PLATFORM}


def _barred_card(guild: discord.Guild, here: Destination) -> Card:
    threads = "Send Messages in Threads" if here.topic else "Send Messages"
    aside = _("The alerts of {channel} in {server} are put aside")
    if here.topic:
        aside = _("The alerts of {channel} in {server} wait")
    needs = _("I need there: {permissions}")
    return Card(
        title=_("I may not post where I should"),
        tone=Tone.WARNING,
        lines=(
            Line(aside.format(channel=f"<#{here.topic or here.chat}>", server=plain(guild.name)), 9),
            Line(needs.format(permissions=f"View Channel, {threads}, Embed Links, Attach Files"), 9),
            Line(_("They go on once I have that. If not, say `/start` there")),
        ),
    )


def _unsaid(fault: DeliveryError, here: Destination) -> None:
    log.info("not said: %s", fault, extra={"event": "discord.unsaid", "destination": here.key})


def speaking_channel(guild: discord.Guild, *, but: str = "") -> discord.TextChannel | None:
    """The server's system channel, or the first in which the bot may write; never ``but``."""
    system = guild.system_channel
    every = [system, *guild.text_channels] if system else guild.text_channels
    return next((channel for channel in every if str(channel.id) != but and may_speak(channel)), None)


def may_speak(channel: Any) -> bool:
    """By what the library knows of roles and overwrites."""
    me = channel.guild.me
    if me is None:
        return False
    may: discord.Permissions = channel.permissions_for(me)
    return may.view_channel and may.send_messages and may.embed_links
