"""What people say and press in Telegram, and what becomes of the chats the bot is in."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from telegram import (
    CallbackQuery,
    Chat,
    ChatMemberAdministrator,
    ChatMemberUpdated,
    MaybeInaccessibleMessage,
    Message,
    Update,
)
from telegram.constants import ChatType
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.domain.cards import Card, Tone
from bot.domain.chats import whole
from bot.domain.posts import Destination
from bot.errors import AskError, DeliveryError, DestinationMoved
from bot.ports import Clock
from handlers.commands import COMMANDS, Ask, answer
from handlers.desk import Desk
from handlers.speech import ENGLISH, N_, _, speaking
from handlers.telegram.links import asked, asking, private_chat
from handlers.telegram.owners import Owners
from handlers.telegram.pace import Rank
from handlers.telegram.pacer import Stopping
from handlers.telegram.people import (
    PLATFORM,
    Person,
    is_private,
    is_there,
    may_configure,
    person_of,
    place_of,
    user,
)
from handlers.telegram.presses import Press, Presses
from handlers.telegram.render import toast
from handlers.telegram.tidy import Tidy
from handlers.telegram.voice import Voice, number_of

log = logging.getLogger(__name__)

TOO_OLD = N_("This button is too old. Say it again, for example /settings")
JUST_GREETED = timedelta(seconds=30)
"""A link that adds the bot (``?startgroup=``) also says /start: the greeting becomes the answer."""


def command_of(text: str) -> tuple[str, str]:
    """A line's command and whom it calls: ``("oi", "washout_bot")``; ``("", "")`` where it is none."""
    if not text.startswith("/"):
        return "", ""
    name, _, whom = text.split()[0][1:].partition("@")
    return name.lower(), whom.lower()


