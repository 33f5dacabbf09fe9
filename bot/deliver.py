"""A post converges: compare what a chat shows with the newest revision, and close the gap.

Delivery is at least once: a process that dies between the platform's answer and our record of it shows
that revision again. Nothing else is ever shown twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from bot.domain.chats import ChatSettings, silent_until
from bot.domain.figures import Delivered
from bot.domain.posts import Destination, Post, Shown, summary_subject, urgency
from bot.errors import (
    CardRefused,
    DeliveryError,
    DestinationGone,
    DestinationMoved,
    MessageGone,
    PlaceClosed,
    TryLater,
)
from bot.ports import Clock, Messenger, Present, Store
from bot.running import finish, running

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

HOLD = timedelta(minutes=1)
"""A claim lasts this long; a face gives up on one call well before."""
SWEEP = timedelta(seconds=1)
"""How often due posts are looked for when nothing was heard: also how late a ``TryLater`` may be."""
SUMMARY = timedelta(minutes=1)
"""How often it is looked whom to sum up what they were spared."""
AT_ONCE = 64
"""Posts in hand at one time, each chat's own one after the other."""


class Step(StrEnum):
    """What would bring one chat closer to the newest revision."""

    SEND = "send"
    """A new message: it makes a sound."""
    EDIT = "edit"
    """The old message in place: silent."""
    HUSH = "hush"
    """Not before the silence that the chat asked for ends."""
    DROP = "drop"
    """Nothing any more: a late alarm is worse than none."""
    REST = "rest"
    """Nothing now."""


def decide(post: Post, newest: Shown | None, *, silent: bool = False, calls: bool = False) -> Step:
    """The one rule of delivery; pure. In a silent chat nothing sounds, and what stands there stays true.

    ``calls``: the wave has grown to where a role of this chat wants to be called.
    """
    if newest is None:
        return Step.DROP
    if post.message is None:
        if newest.over:
            return Step.DROP
        return Step.HUSH if silent else Step.SEND
    if newest.revision <= post.shown:
        return Step.REST
    return Step.SEND if (newest.loud > post.shown or calls) and not silent else Step.EDIT


def called(post: Post, newest: Shown, settings: ChatSettings) -> tuple[str, ...]:
    """The roles to ping with this revision: all whose size it reaches where it is loud in itself, else those
    whose size was not reached when the chat last heard a sound."""
    if newest.w is None:
        return ()
    beyond = 0.0 if post.message is None or newest.loud > post.shown else post.rung_w
    return tuple(ping.role for ping in settings.pings if beyond < ping.from_w <= newest.w)


@dataclass(frozen=True, slots=True)
class Lane:
    """One platform, and what settling a post there needs.

    ``clock`` is the market's time and is recorded; ``wall`` is real time: a played scenario runs faster
    than the platforms' limits and people's nights, which count real seconds. ``delivered`` counts.
    """

    messenger: Messenger
    store: Store
    present: Present
    clock: Clock
    wall: Clock
    delivered: Delivered = field(default_factory=Delivered)

    async def settle(self, post: Post) -> Step:
        """Bring one chat to the newest revision, or record when to try again. Returns what was tried."""
        posts = self.store.posts
        newest = await self.present(post.subject, post.destination)
        settings = await self.store.chats.settings(post.destination)
        silence = silent_until(settings, self.wall(), newest.w or 0.0) if newest else None
        roles = called(post, newest, settings) if newest else ()
        # What is over calls nobody any more.
        calls = bool(roles) and newest is not None and not newest.over
        step = decide(post, newest, silent=silence is not None, calls=calls)
        if newest is None or step is Step.DROP:
            if newest is not None and newest.w is not None and not post.shown:
                await self.store.chats.hold(post.destination, post.subject, self.wall())
            await posts.drop(post)
            return Step.DROP
        if step is Step.HUSH and silence is not None:
            await posts.hush(post, silence)
            return step
        if step is Step.REST:  # the revision that was asked for cannot be seen from here yet
            await posts.later(post, self.wall() + SWEEP)
            return step
        try:
            message = await self._show(post, newest, step, roles)
        except DeliveryError as fault:
            self.delivered.faults[self.messenger.platform, type(fault).__name__] += 1
            await self._react(post, fault)
        else:
            self._count(post, step)
            await posts.shown(
                post,
                revision=newest.revision,
                message=message,
                loud=step is Step.SEND and not newest.quiet,
                now=self.clock(),
                wall=self.wall(),
                rung_w=(newest.w or 0.0) if step is Step.SEND else 0.0,
            )
        return step

    def _count(self, post: Post, step: Step) -> None:
        platform = self.messenger.platform
        self.delivered.steps[platform, str(step)] += 1
        if post.first_shown_at is None and post.due_since is not None:
            self.delivered.first_told[platform].see((self.wall() - post.due_since).total_seconds())

    async def _show(self, post: Post, newest: Shown, step: Step, roles: tuple[str, ...]) -> str:
        if step is Step.EDIT and post.message is not None:
            await self.messenger.edit(post.destination, post.message, newest.card)
            return post.message
        card = msgspec.structs.replace(newest.card, pings=roles, silent=newest.quiet)
        return await self.messenger.send(post.destination, card, reply_to=post.message or newest.reply_to)

    async def _react(self, post: Post, fault: DeliveryError) -> None:
        """What is done next about each kind of failure. Raises the fault where nothing is known to do."""
        posts, place = self.store.posts, {"destination": post.destination.key}
        match fault:
            case TryLater():
                await posts.later(post, self.wall() + fault.retry_after)
            case MessageGone() if post.message is not None:
                await self.settle(msgspec.structs.replace(post, message=None))
            case DestinationMoved():
                log.info("chat moved to %s", fault.new_chat, extra=place)
                await self.store.chats.rename(post.destination, fault.new_chat)
            case DestinationGone(topic_only=True):
                log.info("topic gone: %s", fault, extra=place)
                await self.store.subscriptions.remove(post.destination)
                await posts.forget(post.destination)
            case DestinationGone():
                log.info("chat gone: %s", fault, extra=place)
                await self.store.chats.leave(post.destination, self.wall())
            case PlaceClosed():
                log.warning("may not speak there: %s", fault, extra=place | {"wave": post.subject})
                await posts.drop(post)
            case CardRefused() | MessageGone():  # nothing to edit or to answer was named: the face is wrong
                log.error("card refused: %s", fault, extra=place | {"wave": post.subject})
                await posts.drop(post)
            case _:
                raise fault


