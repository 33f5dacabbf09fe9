"""The bot on Discord: a gateway connection that hears people, and a ``Messenger`` that keeps alerts true."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from time import monotonic
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.errors import ConfigError
from handlers.desk import Desk
from handlers.discord_face.answers import DEFER_AFTER_S
from handlers.discord_face.guard import Guard, Sleep
from handlers.discord_face.guilds import may_speak
from handlers.discord_face.messenger import DiscordFace
from handlers.discord_face.pictures import DrawPng
from handlers.discord_face.shards import Alone, Gate, Shards
from handlers.discord_face.slash import Words, add_commands

log = logging.getLogger(__name__)

API = Route.BASE
GATEWAY = str(DiscordWebSocket.DEFAULT_GATEWAY)
INTENTS = discord.Intents(guilds=True)
"""Servers, channels and threads. None that Discord calls privileged."""
LONGEST_WAIT_S = 30.0
"""A longer rate limit is waited for by delivery, not in the library (its least value)."""
PAUSES_S = (6.5, 120.0)
"""Between attempts to log in: doubled from the first to the last, with a fifth of chance in it.

Discord takes one IDENTIFY in 5 s and 1,000 in a day; more cost the token (its documentation, "Identifying").
"""
FIRST_LOOK_S = 3.0
"""A bad token is told of before anything else begins; a Discord that is slow to say no holds up nobody."""
ALONE = Alone()
NO_MENTIONS = discord.AllowedMentions.none()
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody speaks here


class _Client(discord.Client):
    """The library's client: it is told what to ask for, and tells the face what happened."""

    def __init__(
        self, face: DiscordFace, trace: aiohttp.TraceConfig, gate: Gate | None, shards: Shards | None
    ) -> None:
        part: dict[str, Any] = {"shard_ids": shards.ids, "shard_count": shards.of} if shards else {}
        super().__init__(
            **part,
            intents=INTENTS,
            http_trace=trace,
            max_ratelimit_timeout=LONGEST_WAIT_S,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            allowed_mentions=NO_MENTIONS,
        )
        self.face = face
        self._gate = gate
        self._offers = gate is not None and (shards is None or shards.first == 0)
        self._at_once = 0
        self.tree = _Tree(self)
        add_commands(self.tree, face.answers.desk, face.answers.typed)

    async def setup_hook(self) -> None:
        """Replaces the whole set of commands; one of the same name keeps its id."""
        if not self._offers:
            return
        try:
            await self.tree.set_translator(Words())
            await self.tree.sync()
        except (discord.HTTPException, app_commands.CommandSyncFailure) as fault:
            log.error("commands not offered: %s", fault, extra={"event": "discord.commands"})

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """How many may do so at once is Discord's word: ``max_concurrency`` of its gateway."""
        if shard_id is None or self._gate is None:
            return
        if not self._at_once:
            try:
                told = await self.http.request(Route("GET", "/gateway/bot"))
                self._at_once = max(1, int(told["session_start_limit"]["max_concurrency"]))
            except (discord.HTTPException, LookupError, TypeError, ValueError):
                self._at_once = 1
        await self._gate.identify(shard_id % self._at_once)
        if not initial and isinstance(self._gate, Alone):
            await super().before_identify_hook(shard_id, initial=initial)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        if interaction.type in (discord.InteractionType.component, discord.InteractionType.modal_submit):
            await self.face.answers.used(interaction)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self._met(guild)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        self._met(guild)

    def _met(self, guild: discord.Guild) -> None:
        self.face.later(self.face.guilds.met(guild, still=self.get_guild))

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self.face.guilds.left(guild)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self.face.guilds.channel_gone(channel.id)

    async def on_raw_thread_delete(self, thread: discord.RawThreadDeleteEvent) -> None:
        await self.face.guilds.thread_gone(thread.parent_id, thread.thread_id)

    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        if may_speak(after) and not may_speak(before):
            await self._opened(after.guild)

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        if before.permissions != after.permissions:
            await self._opened(after.guild)

    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """Told of the bot itself without any intent for members."""
        if after == after.guild.me:
            await self._opened(after.guild)

    async def _opened(self, guild: discord.Guild) -> None:
        """The bot may write where it might not: what waited for that goes on."""
        await self.face.guilds.restore(guild)
        self._met(guild)

    async def on_error(self, event_method: str, /, *args: Any, **_: Any) -> None:
        """Called within the handling of a fault of ours in an event."""
        log.exception("event %s failed", event_method, extra={"event": "discord.failed"})
        if args and isinstance(args[0], discord.Interaction):
            await self.face.answers.apologise(args[0])


class _Sharded(_Client, discord.AutoShardedClient):
    """With several gateway connections."""


