"""What people say and press in Telegram, and what becomes of the chats the bot is in."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from telegram import CallbackQuery, Chat, ChatMemberUpdated, Message, Update
from telegram.constants import ChatType
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.domain.cards import Tone
from bot.domain.chats import whole
from bot.domain.posts import Destination
from bot.errors import DeliveryError, DestinationMoved
from bot.ports import Clock
from handlers.commands import COMMANDS, Ask, answer
from handlers.desk import Desk
from handlers.telegram.pace import Rank
from handlers.telegram.people import (
    PLATFORM,
    Person,
    is_group,
    is_there,
    may_configure,
    person_of,
    place_of,
    user,
)
from handlers.telegram.presses import Presses
from handlers.telegram.render import toast
from handlers.telegram.voice import Voice, number_of

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]
Start = Callable[[Coroutine[Any, Any, None]], None]

TIDY_AFTER_S = 60.0
"""So long a group sees what was meant for one person."""
TOO_OLD = "This button is too old. Say it again, for example /settings"


def command_of(text: str) -> tuple[str, str]:
    """A line's command and whom it calls: ``("oi", "washout_bot")``; ``("", "")`` where it is none."""
    if not text.startswith("/"):
        return "", ""
    name, _, whom = text.split()[0][1:].partition("@")
    return name.lower(), whom.lower()


