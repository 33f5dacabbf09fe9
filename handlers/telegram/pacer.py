"""Lets the requests of python-telegram-bot wait for their turn in the budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from math import inf
from random import random
from typing import Any

from telegram.error import RetryAfter
from telegram.ext import BaseRateLimiter

from bot.domain.bot_news import Began, BotNews, Ended, Refused
from bot.errors import TryLater
from bot.fence import check_fence
from handlers.telegram.pace import Budget, Rank, Turn

Tell = Callable[[BotNews], Awaitable[None]]
Answer = bool | dict[str, Any] | list[dict[str, Any]]


class Stopping(TryLater):
    """Not said, as the program ends: whoever takes over may say it."""


class Pacer(BaseRateLimiter[Rank]):
    """Every request of one bot passes here (the library leaves out ``getUpdates``, which is no message).

    ``rate_limit_args`` is the request's ``Rank``. Raises ``TryLater`` for one that would wait too long, and
    for what a lane asks whose lock was lost meanwhile.
    ``speed``: how much faster than the wall the budget's clock runs, beside a service that agrees.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.budget = Budget()
        self._speed = speed
        self._tell: Tell | None = None
        self._waiting: dict[Turn, asyncio.Future[None]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = False

    def share(self, share: int) -> None:
        """Use ``share`` of all requests that Telegram takes in a second, from now on."""
        loop = asyncio.get_running_loop()
        self.budget.share(share, self._now_s(loop))
        self._look(loop)

    def close(self) -> None:
        """Nobody gets a turn any more: whoever waits, or comes, is told to come later. For a quick stop."""
        self._closed = True
        for turn in list(self._waiting):
            self.budget.withdraw(turn)
            self._let(turn, _stopping())

    def join(self, tell: Tell) -> None:
        """Others speak for the same bot: ``tell`` them what is asked of Telegram, before it goes."""
        self._tell = tell
        self.budget.beside_others(random())  # noqa: S311

    def hear(self, whose: str, news: Began | Ended | Refused) -> None:
        """What another process, named ``whose``, asks of Telegram for the same bot counts as our own."""
        loop = asyncio.get_running_loop()
        now_s = self._now_s(loop)
        match news:
            case Began(call, chat, message):
                self.budget.began_elsewhere(f"{whose} {call}", chat, now_s, message=message)
            case Ended(call, chat, message):
                self.budget.ended_elsewhere(f"{whose} {call}", chat, now_s, message=message)
            case Refused(chat, wait_s):
                self.budget.refuse(chat, wait_s, now_s)
        self._look(loop)

    async def _say(self, news: BotNews) -> None:
        if self._tell is not None:
            await self._tell(news)

    async def initialize(self) -> None:
        """Nothing to prepare."""

    async def shutdown(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Answer]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: Rank | None,
    ) -> Answer:
        if self._closed:
            raise _stopping()
        loop = asyncio.get_running_loop()
        chat = data.get("chat_id")
        turn = self.budget.ask(
            Rank.CHORE if rate_limit_args is None else rate_limit_args,
            None if chat is None else str(chat),
            self._now_s(loop),
            message=not endpoint.startswith("get"),
        )
        await self._wait(turn, loop)
        try:
            if turn.chat is not None:
                await self._say(Began(turn.number, turn.chat, turn.message))
            return await callback(*args, **kwargs)
        except RetryAfter as asked:
            self.budget.refuse(turn.chat, seconds(asked), self._now_s(loop))
            await self._say(Refused(turn.chat, seconds(asked)))
            raise
        finally:
            self.budget.finish(turn, self._now_s(loop))
            self._look(loop)
            if turn.chat is not None:
                await self._say(Ended(turn.number, turn.chat, turn.message))

    async def _wait(self, turn: Turn, loop: asyncio.AbstractEventLoop) -> None:
        may_go = self._waiting[turn] = loop.create_future()
        self._look(loop)
        try:
            await may_go
            check_fence()
        except (asyncio.CancelledError, TryLater):
            if self._waiting.pop(turn, None) is not None:
                self.budget.withdraw(turn)
            elif turn.began_s < inf:  # it was its turn in the same moment, or is nobody's to take
                self.budget.finish(turn, self._now_s(loop))
                self._look(loop)
            raise

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let go whoever may go, and look again when the next one may."""
        now_s = self._now_s(loop)
        for turn, wait_s in self.budget.hopeless(now_s):
            later = TryLater("Telegram asks to wait", retry_after=timedelta(seconds=wait_s))
            self._let(turn, later)
        while (turn := self.budget.start(now_s)) is not None:  # type: ignore[assignment]
            self._let(turn)
        if self._alarm is not None:
            self._alarm.cancel()
        wakes_s = self.budget.wakes_s()
        self._alarm = None if wakes_s is None else loop.call_at(wakes_s / self._speed, self._look, loop)

    def _now_s(self, loop: asyncio.AbstractEventLoop) -> float:
        return loop.time() * self._speed

    def _let(self, turn: Turn, refusal: TryLater | None = None) -> None:
        may_go = self._waiting.pop(turn)
        if may_go.done():
            return
        if refusal is not None:
            may_go.set_exception(refusal)
        else:
            may_go.set_result(None)


def _stopping() -> Stopping:
    return Stopping("Washout is stopping", retry_after=timedelta(0))


def seconds(asked: RetryAfter) -> float:
    """How long Telegram asks to wait."""
    after = asked.retry_after
    return after.total_seconds() if isinstance(after, timedelta) else float(after)