class _Tree(app_commands.CommandTree["_Client"]):
    async def on_error(
        self, interaction: discord.Interaction[_Client], error: app_commands.AppCommandError, /
    ) -> None:
        log.error("a command failed", exc_info=error, extra={"event": "discord.failed"})
        await self.client.face.answers.apologise(interaction)


_PASSING = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError, TimeoutError)
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)
"""Of the library, on an answer or event that is not what it maps: a new connection may go on."""
_FINAL = (discord.LoginFailure, discord.PrivilegedIntentsRequired, discord.ConnectionClosed)


def _advice(fault: Exception) -> str:
    """For the operator; without the library's words, which might hold anything."""
    if isinstance(fault, discord.ConnectionClosed):
        what = {
            4004: "the token is not accepted",
            4011: "the bot is in 2,500 servers or more: run it with --shards, see docs/discord.md",
        }
        return f"Discord closed the gateway for good ({what.get(fault.code, f'code {fault.code}')})"
    if isinstance(fault, discord.PrivilegedIntentsRequired):
        return "Discord refused the intents that were asked for (code 4014)"
    return "Discord does not accept the token: reset it in the developer portal, under Bot, and set it anew"


async def _live(
    face: DiscordFace,
    token: str,
    begun: asyncio.Event,
    sleep: Sleep,
    chance: Callable[[], float],
    *,
    gate: Gate | None,
    shards: Shards | None,
) -> None:
    """Stay logged in until cancelled. Sets ``begun`` after the first attempt.

    Raises ``ConfigError`` where the very first one is refused; later on the other chats go on without.
    """
    pause, most = PAUSES_S
    try:
        while not face.over:
            try:
                await _once(face, token, begun, gate, shards)
            except _FINAL as fault:
                face.over = _advice(fault)
                if not begun.is_set():
                    raise ConfigError(face.over) from None
                log.error("%s", face.over, extra={"event": "discord.over"})
                return
            except _PASSING as fault:
                what = type(fault).__name__
                log.warning("Discord is not reached (%s)", what, extra={"event": "discord.lost"})
            except _UNREADABLE:
                log.exception("Discord said what the library cannot read", extra={"event": "discord.unread"})
            begun.set()
            await sleep(pause * (0.8 + 0.4 * chance()))
            pause = min(pause * 2, most)
    finally:
        for task in face.tasks:
            task.cancel()


async def _once(
    face: DiscordFace, token: str, begun: asyncio.Event, gate: Gate | None, shards: Shards | None
) -> None:
    kind = _Sharded if shards else _Client
    async with kind(face, face.guard.trace(), gate, shards) as client:
        await client.login(token)
        face.client = client
        begun.set()
        try:
            if gate is None:
                await asyncio.Event().wait()
            else:
                async with gate.listen() as lost:
                    await _listen(client, lost)
        finally:
            face.client = None


async def _listen(client: discord.Client, lost: asyncio.Event) -> None:
    """Until somebody else may; raises as ``client.connect``."""
    connecting, losing = asyncio.ensure_future(client.connect()), asyncio.ensure_future(lost.wait())
    try:
        await asyncio.wait({connecting, losing}, return_when=asyncio.FIRST_COMPLETED)
        if connecting.done():
            connecting.result()
    finally:
        losing.cancel()
        connecting.cancel()
        await asyncio.wait({connecting})


@contextmanager
def _addressed(api_base: str, gateway: str) -> Iterator[None]:
    """Where the library finds Discord: class attributes that its own clients read; put back afterwards."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = api_base, yarl.URL(gateway)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


@asynccontextmanager
async def open_discord(
    token: str,
    desk: Desk,
    draw: DrawPng,
    *,
    api_base: str = API,
    gateway: str = GATEWAY,
    gate: Gate | None = ALONE,
    shards: Shards | None = None,
    defer_after_s: float = DEFER_AFTER_S,
    sleep: Sleep = asyncio.sleep,
    chance: Callable[[], float] = random.random,
) -> AsyncIterator[DiscordFace]:
    """Talk on Discord while the block lasts; yields its ``Messenger`` when login was tried, or is slow.

    ``draw`` makes PNGs (``open_studio``). Without a ``gate`` it only sends and edits: nobody is heard.
    A Discord that cannot be reached is tried again by itself. Raises
    ``ConfigError`` where the token is not accepted.
    """
    logging.getLogger("discord").setLevel(logging.INFO)  # its debug lines hold tokens of interactions
    face = DiscordFace(desk, draw, Guard(monotonic), defer_after_s=defer_after_s, sleep=sleep)
    begun = asyncio.Event()
    with _addressed(api_base, gateway):
        try:
            async with asyncio.TaskGroup() as group:
                life = group.create_task(_live(face, token, begun, sleep, chance, gate=gate, shards=shards))
                try:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(begun.wait(), FIRST_LOOK_S)
                    yield face
                finally:
                    life.cancel()
        except BaseExceptionGroup as failures:
            first = failures.exceptions[0]
            raise first from first.__cause__
