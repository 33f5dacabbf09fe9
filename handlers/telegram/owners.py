"""Whoever subscribed a chat learns that it hears no more, where they speak with the bot alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress

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

IN_WORDS = {
    "topic_closed": "the topic is closed",
    "topic_deleted": "the topic was deleted",
    "chat_write_forbidden": "I may not write there",
    "chat_restricted": "the chat is restricted",
    "peer_id_invalid": "chat not found",
}
"""What Telegram says as a code."""


class Owners:
    def __init__(self, bot: ExtBot[Rank], voice: Voice) -> None:
        self._bot = bot
        self._voice = voice

    async def tell(self, destination: Destination, kept: Iterable[Subscription], why: DeliveryError) -> bool:
        """Tell those who made the subscriptions ``kept`` of a destination that refused a card.

        Returns whether that is settled: everyone was told who can be, and Telegram asked nobody to wait.
        """
        chat = destination.chat
        gone = isinstance(why, DestinationGone) and not why.topic_only
        name = f"the chat {chat}" if gone else await self._name(chat)
        if destination.topic and not gone:
            name = f"a topic of {name}"
        owners = people(kept)
        card = closed_card(name, why)
        try:
            if owners:
                for owner in sorted(owners - {chat}):
                    await self._told(owner, card)
            elif isinstance(why, Muted):
                for owner in await self._administrators(chat):
                    if await self._told(owner, card):
                        break
        except TryLater:
            return False
        return True

    async def removed(self, title: str, kept: Iterable[Subscription], by: str) -> None:
        """Tell them that the bot was taken out of the chat; whoever did it, ``by``, knows."""
        card = Card(
            title="I was removed from a chat you subscribed",
            tone=Tone.WARNING,
            lines=(Line(f"{plain(title)}: its alerts are put aside. Add me there again and they go on."),),
        )
        for owner in sorted(people(kept) - {by}):
            with suppress(TryLater):
                await self._told(owner, card)

    async def _told(self, owner: str, card: Card) -> bool:
        """Whether there was somebody to tell. Raises ``TryLater``."""
        try:
            await self._voice.say(Destination(PLATFORM, owner), card, rank=Rank.EDIT)
        except TryLater:
            raise
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
    match why:
        case Muted():
            again = "The subscription stays. Let me speak there again, and the next wave is told"
        case DestinationGone(topic_only=True):
            again = "`/subscribe` in another topic begins anew"
        case _:
            again = "Its alerts are put aside. Once I am there again they go on"
    return Card(
        title="A chat you subscribed cannot be told any more",
        tone=Tone.WARNING,
        lines=(Line(f"**{name}**: {plain(reason(why))}"), Line(again)),
    )


def reason(why: DeliveryError) -> str:
    """Telegram's words, where they are words."""
    text = str(why).removeprefix("Forbidden: ")
    said = next((ours for code, ours in IN_WORDS.items() if code in text.lower()), text)
    return said[:1].lower() + said[1:] if said[1:2].islower() else said


def _is_not_creator(member: ChatMember) -> bool:
    return member.status != ChatMemberStatus.OWNER
