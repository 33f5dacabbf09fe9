"""Observations from collectors to judges over JetStream: partitioned by asset, in order, nothing twice.

A collector has one message of a partition under way at a time, and that holds all that was put meanwhile: the
order is kept however often it must be sent again, and a flood makes messages larger rather than more. A judge
reads its partition through a consumer of its own name and term; whoever takes over deletes that of the holder
before, so that all it had not given back comes again at once, and the former holder hears nothing more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from zlib import crc32

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import api

from bot.domain.market import Observation
from bot.domain.natural import Window, asset_of, natural_key
from bot.errors import StorageError
from bot.ports_fleet import Parcel
from storage.jetstream import FAULTS, MIB, Cluster
from storage.jetstream_wire import Unreadable, pack, unpack

log = logging.getLogger(__name__)

MARK_S = 0.2
"""A collector that hears nothing says so as often: what the others told waits for that."""
MOST_IN_ONE = 2_000
LIMIT = 50_000
RETRY_S = 0.1
RETRY_MOST_S = 1.0
LEAVE_S = 3.0
ACK_S = 30.0
IN_HAND = 4_096
"""Messages that a judge has taken and not given back: with five marks a second from each of ten collectors,
over a minute of waiting for a slow store."""
IN_HAND_BYTES = 128 * MIB
"""Of what waited when a judge came: a stream that is full of a flood must not fill its memory."""
REMEMBERED = 100_000
FORGOTTEN = 65_536


def partition_of(asset: str, partitions: int) -> int:
    """Where an asset's observations go; the same in every process and release."""
    return crc32(asset.encode()) % partitions


class JetOutlet:
    """See ``bot.ports_fleet.Outlet``. ``sender`` names the process; ``clock`` is the market's time."""

    def __init__(
        self, cluster: Cluster, sender: str, clock: Callable[[], datetime], limit: int = LIMIT
    ) -> None:
        self._cluster, self._sender, self._clock, self._limit = cluster, sender, clock, limit
        self._waiting: list[list[Observation]] = [[] for _ in range(cluster.options.partitions)]
        self._news = [asyncio.Event() for _ in self._waiting]
        self._held = 0
        self._room = asyncio.Condition()
        self._marks = 0
        self.leaving = False

    @property
    def waiting(self) -> int:
        """Observations not yet in the stream."""
        return self._held

    async def put(self, batch: Sequence[Observation]) -> None:
        if not batch:
            return
        async with self._room:
            await self._room.wait_for(lambda: not self._held or self._held + len(batch) <= self._limit)
            self._held += len(batch)
        for said in batch:
            partition = partition_of(asset_of(said), len(self._waiting))
            self._waiting[partition].append(said)
            self._news[partition].set()

    async def send(self, partition: int) -> None:
        """Send what is put for one partition, until ``leaving`` and nothing is left."""
        news = self._news[partition]
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), MARK_S)
            news.clear()
            waiting = self._waiting[partition]
            said, self._waiting[partition] = waiting[:MOST_IN_ONE], waiting[MOST_IN_ONE:]
            if self._waiting[partition]:
                news.set()
            leaves = self.leaving and not self._waiting[partition]
            await self._publish(partition, Parcel(said, self._sender, None, leaves))
            async with self._room:
                self._held -= len(said)
                self._room.notify_all()
            if leaves:
                return

    def leave(self) -> None:
        """Say good-bye after what is waiting."""
        self.leaving = True
        for news in self._news:
            news.set()

    async def _publish(self, partition: int, parcel: Parcel) -> None:
        """Until it is kept by most of the replicas. What is sent again is known by its key."""
        name = self._cluster.name
        self._marks += 1
        key = natural_key(parcel.said) if parcel.said else f"{self._sender}.{partition}.{self._marks}"
        payload, wait_s = pack(parcel, self._clock()), RETRY_S
        while True:
            try:
                await self._cluster.stream.publish(
                    f"{name}.seen.{partition}", payload, headers={"Nats-Msg-Id": key}
                )
            except FAULTS as fault:
                log.debug("not taken: %r", fault, extra={"event": "stream.full"})
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, RETRY_MOST_S)
            else:
                return


@asynccontextmanager
async def open_outlet(
    cluster: Cluster, sender: str, clock: Callable[[], datetime], *, limit: int = LIMIT
) -> AsyncIterator[JetOutlet]:
    """What was put before the block ends is sent, if the cluster takes it within ``LEAVE_S``."""
    outlet = JetOutlet(cluster, sender, clock, limit)
    sending = [asyncio.create_task(outlet.send(each)) for each in range(cluster.options.partitions)]
    try:
        yield outlet
    finally:
        outlet.leave()
        await asyncio.wait(sending, timeout=LEAVE_S)
        for task in sending:
            task.cancel()
        ended = await asyncio.gather(*sending, return_exceptions=True)
        for fault in ended:
            if isinstance(fault, Exception):
                raise fault


