"""Sending and editing on Discord: one request in flight per channel, every fault named."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from hashlib import blake2b
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import discord
import msgspec

from bot.domain.cards import Card
from bot.domain.posts import Destination
from bot.errors import DestinationGone, MessageGone, TryLater
from handlers.desk import Desk
from handlers.discord_face.answers import PLATFORM, Answers, Reply, prepared
from handlers.discord_face.faults import HOURLY, SOON, Barred, Revoked, ThreadBarred, translated
from handlers.discord_face.guard import Guard, Sleep
from handlers.discord_face.guilds import Guilds
from handlers.discord_face.pictures import DrawPng, Pictures

log = logging.getLogger(__name__)

T = TypeVar("T")

CALL = timedelta(seconds=45)
"""One send or edit takes no longer; delivery claims a post for a minute."""


class DiscordFace:
    """See ``bot.ports.Messenger``. ``Destination.chat`` is a channel, ``topic`` a thread in it."""

    platform = PLATFORM

    def __init__(
        self, desk: Desk, draw: DrawPng, guard: Guard, *, defer_after_s: float, sleep: Sleep
    ) -> None:
        self._pictures = Pictures(draw)
        self.guard = guard
        self._said = Nonces()
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self.tasks: set[asyncio.Task[None]] = set()
        self.answers = Answers(desk, self._pictures, defer_after_s)
        self.guilds = Guilds(desk, self, sleep)
        self.client: discord.Client | None = None
        """Logged in; ``None`` before, and while Discord cannot be reached."""
        self.over = ""
        """Why nothing is said any more: the token was taken back, or the gateway refused for good."""

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        channel = self._channel(destination)
        more: dict[str, Any] = {}
        if reply_to is not None:
            more["reference"] = discord.MessageReference(
                message_id=_snowflake(reply_to), channel_id=channel.id, fail_if_not_exists=False
            )

        async def call(reply: Reply) -> str:
            if files := reply.files():
                more["files"] = files
            if reply.view:
                more["view"] = reply.view
            name = nonce(destination, card, reply_to)
            message = await channel.send(
                reply.rendered.content or None,
                embed=reply.rendered.embed,
                mention_author=False,
                allowed_mentions=_mentions(reply),
                nonce=self._said.of(name),
                silent=card.silent,
                **more,
            )
            self._said.again(name)
            return str(message.id)

        return await self._call(destination, card, call)

    async def edit(self, destination: Destination, message: str, card: Card) -> None:
        partial = self._channel(destination).get_partial_message(_snowflake(message))

        async def call(reply: Reply) -> None:
            await partial.edit(  # its content stays: the roles that were pinged
                embed=reply.rendered.embed,
                attachments=reply.files(),  # the new picture takes the place of the old one
                view=reply.view,
                allowed_mentions=discord.AllowedMentions.none(),
            )

        await self._call(destination, card, call)

    async def _call(self, destination: Destination, card: Card, call: Callable[[Reply], Awaitable[T]]) -> T:
        """Draw, wait for the channel's turn, ask; whatever goes wrong is a ``DeliveryError``."""
        target = int(destination.topic or destination.chat)
        turn = self._turns.setdefault(target, asyncio.Lock())
        try:
            with translated(topic=bool(destination.topic)):
                async with asyncio.timeout(CALL.total_seconds()):
                    reply = await prepared(card, self._pictures)
                    async with turn:
                        self._may_speak()
                        return await call(reply)
        except Revoked as gone:
            self.over = str(gone)
            log.error("Discord no longer accepts the token", extra={"event": "discord.revoked"})
            raise
        except (Barred, ThreadBarred):
            await self._tell_barred(destination)
            raise

    async def direct(self, person: int) -> Destination:
        """The direct messages with a person. Raises ``DeliveryError`` where there can be none."""
        with translated():
            channel = await self._may_speak().create_dm(discord.Object(person))
        return Destination(PLATFORM, str(channel.id))

    def _may_speak(self) -> discord.Client:
        """The client, where a request may be made now; raises ``TryLater`` where not."""
        if self.over:
            raise TryLater(self.over, retry_after=HOURLY)
        if self.client is None:
            raise TryLater("Discord is not reached at the moment", retry_after=SOON)
        self.guard.check()
        return self.client

    def _channel(self, destination: Destination) -> discord.PartialMessageable:
        client = self._may_speak()
        try:
            return client.get_partial_messageable(int(destination.topic or destination.chat))
        except ValueError:
            raise DestinationGone(f"{destination.key} is not the id of a channel") from None

    async def _tell_barred(self, destination: Destination) -> None:
        """Beside delivery, which puts aside meanwhile: so it is asked first who subscribed."""
        channel = self.client.get_channel(int(destination.chat)) if self.client else None
        guild: discord.Guild | None = getattr(channel, "guild", None)
        if guild is not None:
            people = await self.guilds.subscribers(destination)
            self.later(self.guilds.barred(guild, destination, people))

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside delivery; ``live`` ends it with the face."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            log.error("a server was not told", exc_info=fault, extra={"event": "discord.failed"})


def nonce(destination: Destination, card: Card, reply_to: str | None) -> str:
    """What is said, where: the same across a restart. At most 25 characters."""
    said = msgspec.json.encode((destination, card, reply_to))
    return blake2b(said, digest_size=10).hexdigest()


class Nonces:
    """A message that is tried again keeps its nonce, so Discord returns the first and posts no second.

    What is said again once it was accepted (another drill, a second hello) has another, or Discord would
    keep it back. Discord remembers nonces for some minutes; the newest ``KEPT`` outlast them at any pace.
    """

    KEPT = 10_000

    def __init__(self) -> None:
        self._accepted: OrderedDict[str, int] = OrderedDict()

    def of(self, said: str) -> str:
        """At most 25 characters (Discord developer documentation, "Create Message")."""
        return f"{said}{self._accepted.get(said, 0):x}"[:25]

    def again(self, said: str) -> None:
        """It was accepted: the next such message is another one."""
        self._accepted[said] = self._accepted.pop(said, 0) + 1
        if len(self._accepted) > self.KEPT:
            self._accepted.popitem(last=False)


def _mentions(reply: Reply) -> discord.AllowedMentions:
    roles = [discord.Object(role, type=discord.Role) for role in reply.rendered.pings]
    return discord.AllowedMentions(everyone=False, users=False, roles=roles or False, replied_user=False)


def _snowflake(message: str) -> int:
    try:
        return int(message)
    except ValueError:
        raise MessageGone(f"{message} is not the id of a message") from None
