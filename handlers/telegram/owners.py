"""Whoever subscribed a chat learns that it hears no more, where they speak with the bot alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
from telegram import ChatMember
from telegram.constants import ChatMemberStatus
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.domain.bot_news import Heard
from bot.domain.cards import Card, Line, Tone, plain
from bot.domain.chats import silent_until
from bot.domain.posts import Destination, Subscription
from bot.errors import DeliveryError, DestinationGone, PlaceClosed, TryLater
from bot.ports import Clock, Store
from handlers.phrases import titled
from handlers.speech import ENGLISH, N_, _, speaking, spoken
from handlers.telegram.pace import Rank
from handlers.telegram.pacer import Tell
from handlers.telegram.people import PLATFORM
from handlers.telegram.voice import Voice

log = logging.getLogger(__name__)

IN_WORDS = {
    "topic_closed": N_("the topic is closed"),
    "topic_deleted": N_("the topic was deleted"),
    "message thread not found": N_("the topic was deleted"),
    "chat_write_forbidden": N_("I may not write there"),
    "chat_restricted": N_("the chat is restricted"),
    "peer_id_invalid": N_("chat not found"),
}
"""What Telegram says as a code, or in words of its own trade."""


MUTED_FOR = timedelta(minutes=10)
"""So long a place that does not let the bot speak is not asked again, unless something is heard there."""
KEPT = "telegram.closed"


class Closed(msgspec.Struct, frozen=True):
    """A place that does not let us speak since ``at``; ``told``: its owners know, or cannot be told."""

    at: datetime
    why: str
    told: bool


class Owners:
    """Also remembers who knows already, over restarts: everyone is told once."""

    def __init__(self, bot: ExtBot[Rank], voice: Voice, store: Store, wall: Clock) -> None:
        self._bot = bot
        self._voice = voice
        self._store = store
        self._wall = wall
        self._closed: dict[str, Closed] | None = None
        self._heard: set[str] = set()
        self.pass_on: Tell | None = None
        """Where others speak for the same bot: tells them."""

    async def check(self, destination: Destination) -> None:
        """Raises ``PlaceClosed`` for a place that said a short while ago that the bot may not speak there."""
        closed = (await self._all()).get(destination.key)
        if closed is None or not closed.told or destination.chat in self._heard:
            return
        if self._wall() - closed.at < MUTED_FOR:
            raise PlaceClosed(closed.why)

    async def heard(self, chat: str) -> None:
        """Rights may have changed, or a topic was opened again: the next post finds out, whoever sends it."""
        self._heard.add(chat)
        if self.pass_on is not None:
            await self.pass_on(Heard(chat))

    def heard_elsewhere(self, chat: str) -> None:
        """As ``heard``, by another process of the bot."""
        self._heard.add(chat)

    async def closed(self, destination: Destination, why: DeliveryError) -> None:
        """A place refused us: tell its owners, unless they know. Raises ``StorageError``."""
        everywhere = await self._all()
        before = everywhere.get(destination.key)
        told = before is not None and before.told
        if not told:
            told = await self.tell(destination, await self._store.subscriptions.of(destination), why)
        if isinstance(why, PlaceClosed):
            self._heard.discard(destination.chat)
            await self._remember(destination, Closed(self._wall(), str(why), told))

    async def opened(self, destination: Destination) -> None:
        """It was spoken there. Raises ``StorageError``."""
        if destination.key in await self._all():
            await self._remember(destination, None)

    async def _all(self) -> dict[str, Closed]:
        if self._closed is None:
            self._closed = _everywhere(await self._store.journal.kept(KEPT))
        return self._closed

    async def _remember(self, destination: Destination, closed: Closed | None) -> None:
        """Another process may have remembered other places meanwhile: only this one is changed."""

        def changed(kept: bytes | None) -> bytes:
            everywhere = _everywhere(kept)
            everywhere.pop(destination.key, None)
            if closed is not None:
                everywhere[destination.key] = closed
            return msgspec.json.encode(everywhere)

        self._closed = _everywhere(await self._store.journal.amend(KEPT, changed))

    async def tell(self, destination: Destination, kept: Iterable[Subscription], why: DeliveryError) -> bool:
        """Tell those who made the subscriptions ``kept`` of a destination that refused a card.

        Returns whether that is settled: everyone was told who can be, and Telegram asked nobody to wait.
        """
        chat = destination.chat
        gone = isinstance(why, DestinationGone) and not why.topic_only
        title = "" if gone else await self._title(chat)
        owners = people(kept)

        def card() -> Card:
            name = plain(title) or _("the chat {number}").format(number=chat)
            if destination.topic and not gone:
                name = _("a topic of {chat}").format(chat=name)
            return closed_card(name, why)

        try:
            if owners:
                for owner in sorted(owners - {chat}):
                    await self._told(owner, card)
            elif isinstance(why, PlaceClosed):
                for owner in await self._administrators(chat):
                    if await self._told(owner, card):
                        break
        except TryLater:
            return False
        return True

    async def removed(self, title: str, kept: Iterable[Subscription], by: str) -> None:
        """Tell them that the bot was taken out of the chat; whoever did it, ``by``, knows."""

        def card() -> Card:
            aside = _("{chat}: its alerts are put aside. Add me there again and they go on.")
            return Card(
                title=_("I was removed from a chat you subscribed"),
                tone=Tone.WARNING,
                lines=(Line(aside.format(chat=plain(title))),),
                language=spoken(),
            )

        for owner in sorted(people(kept) - {by}):
            with suppress(TryLater):
                await self._told(owner, card)

    async def _told(self, owner: str, card: Callable[[], Card]) -> bool:
        """Whether there was somebody to tell: in their language, and without a sound where they want none.

        Raises ``TryLater``.
        """
        there = Destination(PLATFORM, owner)
        chosen = await self._store.chats.settings(there)
        silent = silent_until(chosen, self._wall()) is not None
        try:
            with speaking(chosen.language or ENGLISH):
                await self._voice.say(there, card(), rank=Rank.EDIT, silent=silent)
        except TryLater:
            raise
        except DeliveryError as refused:
            log.info("nobody to tell: %s", refused, extra={"destination": f"{PLATFORM}:{owner}"})
            return False
        return True

    async def _title(self, chat: str) -> str:
        """Empty where Telegram does not say."""
        try:
            found = await self._bot.get_chat(chat, rate_limit_args=Rank.CHORE)
        except (TelegramError, TryLater):
            return ""
        return found.title or found.full_name or ""

    async def _administrators(self, chat: str) -> list[str]:
        """Of a chat that was subscribed in its own name: its creator first."""
        try:
            found = await self._bot.get_chat_administrators(chat, rate_limit_args=Rank.CHORE)
        except (TelegramError, TryLater):
            return []
        return [str(m.user.id) for m in sorted(found, key=_is_not_creator) if not m.user.is_bot]


def _everywhere(kept: bytes | None) -> dict[str, Closed]:
    return msgspec.json.decode(kept, type=dict[str, Closed]) if kept else {}


def people(kept: Iterable[Subscription]) -> set[str]:
    """Users among those who subscribed: their ids are positive, chats' are not."""
    return {s.created_by for s in kept if s.created_by.isdigit()}


def closed_card(name: str, why: DeliveryError) -> Card:
    match why:
        case PlaceClosed():
            again = _("The subscription stays. Let me speak there again, and the next wave is told")
        case DestinationGone(topic_only=True):
            again = _("`/subscribe` in another topic begins anew")
        case _other:
            again = _("Its alerts are put aside. Once I am there again they go on")
    return Card(
        title=_("A chat you subscribed cannot be told any more"),
        tone=Tone.WARNING,
        lines=(Line(titled(f"**{name}**", plain(reason(why)))), Line(again)),
        language=spoken(),
    )


def reason(why: DeliveryError) -> str:
    """Telegram's words, where they are words."""
    text = str(why).removeprefix("Forbidden: ")
    said = next((_(ours) for code, ours in IN_WORDS.items() if code in text.lower()), text)
    return said[:1].lower() + said[1:] if said[1:2].islower() else said


def _is_not_creator(member: ChatMember) -> bool:
    return member.status != ChatMemberStatus.OWNER