class JetLoan:
    """See ``bot.ports_fleet.Loan``."""

    def __init__(self, inlet: JetInlet, message: Msg, item: Parcel) -> None:
        self._inlet, self.message, self.item = inlet, message, item

    async def done(self) -> None:
        self._inlet.given_back(self, done=True)
        await _quietly(self.message.ack())

    async def again(self, after: timedelta) -> None:
        self._inlet.given_back(self)
        await _quietly(self.message.nak(after.total_seconds()))

    async def drop(self, reason: str) -> None:
        self._inlet.given_back(self, done=True)
        await self._inlet.set_aside(self.message, reason)


async def _quietly(answer: asyncio.Future[None] | object) -> None:
    """An answer that is lost makes the message come again, and that is noticed then."""
    try:
        await answer  # type: ignore[misc]
    except FAULTS as fault:
        log.debug("an answer was lost: %r", fault, extra={"event": "stream.unanswered"})


class JetInlet:
    """See ``bot.ports_fleet.Inlet``. Raises ``StorageError`` where another holder has taken over."""

    def __init__(
        self,
        cluster: Cluster,
        partition: int,
        token: int,
        in_hand: int = IN_HAND,
        in_hand_bytes: int = IN_HAND_BYTES,
    ) -> None:
        self._cluster, self._in_hand, self._in_hand_bytes = cluster, in_hand, in_hand_bytes
        self.partition, self._token, self._turn = partition, token, 0
        self._stream = f"{cluster.name}-seen-{partition}"
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._hand: dict[int, JetLoan] = {}
        self._done: dict[int, None] = {}
        self._window = Window(REMEMBERED)
        self._next = 1
        self._name = ""
        self._most = in_hand
        self._subscription: Subscription | None = None

    @property
    def full(self) -> bool:
        return len(self._hand) >= self._most

    async def open(self) -> None:
        """Take the partition over from whoever had it: nobody else hears of it from now on."""
        js, self._turn = self._cluster.stream, self._turn + 1
        self._name = f"judge-{self._token}-{self._turn}"
        inbox, self._queue, self._next = self._cluster.client.new_inbox(), asyncio.Queue(), 1
        queue = self._queue

        async def hear(message: Msg) -> None:
            queue.put_nowait(message)

        async def read() -> None:
            await self._take_over()
            waits = (await js.stream_info(self._stream)).state
            most = self._in_hand_bytes * waits.messages // max(1, waits.bytes) if waits.messages else IN_HAND
            self._most = max(1, min(self._in_hand, most))
            await js.add_consumer(
                self._stream,
                api.ConsumerConfig(
                    durable_name=self._name,
                    deliver_subject=inbox,
                    deliver_policy=api.DeliverPolicy.ALL,
                    ack_policy=api.AckPolicy.EXPLICIT,
                    ack_wait=ACK_S,
                    max_ack_pending=self._most,
                ),
            )

        if self._subscription is not None:
            await self._subscription.unsubscribe()
        self._subscription = await self._cluster.client.subscribe(inbox, cb=hear)
        await self._cluster.patiently(f"read {self._stream}", read)

    async def _take_over(self) -> None:
        for other in await self._cluster.stream.consumers_info(self._stream):
            _, token, _ = str(other.name).split("-")
            if int(token) > self._token:
                raise StorageError(f"another judge has taken {self._stream} over")
            await self._cluster.stream.delete_consumer(self._stream, str(other.name))

    async def take(self, timeout_s: float) -> JetLoan | None:
        loop = asyncio.get_running_loop()
        until = loop.time() + max(0.0, timeout_s)
        while True:
            try:
                async with asyncio.timeout_at(until):
                    message = await self._queue.get()
            except TimeoutError:
                return None
            loan = await self._lend(message)
            if loan is not None:
                return loan

    async def _lend(self, message: Msg) -> JetLoan | None:
        number, turn = message.metadata.sequence.stream, message.metadata.sequence.consumer
        if turn > self._next:
            log.info("a message was lost on its way; all come again", extra={"event": "stream.gap"})
            await self.open()
            return None
        self._next = max(self._next, turn + 1)
        if number in self._done:
            await _quietly(message.ack())
            return None
        if (held := self._hand.get(number)) is not None:
            held.message = message
            return None
        try:
            parcel = unpack(message.data)
        except Unreadable as why:
            await self.set_aside(message, str(why))
            return None
        parcel = Parcel(self._window.fresh(parcel.said, number), parcel.sender, parcel.until, parcel.leaves)
        loan = self._hand[number] = JetLoan(self, message, parcel)
        return loan

    def given_back(self, loan: JetLoan, *, done: bool = False) -> None:
        number = loan.message.metadata.sequence.stream
        self._hand.pop(number, None)
        if done:
            self._done[number] = None
            if len(self._done) > FORGOTTEN:
                del self._done[next(iter(self._done))]

    async def set_aside(self, message: Msg, reason: str) -> None:
        """Kept for a week under ``NAME.aside.PARTITION``, with the reason in its header."""
        log.error("set aside: %s", reason, extra={"event": "stream.poison", "partition": self.partition})
        clean = " ".join(reason.split())[:500].encode("ascii", "replace").decode()
        try:
            await self._cluster.stream.publish(
                f"{self._cluster.name}.aside.{self.partition}", message.data, headers={"Reason": clean}
            )
            await message.term()
        except FAULTS as fault:
            log.warning("not set aside: %r", fault, extra={"event": "stream.poison"})
