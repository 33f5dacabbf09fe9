"""A chat platform, a clock and a store in memory, for the tests of delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.deliver import HOLD, Lane, Sleep, Step, deliver
from bot.domain.cards import Card
from bot.domain.posts import Destination, Shown
from bot.errors import DeliveryError
from bot.running import Work
from storage.memory import MemoryStore

START = datetime(2025, 10, 10, 21, 0, tzinfo=UTC)
CHAT = Destination("acme", "7")
OTHER = Destination("acme", "8")


class Time:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


@dataclass
class Room:
    """What stands in one chat, and how often it rang."""

    showing: dict[str, int] = field(default_factory=dict)
    replies: dict[str, str | None] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)


class AcmeChat:
    """A chat platform in memory, with the faults a test gives it. A card's footer is its revision."""

    platform = "acme"

    def __init__(self, faults: Iterable[DeliveryError | None] = ()) -> None:
        self.rooms: dict[str, Room] = {}
        self.faults = iter(faults)
        self.door: Callable[[Destination], Awaitable[object]] | None = None
        self.inside: list[str] = []
        self.most_inside: dict[str, int] = {}

    def room(self, destination: Destination) -> Room:
        return self.rooms.setdefault(destination.chat, Room())

    async def _call(self, what: str, destination: Destination) -> None:
        chat = destination.chat
        self.room(destination).calls.append(what)
        self.inside.append(chat)
        self.most_inside[chat] = max(self.most_inside.get(chat, 0), self.inside.count(chat))
        try:
            await (self.door(destination) if self.door else asyncio.sleep(0))
        finally:
            self.inside.remove(chat)
        if fault := next(self.faults, None):
            raise fault

    async def send(self, destination: Destination, card: Card, *, reply_to: str | None = None) -> str:
        await self._call("send", destination)
        room = self.room(destination)
        name = str(len(room.showing) + 1)
        room.showing[name] = int(card.footer)
        room.replies[name] = reply_to
        return name

    async def edit(self, destination: Destination, message: str, card: Card) -> None:
        await self._call("edit", destination)
        self.room(destination).showing[message] = int(card.footer)


class World:
    """One platform, one store and the newest revision of each subject."""

    def __init__(self, faults: Iterable[DeliveryError | None] = ()) -> None:
        self.store = MemoryStore()
        self.chat = AcmeChat(faults)
        self.time, self.market = Time(), Time()
        self.newest: dict[str, Shown] = {}
        self.lane = Lane(
            self.chat, self.store.posts, self.store.subscriptions, self.present, self.market, self.time
        )

    async def present(self, subject: str, destination: Destination) -> Shown | None:
        return self.newest.get(subject)

    async def revise(
        self,
        revision: int,
        *,
        loud: int = 1,
        over: bool = False,
        to: tuple[Destination, ...] = (CHAT,),
        subject: str = "1a",
        size: float = 1.0,
    ) -> None:
        card = Card(title=subject, footer=str(revision))
        self.newest[subject] = Shown(revision=revision, loud=loud, over=over, card=card)
        await self.store.posts.want(subject, to, revision=revision, loud=loud, size=size)

    async def settle(self) -> list[Step]:
        """Settle whatever is due now, once."""
        due = await self.store.posts.claim("acme", self.time.now, HOLD, 100)
        return [await self.lane.settle(post) for post in due]

    async def settle_all(self) -> None:
        """Settle until nothing is due for a long time."""
        for _ in range(200):
            if not await self.settle():
                self.time.pass_by(timedelta(minutes=10))
                if not await self.settle():
                    return
        raise AssertionError("it never comes to rest")

    @property
    def room(self) -> Room:
        return self.chat.room(CHAT)

    def delivering(self, news: asyncio.Event, sleep: Sleep) -> Work:
        return deliver(
            self.chat,
            self.store.posts,
            self.store.subscriptions,
            self.present,
            news=news,
            clock=self.market,
            wall=self.time,
            sleep=sleep,
        )


async def never(seconds: float) -> None:
    await asyncio.Event().wait()


async def until(true: Callable[[], object]) -> None:
    for _ in range(10_000):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never happened")
