"""The Telegram face: speaks (``Messenger``) and listens, and knows no market."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from telegram.error import InvalidToken
from telegram.ext import ExtBot

from bot.domain.bot_news import BotNews, Heard
from bot.domain.cards import Card
from bot.domain.posts import Destination
from bot.errors import ConfigError, DestinationGone, PlaceClosed
from bot.ports import Clock, Store
from handlers.desk import Desk
from handlers.telegram.faults import Wire
from handlers.telegram.inbox import REFUSED, Inbox
from handlers.telegram.news import NewsWire
from handlers.telegram.owners import Owners
from handlers.telegram.pace import Rank, share_of
from handlers.telegram.pacer import Pacer, Tell
from handlers.telegram.people import PLATFORM
from handlers.telegram.pictures import Draw, Pictures
from handlers.telegram.presses import Presses
from handlers.telegram.talk import Talk
from handlers.telegram.tidy import Tidy
from handlers.telegram.voice import Voice
from handlers.telegram.waits import Sleep, Start

log = logging.getLogger(__name__)

CONNECT_S, READ_S, WRITE_S, UPLOAD_S = 5.0, 15.0, 10.0, 20.0
"""All of one call together stay well below the minute for which a post is claimed."""
CONNECTIONS = 64


class Options(Protocol):
    """What the operator may choose; the table ``[telegram]``."""

    @property
    def api_base(self) -> str: ...
    @property
    def mode(self) -> str:
        """``polling`` or ``webhook``."""
        ...

    @property
    def webhook_url(self) -> str | None:
        """Where Telegram can reach ``Face.inbox.webhook``."""
        ...


@asynccontextmanager
async def open_telegram(
    options: Options,
    token: str,
    desk: Desk,
    store: Store,
    draw: Draw,
    *,
    wall: Clock,
    webhook_secret: str = "",
    sleep: Sleep = asyncio.sleep,
    speed: float = 1.0,
) -> AsyncIterator[Face]:
    """Opens the lines to Telegram and closes them; ``Face.listen`` must run beside ``deliver``.

    ``speed``: how much faster than the wall the seconds of its limits pass, beside a service that agrees.
    Raises ``ConfigError`` for a token or a webhook's secret that cannot be one.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", webhook_secret):
        raise ConfigError("The secret of Telegram's webhook must be 1-256 of the letters A-Z a-z 0-9 _ -")
    _keep_out_of_logs(token)
    pacer = Pacer(speed)
    lines = (
        Wire(
            CONNECTIONS,
            read_timeout=READ_S,
            write_timeout=WRITE_S,
            connect_timeout=CONNECT_S,
            pool_timeout=CONNECT_S,
            media_write_timeout=UPLOAD_S,
        ),
        NewsWire(2, read_timeout=READ_S, connect_timeout=CONNECT_S),
    )
    try:
        bot = ExtBot(
            token,
            base_url=f"{options.api_base}/bot",
            base_file_url=f"{options.api_base}/file/bot",
            request=lines[0],
            get_updates_request=lines[1],
            rate_limiter=pacer,
        )
    except InvalidToken:
        raise ConfigError(REFUSED) from None
    presses = Presses()
    voice = Voice(bot, Pictures(draw), presses)
    owners = Owners(bot, voice, store, wall)

    def talk(start: Start) -> Talk:
        return Talk(bot, voice, presses, owners, desk, wall, Tidy(voice, store.journal, wall, sleep, start))

    hook = options.webhook_url if options.mode == "webhook" else None
    secret = webhook_secret or secrets.token_urlsafe(32)
    inbox = Inbox(bot, talk, sleep, hook, secret, store.claims, wall)
    try:
        yield Face(voice, owners, inbox, pacer)
    finally:
        await pacer.shutdown()
        await asyncio.gather(*(line.shutdown() for line in lines))


@dataclass
class Face:
    """``send`` and ``edit`` raise ``DeliveryError`` and nothing else."""

    voice: Voice
    owners: Owners
    inbox: Inbox
    pacer: Pacer
    platform: str = field(default=PLATFORM, init=False)

    async def listen(self) -> None:
        """Hear people until cancelled. Raises ``ConfigError`` for a bad token, and ``StorageError``."""
        await self.inbox.listen()

    def share(self, lane: bool, answerers: int) -> None:
        """Where other processes use the same bot: whether this one has the lane, and of how many answerers it
        is one (0: of none)."""
        self.pacer.share(share_of(lane=lane, answerers=answerers))

    def join(self, tell: Tell) -> None:
        """Where other processes use the same bot: ``tell`` them what this one does. ``hear`` is for what they
        tell."""
        self.pacer.join(tell)
        self.owners.pass_on = tell

    def hear(self, whose: str, news: BotNews) -> None:
        """What another process of the bot, named ``whose``, tells of itself."""
        match news:
            case Heard(chat):
                self.owners.heard_elsewhere(chat)
            case _:
                self.pacer.hear(whose, news)

    def stop_waiting(self) -> None:
        """What waits for its turn is put off, so that stopping takes no longer than what is under way."""
        self.pacer.close()

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        await self.owners.check(destination)
        try:
            said = await self.voice.say(
                destination, card, rank=Rank.LOUD, reply_to=reply_to, silent=card.silent
            )
        except (DestinationGone, PlaceClosed) as closed:
            if isinstance(closed, DestinationGone) and not closed.topic_only:
                self.voice.gone.add(destination.chat)
            await self.owners.closed(destination, closed)
            raise
        await self.owners.opened(destination)
        return said

    async def edit(self, destination: Destination, message: str, card: Card) -> None:
        await self.voice.revise(destination, message, card, rank=Rank.EDIT)


class _Cut(logging.Filter):
    """httpx logs every address it asks, and the Bot API has the token in it."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = record.getMessage().replace(self._token, "•••"), None
        return True


def _keep_out_of_logs(token: str) -> None:
    logger = logging.getLogger("httpx")
    if not any(isinstance(each, _Cut) and each._token == token for each in logger.filters):
        logger.addFilter(_Cut(token))