Spared = Mapping[Destination, Sequence[str]]
"""Waves that chats were not told of, by id, and that no summary has told of yet."""


async def sum_up(lane: Lane, before: Spared) -> Spared:
    """Want a summary for each chat that was spared waves, is not silent, and was spared no more lately.

    ``before`` and what is returned are what was spared at the last look and at this one: the waves of a
    night come due side by side when it ends, and one message shall tell them all. Wanting the same summary
    again after a crash changes nothing.
    """
    platform, now = lane.messenger.platform, lane.wall()
    held = await lane.store.chats.held(platform)
    for destination, subjects in held.items():
        if before.get(destination) != subjects:
            continue
        if silent_until(await lane.store.chats.settings(destination), now) is not None:
            continue
        subject = summary_subject(subjects)
        await lane.store.posts.want(subject, [destination], revision=1, loud=1, size=0.0, now=now)
        await lane.store.chats.summed_up(destination, subjects)
    return held


class _Claim(NamedTuple):
    post: Post
    until: datetime

    @property
    def name(self) -> tuple[str, Destination]:
        return self.post.subject, self.post.destination


@dataclass(slots=True)
class _Room:
    """What is in hand for one chat: the post that is being settled, and those whose turn comes after it."""

    waiting: dict[tuple[str, Destination], _Claim] = field(default_factory=dict)
    now: _Claim | None = None

    def take(self, claim: _Claim, at: datetime) -> None:
        """A post that is being settled is claimed again for what came after its record, which is next; or
        because the call outlasts its claim, and then the record is still to come: it is left alone."""
        if self.now is None or self.now.name != claim.name or at < self.now.until:
            self.waiting[claim.name] = claim

    def next(self) -> _Claim | None:
        """The most urgent goes first."""
        self.now = min(self.waiting.values(), key=lambda claim: urgency(claim.post), default=None)
        return self.waiting.pop(self.now.name) if self.now else None


async def deliver(
    messenger: Messenger,
    store: Store,
    present: Present,
    *,
    news: asyncio.Event,
    clock: Clock,
    wall: Clock,
    sleep: Sleep,
    delivered: Delivered | None = None,
) -> None:
    """Keep every chat of one platform on the newest revision, until cancelled.

    ``news`` belongs to this call alone; setting it says only "look". Chats are settled side by side, the
    posts of one chat one after the other, so a slow chat delays nobody else. A post whose call has begun
    is finished and recorded even while stopping. ``delivered`` counts what was done. Raises ``StorageError``.
    """
    posts = store.posts
    lane = Lane(messenger, store, present, clock, wall, delivered or Delivered())
    rooms: dict[str, _Room] = {}

    async def work(chat: str) -> None:
        while claim := rooms[chat].next():
            if wall() < claim.until:  # otherwise it is due again and somebody else may have it
                await finish(lane.settle(claim.post))
        del rooms[chat]
        news.set()  # there is room again, and what was settled may have been raised meanwhile

    async def sweep() -> None:
        while True:
            news.set()
            await sleep(SWEEP.total_seconds())

    async def summaries() -> None:
        spared: Spared = {}
        while True:
            spared = await sum_up(lane, spared)
            news.set()
            await sleep(SUMMARY.total_seconds())

    async with running(sweep(), summaries()) as start:
        while True:
            await news.wait()
            news.clear()
            space = AT_ONCE - sum(len(room.waiting) + 1 for room in rooms.values())
            if space <= 0:
                continue
            now = wall()
            for post in await posts.claim(messenger.platform, now, HOLD, space):
                chat = post.destination.chat
                if chat not in rooms:
                    rooms[chat] = _Room()
                    start(work(chat))
                rooms[chat].take(_Claim(post, now + HOLD), now)
