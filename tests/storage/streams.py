"""Every stream is opened here; one suite runs over all of them."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.clusters import StreamsSettings
from bot.domain.assets import Asset
from bot.domain.market import Instrument, Observation, OpenInterest, Venue
from bot.domain.units import Amount, Unit
from bot.ports_fleet import Inlet, Outlet
from storage.jetstream import Cluster, open_cluster
from storage.jetstream_seen import LIMIT, JetInlet, open_outlet
from storage.streams import LocalStream
from tests.nats_cluster import NODES, NatsCluster

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SMALL = 40
"""Observations in a small stream; the small one of JetStream holds about as many bytes."""
SMALL_BYTES = 24 * 1024
_names = itertools.count()


def told(asset: str, number: int, venue: str = "acme") -> OpenInterest:
    """The ``number``-th figure of one contract."""
    at = NOON + timedelta(seconds=number)
    instrument = Instrument(Venue(venue), f"{asset}USDT", Asset(asset))
    return OpenInterest(instrument, Amount(Decimal(1000 + number), Unit.BASE), at, at)


@dataclass
class Opened:
    """One stream: who puts, who takes, and what was set aside."""

    outlet: Callable[[str], AbstractAsyncContextManager[Outlet]]
    inlet: Inlet
    cluster: Cluster | None = None

    async def reasons(self) -> list[str]:
        if self.cluster is None:
            assert isinstance(self.inlet, LocalStream)
            return [reason for _, reason in self.inlet.set_aside]
        name = self.cluster.name
        kept = await self.cluster.stream.get_last_msg(f"{name}-aside", f"{name}.aside.0")
        assert kept.headers
        return [kept.headers["Reason"]]


def chosen(nats: NatsCluster, name: str, partitions: int = 1) -> StreamsSettings:
    return StreamsSettings(servers=tuple(nats.servers), name=name, replicas=NODES, partitions=partitions)


@asynccontextmanager
async def local(*, small: bool) -> AsyncIterator[Opened]:
    stream = LocalStream(SMALL) if small else LocalStream()
    yield Opened(lambda _: nullcontext(stream), stream)


@asynccontextmanager
async def jetstream(nats: NatsCluster, *, small: bool = False, partitions: int = 1) -> AsyncIterator[Opened]:
    name = f"t{os.getpid()}-{next(_names)}"
    async with open_cluster(chosen(nats, name, partitions)) as cluster:
        await cluster.make_streams(**({"seen_bytes": SMALL_BYTES} if small else {}))
        inlet = JetInlet(cluster, 0, token=1, **({"in_hand": 4} if small else {}))
        await inlet.open()

        def outlet(sender: str) -> AbstractAsyncContextManager[Outlet]:
            limit = SMALL if small else LIMIT
            return open_outlet(cluster, sender, lambda: datetime.now(UTC), limit=limit)

        yield Opened(outlet, inlet, cluster)
        for stream in [*(f"seen-{n}" for n in range(partitions)), "aside"]:
            await cluster.stream.delete_stream(f"{name}-{stream}")


async def all_taken(inlet: Inlet, count: int) -> list[Observation]:
    """The next ``count`` observations, given back as done."""
    taken: list[Observation] = []
    while len(taken) < count:
        loan = await inlet.take(10)
        assert loan is not None, f"only {len(taken)} of {count} came"
        taken.extend(loan.item.said)
        await loan.done()
    return taken
