"""Says cards in Telegram: a message with a picture and words under it, or words alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from telegram import InputFile, InputMediaPhoto, LinkPreviewOptions, Message, ReplyParameters
from telegram.constants import ParseMode
from telegram.error import BadRequest
from telegram.ext import ExtBot

from bot.domain.cards import Card
from bot.domain.posts import Destination
from bot.errors import CardRefused
from handlers.telegram.faults import Reaction, delivering, fault
from handlers.telegram.pace import Rank
from handlers.telegram.pictures import NoPictureError, Pictures
from handlers.telegram.presses import Presses
from handlers.telegram.render import caption_html, message_html

log = logging.getLogger(__name__)

WITH_PICTURE = "p"
"""Stands behind the number of a message that was sent with a picture: what is edited there is its caption."""
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
FIRST = "<"
"""Stands in our name of a reply before the number of the first message: the louder ones all reply to it."""
WORDS_WILL_DO = {Reaction.WITHOUT_PICTURE, Reaction.UPLOAD}


def number_of(message: str) -> int:
    return int(message.partition(FIRST)[0].removesuffix(WITH_PICTURE))


def first_of(message: str) -> int:
    """The message with which it began."""
    return number_of(message.partition(FIRST)[2] or message)


def is_pictured(message: str) -> bool:
    return message.partition(FIRST)[0].endswith(WITH_PICTURE)


def _name(sent: Message, reply_to: str | None, mark: str = "") -> str:
    return f"{sent.message_id}{mark}" + (f"{FIRST}{first_of(reply_to)}" if reply_to else "")


class Voice:
    """Raises ``DeliveryError`` and nothing else. ``owner`` is who a private card is for."""

    def __init__(self, bot: ExtBot[Rank], pictures: Pictures, presses: Presses) -> None:
        self._bot = bot
        self._pictures = pictures
        self._presses = presses
        self.gone: set[str] = set()
        """Chats that refused us, or that we were taken out of, since the start."""

    async def say(
        self,
        to: Destination,
        card: Card,
        *,
        rank: Rank,
        reply_to: str | None = None,
        owner: str = "",
        silent: bool = False,
    ) -> str:
        """Returns our name of the message."""
        where: dict[str, Any] = {
            "chat_id": to.chat,
            "message_thread_id": int(to.topic) if to.topic else None,
            "reply_parameters": _reply(reply_to),
            "disable_notification": silent,
            "reply_markup": self._presses.keyboard(card, owner),
            "parse_mode": ParseMode.HTML,
            "rate_limit_args": rank,
        }
        with delivering():
            if card.attachment is not None:
                file = InputFile(card.attachment.body, card.attachment.name)
                filed = await self._bot.send_document(document=file, caption=caption_html(card), **where)
                return _name(filed, reply_to)
            if card.picture is not None and (sent := await self._with_picture(card, where)) is not None:
                return _name(sent, reply_to, WITH_PICTURE)
            sent = await self._bot.send_message(
                text=message_html(card), link_preview_options=NO_PREVIEW, **where
            )
            return _name(sent, reply_to)
        raise CardRefused("Telegram took the message for one it has")

    async def _with_picture(self, card: Card, where: dict[str, Any]) -> Message | None:
        """``None`` where there can be no picture, or none in this chat."""
        if card.picture is None:
            return None

        async def use(photo: bytes | str) -> Message:
            return await self._bot.send_photo(photo=photo, caption=caption_html(card), **where)

        try:
            return await self._pictures.show(card.picture.chart, use)
        except NoPictureError:
            return None
        except BadRequest as refused:
            if fault(refused).reaction not in WORDS_WILL_DO:
                raise
            log.warning("no picture: %s", refused.message, extra={"event": "telegram.no_picture"})
            return None

    async def revise(self, to: Destination, message: str, card: Card, *, rank: Rank, owner: str = "") -> None:
        """Edit in place. A message of words is given its picture once there is one."""
        pictured = is_pictured(message)
        which: dict[str, Any] = {
            "chat_id": to.chat,
            "message_id": number_of(message),
            "reply_markup": self._presses.keyboard(card, owner),
            "rate_limit_args": rank,
        }
        with delivering():
            if card.picture is not None and await self._new_picture(card, which, pictured=pictured):
                return
            which["parse_mode"] = ParseMode.HTML
            if not pictured:
                try:
                    await self._bot.edit_message_text(
                        text=message_html(card), link_preview_options=NO_PREVIEW, **which
                    )
                    return
                except BadRequest as refused:
                    if fault(refused).reaction is not Reaction.CAPTION:
                        raise
            await self._bot.edit_message_caption(caption=caption_html(card), **which)

    async def _new_picture(self, card: Card, which: dict[str, Any], *, pictured: bool) -> bool:
        """Whether the message shows the card with its picture now."""
        if card.picture is None:
            return False

        async def use(photo: bytes | str) -> Message:
            media = InputMediaPhoto(photo, caption=caption_html(card), parse_mode=ParseMode.HTML)
            edited = await self._bot.edit_message_media(media=media, **which)
            if not isinstance(edited, Message):
                raise CardRefused("Telegram does not say what it shows")
            return edited

        try:
            await self._pictures.show(card.picture.chart, use)
        except NoPictureError:
            return False
        except BadRequest as refused:
            reaction = fault(refused).reaction
            if reaction is Reaction.DONE:
                return True
            if reaction in WORDS_WILL_DO or not pictured:  # a server may refuse to add one to words
                return False
            raise
        return True

    async def unsay(self, chat: str, messages: Sequence[int]) -> None:
        """Delete what may be deleted: the bot's own, and others' where it is an administrator."""
        for message in messages:
            with delivering():
                await self._bot.delete_message(chat, message, rate_limit_args=Rank.CHORE)


def _reply(to: str | None) -> ReplyParameters | None:
    return ReplyParameters(first_of(to), allow_sending_without_reply=True) if to else None
