"""What only a stream of several machines must keep: takeover, lost nodes, partitions, other releases."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clusters import StreamsSettings
from bot.errors import StorageError
from bot.ports_fleet import Parcel
from storage.jetstream import open_cluster
from storage.jetstream_seen import JetInlet, partition_of
from storage.jetstream_wire import Unreadable, pack, unpack
from tests.nats_cluster import NatsCluster, resetting, single
from tests.storage.streams import NOON, Opened, all_taken, jetstream, told


async def successor(stream: Opened, token: int) -> JetInlet:
    assert stream.cluster
    inlet = JetInlet(stream.cluster, 0, token)
    await inlet.open()
    return inlet


async def test_who_takes_over_hears_at_once_all_that_was_not_given_back(nats: NatsCluster) -> None:
    async with jetstream(nats) as stream, stream.outlet("a") as out:
        for number in range(5):
            await out.put([told("BTC", number)])
            loan = await stream.inlet.take(10)
            while loan is not None and not loan.item.said:  # a mark
                loan = await stream.inlet.take(10)
            assert loan is not None
            if number < 2:
                await loan.done()
        then = await successor(stream, 2)
        assert await all_taken(then, 3) == [told("BTC", number) for number in (2, 3, 4)]


async def test_of_a_stream_full_of_a_flood_no_more_is_taken_at_once_than_memory_may_hold(
    nats: NatsCluster,
) -> None:
    async with jetstream(nats) as stream:
        assert stream.cluster
        for number in range(6):
            said = [told("BTC", 1_000 * number + n) for n in range(500)]
            raw = pack(Parcel(said, "a"), NOON)
            await stream.cluster.stream.publish(f"{stream.cluster.name}.seen.0", raw)
        judge = JetInlet(stream.cluster, 0, 2, in_hand_bytes=3 * len(raw) + len(raw) // 2)
        await judge.open()
        loans = [await judge.take(10) for _ in range(2)]
        assert not judge.full
        loans.append(await judge.take(10))
        assert judge.full
        assert await judge.take(0.5) is None
        assert loans[0] is not None
        await loans[0].done()
        assert not judge.full
        assert await judge.take(10) is not None


async def test_a_judge_that_lost_its_lock_cannot_take_the_stream_back(nats: NatsCluster) -> None:
    async with jetstream(nats) as stream:
        await successor(stream, 7)
        with pytest.raises(StorageError, match="taken"):
            await successor(stream, 6)


async def test_a_leader_that_is_killed_costs_nothing_and_changes_no_order(nats: NatsCluster) -> None:
    total = 4_000
    async with jetstream(nats) as stream, stream.outlet("a") as out:
        assert stream.cluster

        async def fill() -> None:
            for number in range(0, total, 10):
                await out.put([told("BTC", n) for n in range(number, number + 10)])
                await asyncio.sleep(0)

        filling = asyncio.create_task(fill())
        taken = await all_taken(stream.inlet, 500)
        node = await nats.leader(f"{stream.cluster.name}-seen-0")
        nats.kill(node)
        try:
            taken += await all_taken(stream.inlet, total - len(taken))
        finally:
            nats.start(node)
            await nats.ready()
        await filling
        assert taken == [told("BTC", n) for n in range(total)]


async def test_a_collector_that_hears_nothing_says_how_far_it_is_and_at_last_good_bye(
    nats: NatsCluster,
) -> None:
    async with jetstream(nats) as stream:
        async with stream.outlet("a"):
            loan = await stream.inlet.take(10)
            assert loan is not None
            assert (loan.item.sender, loan.item.leaves) == ("a", False)
            assert loan.item.until is not None
        async with asyncio.timeout(10):
            while loan is None or not loan.item.leaves:
                loan = await stream.inlet.take(1)


async def test_a_message_that_cannot_be_read_is_set_aside_and_the_next_one_is_taken(
    nats: NatsCluster,
) -> None:
    async with jetstream(nats) as stream:
        assert stream.cluster
        await stream.cluster.stream.publish(f"{stream.cluster.name}.seen.0", b"\x93not ours")
        async with stream.outlet("a") as out:
            await out.put([told("BTC", 1)])
            assert await all_taken(stream.inlet, 1) == [told("BTC", 1)]
        assert "MessagePack" in (await stream.reasons())[0] or "Expected" in (await stream.reasons())[0]


@given(st.text(min_size=1, max_size=12), st.integers(1, 64))
def test_every_coin_has_one_partition(asset: str, partitions: int) -> None:
    assert 0 <= partition_of(asset, partitions) < partitions


def test_partitions_are_the_same_in_every_release() -> None:
    """Where they moved, two judges would tell of one coin while a fleet is upgraded."""
    coins = ("BTC", "ETH", "SOL", "XRP", "DOGE")
    assert [partition_of(asset, 4) for asset in coins] == PINNED


PINNED = [2, 3, 2, 0, 2]


def test_there_and_back_is_nothing() -> None:
    parcel = Parcel([told("BTC", 1), told("ETH", 2)], "a", NOON, leaves=True)
    assert unpack(pack(parcel, NOON)) == parcel


def test_what_a_newer_release_added_is_passed_over() -> None:
    ours = msgspec.msgpack.decode(pack(Parcel([told("BTC", 1)], "a"), NOON))
    newer = ours | {"version": 2, "region": "eu", "said": [{"type": "dream", "of": "BTC"}, *ours["said"]]}
    newer["said"][1]["colour"] = "red"
    assert unpack(msgspec.msgpack.encode(newer)) == Parcel([told("BTC", 1)], "a", NOON)
    with pytest.raises(Unreadable):
        unpack(msgspec.msgpack.encode(newer | {"version": 1}))


async def test_a_message_under_way_when_the_line_broke_comes_again(nats: NatsCluster) -> None:
    """A judge that is told of a gap reads anew from what it has not given back, and takes nothing twice."""
    async with jetstream(nats) as stream, stream.outlet("a") as out:
        inlet = stream.inlet
        assert isinstance(inlet, JetInlet)
        await out.put([told("BTC", 0)])
        loan = await inlet.take(10)
        assert loan is not None
        await inlet.open()  # as it does then
        await out.put([told("BTC", 1)])
        assert await all_taken(inlet, 1) == [told("BTC", 1)]
        await loan.done()


@pytest.mark.parametrize(
    ("given", "replicas", "remedy"),
    [
        ("", 1, "nobody answers for it); switch JetStream on"),
        ("jetstream {}", 3, "set [streams] replicas = 1"),
        ("jetstream {max_file_store: 100MB}", 1, "room for 1 GiB a partition"),
        ("jetstream {}\nmax_payload: 64KB", 1, "set its max_payload to 1MB"),
    ],
    ids=["no JetStream", "alone", "no room", "small messages"],
)
async def test_a_cluster_that_cannot_keep_a_stream_is_told_with_what_to_do(
    tmp_path: Path, given: str, replicas: int, remedy: str
) -> None:
    (tmp_path / "nats.conf").write_text(given.replace("{", '{store_dir: "js"\n'))
    with single(tmp_path, "-c", "nats.conf") as url:
        async with open_cluster(StreamsSettings(servers=(url,), replicas=replicas), patience_s=1) as cluster:
            with pytest.raises(StorageError) as refused:
                await cluster.make_streams()
    assert remedy in str(refused.value)


async def test_who_stops_while_the_cluster_is_away_stops_without_a_fault(tmp_path: Path) -> None:
    async with AsyncExitStack() as later:
        with ExitStack() as server:
            url = server.enter_context(single(tmp_path))
            async with open_cluster(StreamsSettings(servers=(url,))) as cluster, asyncio.timeout(10):
                server.close()
                came = await later.enter_async_context(resetting(url))
                await came.wait()
                await cluster.client.publish("members", b"good-bye")
                while not isinstance(cluster.client.last_error, ConnectionResetError):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