class Talk:
    """One update at a time. ``tidy`` takes away what a group need not keep."""

    def __init__(
        self,
        bot: ExtBot[Rank],
        voice: Voice,
        presses: Presses,
        owners: Owners,
        desk: Desk,
        wall: Clock,
        tidy: Tidy,
    ) -> None:
        self._bot = bot
        self._voice = voice
        self._presses = presses
        self._owners = owners
        self._desk = desk
        self._wall = wall
        self._tidy = tidy
        self._greeted: dict[int, tuple[str, datetime]] = {}

    async def resume(self) -> None:
        """Take up what the last run left. Raises ``StorageError``."""
        await self._tidy.resume()

    async def hear(self, update: Update) -> None:
        """Raises ``StorageError``, and ``Stopping``; a fault of Telegram costs the answer, and is logged."""
        try:
            if (member := update.my_chat_member) is not None:
                await self._membership(member)
            elif (query := update.callback_query) is not None:
                await self._pressed(query)
            elif (message := update.message or update.channel_post) is not None:
                await self._said(message)
        except DestinationMoved as moved:
            log.info("chat moved: %s", moved, extra={"event": "telegram.moved"})
        except Stopping:
            raise
        except DeliveryError as lost:
            log.info("an answer was lost: %s", lost, extra={"event": "telegram.answer_lost"})

    # --- words -------------------------------------------------------------------------------------

    async def _said(self, message: Message) -> None:
        await self._owners.heard(str(message.chat.id))
        if message.migrate_to_chat_id is not None:
            await self._moved(message.chat.id, message.migrate_to_chat_id)
        elif message.migrate_from_chat_id is not None:
            await self._moved(message.migrate_from_chat_id, message.chat.id)
        elif message.is_automatic_forward:
            return  # a channel's post, shown in its group as well: it was said, and heard, in the channel
        elif message.text and self._is_for_me(message.chat, message.text):
            await self._answer(message, message.text)

    def _is_for_me(self, chat: Chat, text: str) -> bool:
        """Alone with a person everything is; among others, commands that call the bot or that it knows."""
        if is_private(chat):
            return True
        name, whom = command_of(text)
        if whom:
            return whom == self._bot.username.lower()
        return name in COMMANDS

    async def _answer(self, message: Message, text: str) -> None:
        place, person = place_of(message), person_of(message)
        alone = is_private(message.chat)
        started = command_of(text)[0] == "start"
        if started or place.chat in self._voice.gone:  # who speaks to the bot lets it speak
            self._voice.gone.discard(place.chat)
            await self._desk.store.chats.back(whole(place), self._wall())
        ask = self._ask(message.chat, place, person)
        card = await answer(self._desk, ask, asked(text) if alone else text)
        if started and await self._greeting_becomes(place, message.chat, card):
            return
        said = await self._voice.say(
            place,
            card,
            rank=Rank.ANSWER,
            reply_to=None if alone else str(message.message_id),
            owner=person.id,
            silent=not alone and (card.private or message.chat.type == ChatType.CHANNEL),
        )
        if card.private and not alone:
            await self._tidy.later(place.chat, number_of(said), message.message_id)

    async def _greeting_becomes(self, place: Destination, chat: Chat, card: Card) -> bool:
        """Whether a greeting that was just said shows the answer to /start now."""
        message, at = self._greeted.pop(chat.id, ("", self._wall()))
        if not message or card.private or place.topic or self._wall() - at > JUST_GREETED:
            return False
        await self._voice.revise(place, message, card, rank=Rank.ANSWER)
        return True

    def _ask(self, chat: Chat, place: Destination, person: Person) -> Ask:
        return Ask(
            place,
            person=person.id,
            person_name=person.name,
            may_configure=partial(may_configure, self._bot, chat, person),
            is_group=not is_private(chat),
            private_chat=private_chat(self._bot.username),
            language=person.language if is_private(chat) else "",
        )

    # --- buttons -----------------------------------------------------------------------------------

    async def _pressed(self, query: CallbackQuery) -> None:
        """Buttons are pressed by anyone who sees them: chat and person are looked at now, not then."""
        message = query.message
        press = self._presses.read(query.data or "")
        if message is None or press.command is None:
            with speaking(query.from_user.language_code or ENGLISH):
                await self._acknowledge(query, _(TOO_OLD))
            return
        place = place_of(message) if isinstance(message, Message) else _whole_chat(message.chat)
        ask = self._ask(message.chat, place, user(query.from_user))
        name = command_of(press.command)[0]
        if not is_private(message.chat) and name in COMMANDS and COMMANDS[name].configures:
            await self._changed(query, message, press, press.command, ask)
        elif message.chat.type == ChatType.CHANNEL:
            await self._asked_in_channel(query, press.command, ask)
        else:
            await self._acknowledge(query)
            card = await answer(self._desk, ask, press.command)
            await self._shown(message, press, card, ask)

    async def _changed(
        self, query: CallbackQuery, message: MaybeInaccessibleMessage, press: Press, command: str, ask: Ask
    ) -> None:
        """Settings among others: told to who pressed alone, and what goes on from there for a minute."""
        words, alarm = "", False
        try:
            card = await answer(self._desk, ask, command)
            refused = card.tone is Tone.WARNING
            words, alarm = ("" if press.owner and not refused else toast(card)), refused or not card.buttons
        finally:
            await self._acknowledge(query, words, alarm=alarm)
        if not alarm:
            await self._shown(message, press, card, ask)

    async def _asked_in_channel(self, query: CallbackQuery, command: str, ask: Ask) -> None:
        """A channel is for all its readers: one of them who asks is answered in private."""
        link = asking(self._bot.username, command)
        if link is not None:
            await self._acknowledge(query, link=link)
        else:
            await self._acknowledge(query, toast(await answer(self._desk, ask, command)), alarm=True)

    async def _shown(self, message: MaybeInaccessibleMessage, press: Press, card: Card, ask: Ask) -> None:
        """A private card changes in place for whom it is; everything else is said anew."""
        place, among = ask.destination, not is_private(message.chat)
        if (
            isinstance(message, Message)
            and card.private
            and card.picture is None
            and not message.photo
            and await self._is_for(press.owner, ask)
        ):
            await self._voice.revise(
                place, str(message.message_id), card, rank=Rank.ANSWER, owner=press.owner
            )
            return
        said = await self._voice.say(
            place,
            card,
            rank=Rank.ANSWER,
            reply_to=str(message.message_id) if among else None,
            owner=ask.person,
            silent=among and card.private,
        )
        if card.private and among:
            await self._tidy.later(place.chat, number_of(said))

    async def _is_for(self, owner: str, ask: Ask) -> bool:
        """A card that somebody asked for in the name of the chat is for all its administrators."""
        if not owner.startswith("-"):
            return owner == ask.person
        try:
            return await ask.may_configure()
        except AskError:
            return False

    async def _acknowledge(
        self, query: CallbackQuery, text: str = "", *, alarm: bool = True, link: str | None = None
    ) -> None:
        """Ends the button's waiting. ``text`` is seen by who pressed alone, with ``alarm`` until they
        close it; ``link`` opens for them."""
        try:
            await self._bot.answer_callback_query(
                query.id,
                text=text or None,
                show_alert=alarm and bool(text),
                url=link,
                rate_limit_args=Rank.ANSWER,
            )
        except (TelegramError, DeliveryError) as late:
            log.info("a button was answered too late: %s", late, extra={"event": "telegram.late"})

    # --- chats -------------------------------------------------------------------------------------

    async def _membership(self, change: ChatMemberUpdated) -> None:
        """Put aside what a chat gets while the bot is not there, and greet who adds it.

        Who unblocks the bot presses Start, which is answered.
        """
        place = _whole_chat(change.chat)
        await self._owners.heard(place.chat)
        was, is_now = is_there(change.old_chat_member), is_there(change.new_chat_member)
        if not is_now:
            await self._left(change, place)
        elif not was:
            restored = await self._desk.store.chats.back(place, self._wall())
            log.info(
                "in a chat", extra={"event": "telegram.in", "destination": place.key, "restored": restored}
            )
            moved_here = not restored and await self._desk.store.subscriptions.of(place)
            if _may_greet(change) and not moved_here:
                await self._greet(change, place, restored)

    async def _left(self, change: ChatMemberUpdated, place: Destination) -> None:
        kept = [s for s in await self._desk.store.subscriptions.all() if whole(s.destination) == place]
        await self._desk.store.chats.leave(place, self._wall())
        self._voice.gone.add(place.chat)
        log.info("left a chat", extra={"event": "telegram.left", "destination": place.key})
        if not is_private(change.chat):
            title = change.chat.title or place.chat
            await self._owners.removed(title, kept, by=str(change.from_user.id))

    async def _greet(self, change: ChatMemberUpdated, place: Destination, restored: int) -> None:
        """A channel without a sound: it is for its readers."""
        adder = user(change.from_user)
        ask = replace(self._ask(change.chat, place, adder), restored=restored, language=adder.language)
        silent = change.chat.type == ChatType.CHANNEL
        card = await answer(self._desk, ask, "/start")
        said = await self._voice.say(place, card, rank=Rank.ANSWER, silent=silent)
        self._greeted = {
            chat: (message, at)
            for chat, (message, at) in self._greeted.items()
            if self._wall() - at <= JUST_GREETED
        } | {change.chat.id: (said, self._wall())}

    async def _moved(self, old: int, new: int) -> None:
        """A group became a supergroup. It is told twice, in the old chat and in the new one."""
        chats, place = self._desk.store.chats, Destination(PLATFORM, str(old))
        await chats.back(place, self._wall())  # Telegram may have said first that the old one is left
        await chats.rename(place, str(new))
        log.info("chat moved", extra={"event": "telegram.moved", "destination": place.key, "to": new})


def _whole_chat(chat: Chat) -> Destination:
    return whole(Destination(PLATFORM, str(chat.id)))


def _may_greet(change: ChatMemberUpdated) -> bool:
    """In a channel only with the right to post."""
    if change.chat.type == ChatType.CHANNEL:
        member = change.new_chat_member
        return isinstance(member, ChatMemberAdministrator) and bool(member.can_post_messages)
    return not is_private(change.chat)
