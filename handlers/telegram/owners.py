"""Whoever subscribed a chat learns that it hears no more, where they speak with the bot alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from telegram import ChatMember
from telegram.constants import ChatMemberStatus
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.domain.cards import Card, Line, Tone, plain
from bot.domain.posts import Destination, Subscription
from bot.errors import DeliveryError, DestinationGone, TryLater
from handlers.telegram.faults import Muted
from handlers.telegram.pace import Rank
from handlers.telegram.people import PLATFORM
from handlers.telegram.voice import Voice

log = logging.getLogger(__name__)


class Owners:
    def __init__(self, bot: ExtBot[Rank], voice: Voice) -> None:
        self._bot = bot
        self._voice = voice

    async def tell(self, destination: Destination, kept: Iterable[Subscription], why: DeliveryError) -> None:
        """Tell those who made the subscriptions ``kept`` of a destination that refused a card."""
        chat = destination.chat
        gone = isinstance(why, DestinationGone) and not why.topic_only
        name = f"the chat {chat}" if gone else await self._name(chat)
        if destination.topic and not gone:
            name = f"a topic of {name}"
        owners = people(kept)
        if owners:
            for owner in sorted(owners - {chat}):
                await self._told(owner, closed_card(name, why))
        elif isinstance(why, Muted):
            for owner in await self._administrators(chat):
                if await self._told(owner, closed_card(name, why)):
                    return

    async def removed(self, title: str, kept: Iterable[Subscription], by: str) -> None:
        """Tell them that the bot was taken out of the chat; whoever did it, ``by``, knows."""
        card = Card(
            title="I was removed from a chat you subscribed",
            tone=Tone.WARNING,
            lines=(Line(f"{plain(title)}: its alerts are put aside. Add me there again and they go on."),),
        )
        for owner in sorted(people(kept) - {by}):
            await self._told(owner, card)

    async def _told(self, owner: str, card: Card) -> bool:
        try:
            await self._voice.say(Destination(PLATFORM, owner), card, rank=Rank.EDIT)
        except DeliveryError as refused:
            log.info("nobody to tell: %s", refused, extra={"destination": f"{PLATFORM}:{owner}"})
            return False
        return True

    async def _name(self, chat: str) -> str:
        """Its title, and its number where Telegram does not say."""
        try:
            found = await self._bot.get_chat(chat, rate_limit_args=Rank.CHORE)
        except (TelegramError, TryLater):
            return f"the chat {chat}"
        return plain(found.title or found.full_name or chat)

    async def _administrators(self, chat: str) -> list[str]:
        """Of a chat that was subscribed in its own name: its creator first."""
        try:
            found = await self._bot.get_chat_administrators(chat, rate_limit_args=Rank.CHORE)
        except (TelegramError, TryLater):
            return []
        return [str(m.user.id) for m in sorted(found, key=_is_not_creator) if not m.user.is_bot]


def people(kept: Iterable[Subscription]) -> set[str]:
    """Users among those who subscribed: their ids are positive, chats' are not."""
    return {s.created_by for s in kept if s.created_by.isdigit()}


def closed_card(name: str, why: DeliveryError) -> Card:
    again = (
        "The subscription stays. Let me speak there again, and the next wave is told"
        if isinstance(why, Muted)
        else "Once I may speak there again, `/subscribe` in it begins anew"
    )
    return Card(
        title="A chat you subscribed cannot be told any more",
        tone=Tone.WARNING,
        lines=(Line(f"Telegram says of {name}: {plain(str(why))}."), Line(f"{again}.")),
    )


def _is_not_creator(member: ChatMember) -> bool:
    return member.status != ChatMemberStatus.OWNER
