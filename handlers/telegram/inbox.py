"""What Telegram tells the bot: by long polling, or through a webhook behind the local page's server."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from aiohttp import web
from telegram import Update
from telegram.error import Conflict, InvalidToken, TelegramError, TimedOut
from telegram.ext import ExtBot

from bot.domain.claims import Claim
from bot.errors import ConfigError, StorageError, TryLater
from bot.ports import Claims, Clock
from bot.running import running
from handlers.telegram.faults import AMISS_S, UNSENT, fault
from handlers.telegram.menus import offer_menus
from handlers.telegram.news import UNREADABLE, readable
from handlers.telegram.pace import Rank
from handlers.telegram.pacer import Stopping
from handlers.telegram.talk import Talk
from handlers.telegram.waits import Sleep, Start

log = logging.getLogger(__name__)

HEARD = ["message", "channel_post", "callback_query", "my_chat_member"]
POLL_S = 50
"""How long Telegram holds a question for updates while there are none."""
WORST_WAIT_S = 60.0
TWO_POLLERS_S = 15.0
HOOK_LOOK_S = 600.0
MOST_WAITING = 20
"""Words of one chat that wait for an answer; who says more meanwhile is not heard."""
UPDATE_BYTES = 1024 * 1024
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name
REMEMBERED = 4096
"""Updates come at least once: these many are known by number."""
CLAIMED, CLAIM_AGAIN_S = timedelta(seconds=10), 3.0
"""So long an update is that of whoever answers it, who claims it again while that takes longer: when it dies,
another may have it then."""
HELD_S = 25.0
"""A call of the webhook is answered when what it brought is: Telegram gives up a line that is silent for 50 s
(https://github.com/tdlib/telegram-bot-api, ``WebhookActor``), and brings no more of that chat meanwhile."""
AGAIN_S = 3
"""When Telegram is asked to bring an update again; it keeps it for a day."""
REFUSED = (
    "Telegram does not accept the bot's token. Take the one @BotFather shows for your bot, and put it where "
    "[telegram] token_env or token_file says (without either: in the variable TELEGRAM_BOT_TOKEN)."
)


@dataclass
class Inbox:
    """``webhook_url`` is where Telegram can reach ``webhook``; ``None`` means long polling."""

    bot: ExtBot[Rank]
    talk: Callable[[Start], Talk]
    sleep: Sleep
    webhook_url: str | None
    secret: str
    claims: Claims
    wall: Clock
    _me: str = field(default_factory=lambda: secrets.token_hex(8), init=False)
    _updates: asyncio.Queue[Update] = field(default_factory=asyncio.Queue, init=False)
    _seen: OrderedDict[int, None] = field(default_factory=OrderedDict, init=False)
    _chats: dict[int, deque[Update]] = field(default_factory=dict, init=False)
    _answers: dict[int, asyncio.Future[bool]] = field(default_factory=dict, init=False)
    """Of what the webhook brought: whether it need not come again."""
    _left: bool = field(default=False, init=False)

    async def listen(self) -> None:
        """Hear people until cancelled. Raises ``ConfigError`` for a bad token, and ``StorageError``."""
        self._left = False
        try:
            await self._connect()
            source = self._hook() if self.webhook_url else self._poll()
            async with running(source, offer_menus(self.bot)) as start:
                talk = self.talk(start)
                await talk.resume()
                while True:
                    self._hand_over(await self._updates.get(), talk, start)
        finally:
            self._left = True
            for number in list(self._answers):
                self._end(number, answered=False)

    def _hand_over(self, update: Update, talk: Talk, start: Start) -> None:
        """One chat's updates one after the other, chats side by side."""
        if not self.webhook_url and self._is_known(update):
            return
        chat = update.effective_chat.id if update.effective_chat else 0
        if chat not in self._chats:
            self._chats[chat] = deque([update])
            start(self._work(chat, talk))
        elif len(self._chats[chat]) < MOST_WAITING:
            self._chats[chat].append(update)
        else:
            self._end(update.update_id, answered=True)

    def _is_known(self, update: Update) -> bool:
        if update.update_id in self._seen:
            return True
        self._seen[update.update_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return False

    async def _work(self, chat: int, talk: Talk) -> None:
        mine = self._chats[chat]
        while mine:
            update = mine.popleft()
            answered = await (self._once(update, talk) if self.webhook_url else self._hear(update, talk))
            self._end(update.update_id, answered=answered)
        del self._chats[chat]

    async def _hear(self, update: Update, talk: Talk) -> bool:
        """Whether somebody was, so far as it can be."""
        try:
            await talk.hear(update)
        except StorageError:
            raise
        except Stopping:
            return False
        except Exception:  # one question must not end what every other chat relies on
            log.exception("an update could not be handled", extra={"event": "telegram.bug"})
        return True

    async def _once(self, update: Update, talk: Talk) -> bool:
        """Hear it, unless another process does or did. Returns whether it need not come again."""
        name = f"telegram.{self.bot.id}.{update.update_id}"
        claim = await self.claims.claim(name, self._me, self.wall(), CLAIMED)
        if claim is Claim.OURS:
            async with running(self._keep(name)):
                heard = await self._hear(update, talk)
            if heard:
                await self.claims.settle(name, self.wall())
            return heard
        return claim is Claim.SETTLED

    async def _keep(self, name: str) -> None:
        """It is ours for as long as it takes."""
        while True:
            await asyncio.sleep(CLAIM_AGAIN_S)
            await self.claims.claim(name, self._me, self.wall(), CLAIMED)

    def _end(self, number: int, *, answered: bool) -> None:
        if (answer := self._answers.pop(number, None)) is not None:
            answer.set_result(answered)

    async def _connect(self) -> None:
        """Telegram need not be there when the program starts."""
        wait_s = 1.0
        while True:
            try:
                await self.bot.initialize()
            except InvalidToken:
                raise ConfigError(REFUSED) from None
            except (TelegramError, TryLater, *UNREADABLE) as why:
                log.warning(
                    "Telegram does not answer: %s", why, extra={"event": "telegram.lost", "wait_s": wait_s}
                )
                await self.sleep(wait_s)
                wait_s = min(2 * wait_s, WORST_WAIT_S)
            else:
                log.info("in Telegram as @%s", self.bot.username, extra={"event": "telegram.up"})
                return

    async def _poll(self) -> None:
        """Long polling. A second poller of the same bot is told of, loudly, and waited for."""
        lost, wait_s, after = False, 1.0, None
        await self._unhook()
        while True:
            try:
                hold_s = 0 if lost else POLL_S  # lost: whether it is back is known at once
                updates = await self.bot.get_updates(offset=after, timeout=hold_s, allowed_updates=HEARD)
            except InvalidToken:
                raise ConfigError(REFUSED) from None
            except Conflict as two:
                log.error(
                    "%s: another program polls with the same token", two, extra={"event": "telegram.two"}
                )
                await self.sleep(TWO_POLLERS_S)
            except TelegramError as why:
                if isinstance(why, TimedOut) and not isinstance(why.__cause__, UNSENT):
                    continue  # silence, as long polls have it on a bad line
                if not lost:
                    log.warning("Telegram is lost: %s", why, extra={"event": "telegram.lost"})
                lost = True
                await self.sleep(max(wait_s, fault(why).wait_s))
                wait_s = min(2 * wait_s, WORST_WAIT_S)
            else:
                if lost:
                    log.info("Telegram is back", extra={"event": "telegram.back"})
                lost, wait_s = False, 1.0
                for update in updates:
                    after = update.update_id + 1
                    self._updates.put_nowait(update)

    async def _unhook(self) -> None:
        """Polling and a webhook exclude each other; what waited there is kept."""
        try:
            await self.bot.delete_webhook(rate_limit_args=Rank.ANSWER)
        except (TelegramError, TryLater) as why:
            log.warning("a webhook could not be taken away: %s", why, extra={"event": "telegram.hook"})

    # --- webhook -----------------------------------------------------------------------------------

    @property
    def webhook_path(self) -> str:
        """Where the web server must offer ``webhook``."""
        return urlsplit(self.webhook_url or "").path or "/"

    async def _hook(self) -> None:
        """Tell Telegram our address, and see that it keeps it."""
        known = False
        while True:
            try:
                if not known:
                    await self.bot.set_webhook(
                        self.webhook_url or "",
                        allowed_updates=HEARD,
                        secret_token=self.secret,
                        rate_limit_args=Rank.ANSWER,
                    )
                    known = True
                    log.info("webhook set", extra={"event": "telegram.hook"})
                await self.sleep(HOOK_LOOK_S)
                info = await self.bot.get_webhook_info(rate_limit_args=Rank.CHORE)
                known = info.url == self.webhook_url
            except InvalidToken:
                raise ConfigError(REFUSED) from None
            except (TelegramError, TryLater) as why:
                log.warning("the webhook is not set: %s", why, extra={"event": "telegram.hook"})
                await self.sleep(max(AMISS_S, fault(why).wait_s if isinstance(why, TelegramError) else 0))

    async def webhook(self, request: web.Request) -> web.Response:
        """Takes one update, and answers well once a person was: Telegram brings it again otherwise."""
        shown = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(shown.encode(), self.secret.encode()):
            raise web.HTTPForbidden(text="Only Telegram may speak here.")
        body = await request.clone(client_max_size=UPDATE_BYTES).read()
        try:
            update = Update.de_json(readable(json.loads(body)), self.bot)
        except (ValueError, *UNREADABLE) as why:
            raise web.HTTPBadRequest(text="This is no update.") from why
        if await self._taken(update):
            return web.Response()
        raise web.HTTPServiceUnavailable(headers={"Retry-After": str(AGAIN_S)}, text="Not yet.")

    async def _taken(self, update: Update) -> bool:
        """Whether it need not come again; it may come while it is being answered."""
        if self._left:
            return False
        answer = self._answers.get(update.update_id)
        if answer is None:
            answer = self._answers[update.update_id] = asyncio.get_running_loop().create_future()
            self._updates.put_nowait(update)
        await asyncio.wait({answer}, timeout=HELD_S)
        return answer.done() and answer.result()
