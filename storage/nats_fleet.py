"""Who else is there, and wake-ups: what a fleet tells itself over NATS without keeping it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median_low
from time import monotonic

import msgspec
from nats.aio.msg import Msg

from bot.domain.bot_news import BotNews
from bot.domain.fleet import Member
from bot.errors import ConfigError
from bot.ports import Clock
from storage.jetstream import FAULTS, Cluster

log = logging.getLogger(__name__)

TOLD_EVERY_S = 1.0
GONE_AFTER_S = 5.0
"""Who is not heard for so long is not there: its venues go to others."""
LAG_EVERY_S = 2.0
CLOCKS_AGREE = timedelta(seconds=10)
"""Judges go by what collectors call now; more than a wake-up takes on a busy machine."""
MEET_S = 2.5
"""So long a newcomer listens before it takes anything: everybody has told of itself then."""

_decoder = msgspec.msgpack.Decoder(Member)
_news_decoder = msgspec.msgpack.Decoder(tuple[str, BotNews])


class _Goodbye(msgspec.Struct):
    leaves: str


def _wall() -> datetime:
    return datetime.now(UTC)


class Presence:
    """Each process tells of itself every second, and hears all of them, itself too.

    A process that no longer hears itself is cut off: it is not there for the others, nor for itself.
    """

    def __init__(
        self, cluster: Cluster, me: str, describe: Callable[[], Member], wall: Clock = _wall
    ) -> None:
        self._cluster, self.me, self._describe, self._wall = cluster, me, describe, wall
        self._heard: dict[str, tuple[float, Member]] = {}
        self._ahead: dict[str, timedelta] = {}
        self._subject = f"{cluster.name}.members"

    def members(self) -> Sequence[Member]:
        """Those that are there, by name."""
        since = monotonic() - GONE_AFTER_S
        return [member for _, (at, member) in sorted(self._heard.items()) if at >= since]

    def check_clock(self) -> None:
        """Raises ``ConfigError`` where most of the others have another time than this machine."""
        off = [ahead for ahead in self._ahead.values() if abs(ahead) > CLOCKS_AGREE]
        if 2 * len(off) > len(self._ahead):
            ahead = median_low(off)
            raise ConfigError(
                f"The clock of this machine is {abs(ahead).total_seconds():.0f} s"
                f" {'ahead of' if ahead > timedelta(0) else 'behind'} those of the other processes:"
                " let NTP set them all"
            )

    async def listen(self) -> None:
        async def hear(message: Msg) -> None:
            self._hear(message.data)

        await self._cluster.client.subscribe(self._subject, cb=hear)

    async def run(self) -> None:
        """Tell of ourselves until cancelled; say good-bye then."""
        try:
            while True:
                await self._tell(msgspec.msgpack.encode(self._describe()))
                await asyncio.sleep(TOLD_EVERY_S)
        finally:
            await self._tell(msgspec.msgpack.encode(_Goodbye(self.me)))

    async def _tell(self, said: bytes) -> None:
        try:
            await self._cluster.client.publish(self._subject, said)
        except FAULTS as fault:
            log.debug("not told: %r", fault, extra={"event": "fleet.untold"})

    def _hear(self, said: bytes) -> None:
        try:
            member = _decoder.decode(said)
        except msgspec.DecodeError:
            self._left(said)
            return
        if member.name not in self._heard:
            log.info("%s is there: %s", member.name, ", ".join(member.roles), extra={"event": "fleet.joined"})
        self._heard[member.name] = monotonic(), member
        if member.name != self.me:
            ahead = self._wall() - member.at  # and as long as it was on its way
            self._ahead[member.name] = min(ahead, self._ahead.get(member.name, ahead))

    def _left(self, said: bytes) -> None:
        try:
            name = msgspec.msgpack.decode(said, type=_Goodbye).leaves
        except msgspec.DecodeError as fault:
            log.warning("a member cannot be read: %s", fault, extra={"event": "fleet.unread"})
            return
        self._heard.pop(name, None)
        self._ahead.pop(name, None)


class Lag:
    """How much waits in the streams of observations, also where nobody takes it.

    Everybody is told of each stream by one: ``mine`` says whether that is this process.
    """

    def __init__(self, cluster: Cluster, mine: Callable[[str], bool]) -> None:
        self._cluster, self._mine = cluster, mine
        self.waiting: Mapping[str, int] = {}
        """Messages not given back, by ``seen PARTITION``; without those that the cluster did not tell."""

    async def look(self) -> None:
        told = {}
        for partition in range(self._cluster.options.partitions):
            if not self._mine(name := f"seen {partition}"):
                continue
            try:
                stream = await self._cluster.stream.stream_info(f"{self._cluster.name}-seen-{partition}")
            except FAULTS as fault:
                log.debug("not known how much waits: %r", fault, extra={"event": "fleet.unknown"})
            else:
                told[name] = stream.state.messages
        self.waiting = told

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LAG_EVERY_S)


class WakeUps:
    """Says "look": it carries nothing, and what is missed is found by the next sweep."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._subject = f"{cluster.name}.look"

    async def hear(self, news: Sequence[asyncio.Event]) -> None:
        async def look(_: Msg) -> None:
            for event in news:
                event.set()

        await self._cluster.client.subscribe(self._subject, cb=look)

    async def tell(self, news: asyncio.Event) -> None:
        """Whenever ``news`` is set, until cancelled."""
        while True:
            await news.wait()
            news.clear()
            try:
                await self._cluster.client.publish(self._subject, b"")
            except FAULTS as fault:
                log.debug("nobody was woken: %r", fault, extra={"event": "fleet.untold"})


class BotLine:
    """Between the processes that speak for one bot, named ``bot``. Nothing is kept, and nothing said twice.

    Who is cut off hears nothing and says nothing, also later: what is told is true only at once.
    """

    def __init__(self, cluster: Cluster, me: str, bot: str) -> None:
        self._cluster, self._me = cluster, me
        self._subject = f"{cluster.name}.bot.{bot}"

    async def hear(self, take: Callable[[str, BotNews], None]) -> None:
        """``take`` is told what others say, and who."""

        async def hear(message: Msg) -> None:
            try:
                whose, news = _news_decoder.decode(message.data)
            except msgspec.DecodeError as fault:  # another release may say more
                log.debug("news of a bot cannot be read: %s", fault, extra={"event": "fleet.unread"})
                return
            if whose != self._me:
                take(whose, news)

        await self._cluster.client.subscribe(self._subject, cb=hear)

    async def tell(self, news: BotNews) -> None:
        """It is on its way before whatever is sent next."""
        if not self._cluster.connected:
            return
        try:
            await self._cluster.client.publish(self._subject, msgspec.msgpack.encode((self._me, news)))
        except FAULTS as fault:
            log.debug("not told: %r", fault, extra={"event": "fleet.untold"})
