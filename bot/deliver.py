"""A post converges: compare what a chat shows with the newest revision, and close the gap.

Delivery is at least once: a process that dies between the platform's answer and our record of it shows
that revision again. Nothing else is ever shown twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from bot.domain.posts import Destination, Post, Shown
from bot.errors import (
    CardRefused,
    DestinationGone,
    DestinationMoved,
    MessageGone,
    TryLater,
)
from bot.ports import Clock, Messenger, Posts, Present, Subscriptions
from bot.running import finish, running

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

HOLD = timedelta(minutes=1)
"""A claim lasts this long; a face gives up on one call well before."""
SWEEP = timedelta(seconds=1)
"""How often due posts are looked for when nothing was heard: also how late a ``TryLater`` may be."""
AT_ONCE = 64
"""Posts in hand at one time, each chat's own one after the other."""


class Step(StrEnum):
    """What would bring one chat closer to the newest revision."""

    SEND = "send"
    """A new message: it makes a sound."""
    EDIT = "edit"
    """The old message in place: silent."""
    DROP = "drop"
    """Nothing any more: a late alarm is worse than none."""
    REST = "rest"
    """Nothing now."""


def decide(post: Post, newest: Shown | None) -> Step:
    """The one rule of delivery; pure."""
    if newest is None:
        return Step.DROP
    if post.message is None:
        return Step.DROP if newest.over else Step.SEND
    if newest.revision <= post.shown:
        return Step.REST
    return Step.SEND if newest.loud > post.shown else Step.EDIT


@dataclass(frozen=True, slots=True)
class Lane:
    """One platform, and what settling a post there needs.

    ``clock`` is the market's time and is recorded; ``wall`` is real time: a played scenario runs faster
    than the platforms' limits, which count real seconds.
    """

    messenger: Messenger
    posts: Posts
    subscriptions: Subscriptions
    present: Present
    clock: Clock
    wall: Clock

    async def settle(self, post: Post) -> Step:
        """Bring one chat to the newest revision, or record when to try again. Returns what was tried."""
        newest = await self.present(post.subject, post.destination)
        step = decide(post, newest)
        if newest is None or step is Step.DROP:
            await self.posts.drop(post)
            return Step.DROP
        if step is Step.REST:  # the revision that was asked for cannot be seen from here yet
            await self.posts.later(post, self.wall() + SWEEP)
            return step
        try:
            message = await self._show(post, newest, step)
        except TryLater as busy:
            await self.posts.later(post, self.wall() + busy.retry_after)
        except MessageGone as gone:
            await self._anew(post, gone)
        except DestinationMoved as moved:
            await self._move(post, moved.new_chat)
        except DestinationGone as gone:
            await self._forget(post.destination, gone)
        except CardRefused as refused:
            self._refuse(post, refused)
            await self.posts.drop(post)
        else:
            await self.posts.shown(
                post,
                revision=newest.revision,
                message=message,
                loud=step is Step.SEND,
                now=self.clock(),
            )
        return step

    async def _show(self, post: Post, newest: Shown, step: Step) -> str:
        if step is Step.EDIT and post.message is not None:
            await self.messenger.edit(post.destination, post.message, newest.card)
            return post.message
        return await self.messenger.send(post.destination, newest.card, reply_to=post.message)

    async def _anew(self, post: Post, gone: MessageGone) -> None:
        if post.message is None:  # there was nothing to edit or to answer: the face is wrong
            self._refuse(post, gone)
            await self.posts.drop(post)
            return
        await self.settle(msgspec.structs.replace(post, message=None))

    async def _move(self, post: Post, new_chat: str) -> None:
        old = post.destination
        new = msgspec.structs.replace(old, chat=new_chat)
        log.info("chat moved", extra={"destination": old.key, "to": new.key})
        await self.subscriptions.rename(old, new_chat)
        await self.posts.want(post.subject, [new], revision=post.wanted, loud=post.loud, size=post.size)
        await self.posts.drop(post)

    async def _forget(self, destination: Destination, gone: DestinationGone) -> None:
        log.info("chat gone: %s", gone, extra={"destination": destination.key})
        await self.subscriptions.remove(destination)
        await self.posts.forget(destination)

    def _refuse(self, post: Post, why: Exception) -> None:
        log.error("card refused: %s", why, extra={"wave": post.subject, "destination": post.destination.key})


class _Claim(NamedTuple):
    post: Post
    until: datetime


async def deliver(
    messenger: Messenger,
    posts: Posts,
    subscriptions: Subscriptions,
    present: Present,
    *,
    news: asyncio.Event,
    clock: Clock,
    wall: Clock,
    sleep: Sleep,
) -> None:
    """Keep every chat of one platform on the newest revision, until cancelled.

    ``news`` belongs to this call alone; setting it says only "look". Chats are settled side by side, the
    posts of one chat one after the other, so a slow chat delays nobody else. A post whose call has begun
    is finished and recorded even while stopping. Raises ``StorageError``.
    """
    lane = Lane(messenger, posts, subscriptions, present, clock, wall)
    chats: dict[str, dict[tuple[str, Destination], _Claim]] = {}

    async def work(chat: str) -> None:
        mine = chats[chat]
        while mine:
            name, claim = next(iter(mine.items()))
            if wall() < claim.until:  # otherwise it is due again and somebody else may have it
                await finish(lane.settle(claim.post))
            del mine[name]
        del chats[chat]
        news.set()  # there is room again, and what was settled may have been raised meanwhile

    async def sweep() -> None:
        while True:
            news.set()
            await sleep(SWEEP.total_seconds())

    async with running(sweep()) as start:
        while True:
            await news.wait()
            news.clear()
            room = AT_ONCE - sum(map(len, chats.values()))
            if room <= 0:
                continue
            now = wall()
            for post in await posts.claim(messenger.platform, now, HOLD, room):
                chat = post.destination.chat
                if chat not in chats:
                    chats[chat] = {}
                    start(work(chat))
                # One whose call outlasts its claim is claimed again; ``work`` forgets that with the call.
                chats[chat][post.subject, post.destination] = _Claim(post, now + HOLD)