class Talk:
    """One update at a time. ``start`` begins something that outlasts the update (tidying up)."""

    def __init__(
        self,
        bot: ExtBot[Rank],
        voice: Voice,
        presses: Presses,
        desk: Desk,
        wall: Clock,
        sleep: Sleep,
        start: Start,
    ) -> None:
        self._bot = bot
        self._voice = voice
        self._presses = presses
        self._desk = desk
        self._wall = wall
        self._sleep = sleep
        self._start = start

    async def hear(self, update: Update) -> None:
        """Raises ``StorageError``; a fault of Telegram costs the answer, and is logged."""
        try:
            if (member := update.my_chat_member) is not None:
                await self._membership(member)
            elif (query := update.callback_query) is not None:
                await self._pressed(query)
            elif (message := update.message or update.channel_post) is not None:
                await self._said(message)
        except DestinationMoved as moved:
            log.info("chat moved: %s", moved, extra={"event": "telegram.moved"})
        except DeliveryError as lost:
            log.info("an answer was lost: %s", lost, extra={"event": "telegram.answer_lost"})

    # --- words -------------------------------------------------------------------------------------

    async def _said(self, message: Message) -> None:
        if message.migrate_to_chat_id is not None:
            await self._moved(message.chat.id, message.migrate_to_chat_id)
        elif message.migrate_from_chat_id is not None:
            await self._moved(message.migrate_from_chat_id, message.chat.id)
        elif message.text and self._is_for_me(message.chat, message.text):
            await self._answer(message, message.text)

    def _is_for_me(self, chat: Chat, text: str) -> bool:
        """Alone with a person everything is; among others, commands that call the bot or that it knows."""
        if chat.type == ChatType.PRIVATE:
            return True
        name, whom = command_of(text)
        if whom:
            return whom == self._bot.username.lower()
        return name in COMMANDS

    async def _answer(self, message: Message, text: str) -> None:
        place, person = place_of(message), person_of(message)
        alone = message.chat.type == ChatType.PRIVATE
        card = await answer(self._desk, self._ask(message.chat, place, person), text)
        said = await self._voice.say(
            place,
            card,
            rank=Rank.ANSWER,
            reply_to=None if alone else str(message.message_id),
            owner=person.id,
            silent=message.chat.type == ChatType.CHANNEL,
        )
        if card.private and not alone:
            self._start(self._tidy(place, [number_of(said), message.message_id]))

    def _ask(self, chat: Chat, place: Destination, person: Person) -> Ask:
        return Ask(
            place,
            person=person.id,
            person_name=person.name,
            may_configure=partial(may_configure, self._bot, chat, person),
            is_group=chat.type != ChatType.PRIVATE,
            private_chat=f"https://t.me/{self._bot.username}",
        )

    async def _tidy(self, place: Destination, messages: list[int]) -> None:
        """A group need not keep what was one person's business."""
        await self._sleep(TIDY_AFTER_S)
        try:
            await self._voice.unsay(place.chat, messages)
        except DeliveryError as refused:
            log.debug("not tidied up: %s", refused)

    # --- buttons -----------------------------------------------------------------------------------

    async def _pressed(self, query: CallbackQuery) -> None:
        """Buttons are pressed by anyone who sees them: chat and person are looked at now, not then."""
        message = query.message
        press = self._presses.read(query.data or "")
        if message is None or press.command is None:
            await self._acknowledge(query, TOO_OLD)
            return
        chat, person = message.chat, user(query.from_user)
        place = place_of(message) if isinstance(message, Message) else _whole_chat(chat)
        name = command_of(press.command)[0]
        quietly = is_group(chat) and name in COMMANDS and COMMANDS[name].configures
        if not quietly:
            await self._acknowledge(query)
        card = await answer(self._desk, self._ask(chat, place, person), press.command)
        mine = press.owner == person.id and isinstance(message, Message) and not message.photo
        if mine and card.private and card.picture is None:
            if quietly:
                await self._acknowledge(query, toast(card) if card.tone is Tone.WARNING else "")
            if card.tone is not Tone.WARNING or not quietly:
                await self._voice.revise(
                    place, str(message.message_id), card, rank=Rank.ANSWER, owner=person.id
                )
            return
        if quietly:
            await self._acknowledge(query, toast(card))
            if not card.buttons or card.tone is Tone.WARNING:
                return
        said = await self._voice.say(
            place,
            card,
            rank=Rank.ANSWER,
            reply_to=str(message.message_id) if is_group(chat) else None,
            owner=person.id,
        )
        if card.private and is_group(chat):
            self._start(self._tidy(place, [number_of(said)]))

    async def _acknowledge(self, query: CallbackQuery, text: str = "") -> None:
        """Ends the button's waiting; ``text`` is seen by who pressed alone, until they close it."""
        try:
            await self._bot.answer_callback_query(
                query.id, text=text or None, show_alert=bool(text), rate_limit_args=Rank.ANSWER
            )
        except (TelegramError, DeliveryError) as late:
            log.info("a button was answered too late: %s", late, extra={"event": "telegram.late"})

    # --- chats -------------------------------------------------------------------------------------

    async def _membership(self, change: ChatMemberUpdated) -> None:
        """Put aside what a chat gets while the bot is not there, and greet a group that adds it.

        Who unblocks the bot presses Start, which is answered; a channel is for its readers: no greeting.
        """
        chats, chat = self._desk.store.chats, change.chat
        place = _whole_chat(chat)
        was, is_now = is_there(change.old_chat_member), is_there(change.new_chat_member)
        if not is_now:
            await chats.leave(place, self._wall())
            log.info("left a chat", extra={"event": "telegram.left", "destination": place.key})
        elif not was:
            restored = await chats.back(place, self._wall())
            log.info(
                "in a chat", extra={"event": "telegram.in", "destination": place.key, "restored": restored}
            )
            if is_group(chat):
                ask = self._ask(chat, place, user(change.from_user))
                await self._voice.say(place, await answer(self._desk, ask, "/start"), rank=Rank.ANSWER)

    async def _moved(self, old: int, new: int) -> None:
        """A group became a supergroup. It is told twice, in the old chat and in the new one."""
        chats, place = self._desk.store.chats, Destination(PLATFORM, str(old))
        await chats.back(place, self._wall())  # Telegram may have said first that the old one is left
        await chats.rename(place, str(new))
        log.info("chat moved", extra={"event": "telegram.moved", "destination": place.key, "to": new})


def _whole_chat(chat: Chat) -> Destination:
    return whole(Destination(PLATFORM, str(chat.id)))
