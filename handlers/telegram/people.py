"""Who says it, where, and what they may: read from an update, and asked of Telegram only when needed."""

from __future__ import annotations

from typing import NamedTuple

from telegram import Chat, ChatMember, Message, User
from telegram.constants import ChatMemberStatus, ChatType
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.domain.posts import Destination
from bot.errors import AskError, TryLater
from handlers.speech import _
from handlers.telegram.pace import Rank

PLATFORM = "telegram"
ADMINISTRATORS = {ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR}


class Person(NamedTuple):
    """``id`` is the user's, or the chat's in whose name somebody speaks."""

    id: str
    name: str
    sender_chat: Chat | None = None
    language: str = ""


def place_of(message: Message) -> Destination:
    """The chat, and the topic where it is a forum; a thread of replies elsewhere is no topic."""
    topic = str(message.message_thread_id) if message.is_topic_message else ""
    return Destination(PLATFORM, str(message.chat.id), topic)


def is_private(chat: Chat) -> bool:
    return chat.type == ChatType.PRIVATE


def is_group(chat: Chat) -> bool:
    return chat.type in (ChatType.GROUP, ChatType.SUPERGROUP)


def person_of(message: Message) -> Person:
    """Anonymous administrators and channels speak in the name of a chat; ``from`` is then a stand-in.

    A post without any sender is the channel's own (both fields are optional there).
    """
    unsigned = message.chat if message.chat.type == ChatType.CHANNEL and not message.from_user else None
    if (sender := message.sender_chat or unsigned) is not None:
        return Person(str(sender.id), message.author_signature or sender.title or "", sender)
    return user(message.from_user) if message.from_user else Person("", "")


def user(who: User) -> Person:
    name = f"@{who.username}" if who.username else who.full_name
    return Person(str(who.id), name, language=who.language_code or "")


async def may_configure(bot: ExtBot[Rank], chat: Chat, person: Person) -> bool:
    """Whether a person may change the settings of a chat, asked of Telegram at this moment.

    Everybody in a private chat; elsewhere its creator and administrators, also anonymous (they speak as the
    chat, as every post of a channel does) and as the channel linked to a group. A channel's readers press
    its buttons in their own name. Raises ``AskError`` where Telegram does not say.
    """
    if is_private(chat):
        return True
    sender = person.sender_chat
    try:
        if sender is None:
            found = await bot.get_chat_administrators(chat.id, rate_limit_args=Rank.ANSWER)
            return any(str(m.user.id) == person.id and m.status in ADMINISTRATORS for m in found)
        if sender.id == chat.id:
            return True
        if sender.type != ChatType.CHANNEL or not is_group(chat):
            return False
        whole = await bot.get_chat(chat.id, rate_limit_args=Rank.ANSWER)
        return whole.linked_chat_id == sender.id
    except (TelegramError, TryLater) as why:
        raise AskError(
            _("Telegram does not tell me who administers this chat just now. Try again in a minute.")
        ) from why


def is_there(member: ChatMember) -> bool:
    """Whether a member (here: the bot) is in the chat."""
    if member.status == ChatMemberStatus.RESTRICTED:
        return bool(getattr(member, "is_member", False))
    return member.status in ADMINISTRATORS | {ChatMemberStatus.MEMBER}
