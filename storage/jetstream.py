"""NATS JetStream: the connection of a process to its cluster, and the streams that a fleet shares.

Every name begins with the fleet's own, so that several may use one cluster. Streams are made by whoever comes
first and are brought up to what this release wants of them by whoever comes later.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError
from nats.js.errors import Error as JetStreamError

from bot.errors import StorageError

log = logging.getLogger(__name__)

T = TypeVar("T")

FAULTS = (NatsError, JetStreamError, OSError, TimeoutError)
"""What the library raises of a cluster that cannot be reached, or cannot do now what it is asked."""
CONNECT_S = 2.0
RECONNECT_S = 0.25
PATIENCE_S = 15.0
PING_S = 2.0
"""A line that says nothing for two of these is changed for another."""
CALL_S = 2.0
"""One question to the cluster; a leader is elected anew within a second or two."""
DUPLICATES = timedelta(minutes=2)
MIB = 1024 * 1024
MESSAGE_BYTES = MIB
"""Of what a collector sends in one go; NATS takes as much unless it is told otherwise."""
SEEN_BYTES = 1024 * MIB
"""Of one partition's waiting observations; then collectors wait."""
SET_ASIDE_FOR = timedelta(days=7)


class Secret(Protocol):
    def read(self) -> str | None: ...


class Options(Protocol):
    """What the operator may choose; the table ``[streams]``."""

    @property
    def servers(self) -> Sequence[str]: ...
    @property
    def name(self) -> str: ...
    @property
    def replicas(self) -> int: ...
    @property
    def partitions(self) -> int: ...
    @property
    def user(self) -> str | None: ...
    @property
    def password(self) -> Secret: ...
    @property
    def credentials_file(self) -> Path | None: ...


@dataclass
class Cluster:
    """An open connection. ``name`` begins the name of everything of this fleet."""

    client: Client
    stream: JetStreamContext
    options: Options
    patience_s: float = PATIENCE_S

    @property
    def name(self) -> str:
        return self.options.name

    @property
    def connected(self) -> bool:
        return bool(self.client.is_connected)

    async def patiently(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until it is done: the cluster may be electing a leader. Raises ``StorageError`` in the end."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.patience_s
        while True:
            try:
                return await ask()
            except FAULTS as fault:
                if loop.time() > until:
                    why, remedy = _words(fault), _remedy(fault)
                    raise StorageError(f"NATS JetStream does not {what} ({why}){remedy}.") from fault
            await asyncio.sleep(RECONNECT_S)

    async def ensure(self, config: api.StreamConfig) -> None:
        """Make a stream, or bring it up to ``config``. Raises ``StorageError``."""

        async def make() -> None:
            try:
                await self.stream.stream_info(str(config.name))
            except NotFoundError:
                await self.stream.add_stream(config)
            else:
                await self.stream.update_stream(config)

        await self.patiently(f"keep {config.name}", make)

    def config(self, name: str, subject: str, **more: Any) -> api.StreamConfig:
        return api.StreamConfig(
            name=f"{self.name}-{name}",
            subjects=[f"{self.name}.{subject}"],
            num_replicas=self.options.replicas,
            storage=api.StorageType.FILE,
            duplicate_window=DUPLICATES.total_seconds(),
            **more,
        )

    async def make_streams(self, *, seen_bytes: int = SEEN_BYTES) -> None:
        """One stream for each partition, so that each has its own leader; one for what nobody can use.

        Raises ``StorageError``.
        """
        if (most := self.client.max_payload) < MESSAGE_BYTES:
            raise StorageError(f"NATS takes messages of {most} bytes at most; set its max_payload to 1MB.")
        for partition in range(self.options.partitions):
            await self.ensure(
                self.config(
                    f"seen-{partition}",
                    f"seen.{partition}",
                    retention=api.RetentionPolicy.WORK_QUEUE,
                    discard=api.DiscardPolicy.NEW,  # full: the collector is told so, and waits
                    max_bytes=seen_bytes,
                )
            )
        aside = {"max_age": SET_ASIDE_FOR.total_seconds(), "max_bytes": 64 * MIB}
        await self.ensure(self.config("aside", "aside.>", **aside))


_NO_ROOM = "[streams] replicas asks for so many servers, each with room for 1 GiB a partition and 64 MiB"
_REMEDIES = {
    10005: _NO_ROOM,
    10023: _NO_ROOM,
    10028: _NO_ROOM,
    10039: "switch JetStream on for this account",
    10047: _NO_ROOM,
    10074: "start its servers as one cluster, or set [streams] replicas = 1",
    10076: "switch JetStream on (nats-server -js)",
}
"""By ``err_code``: https://github.com/nats-io/nats-server/blob/main/server/errors.json"""


def _remedy(fault: BaseException) -> str:
    if isinstance(fault, ServiceUnavailableError) and fault.err_code is None:  # nobody answers for JetStream
        return f"; {_REMEDIES[10076]}, and see that most of its servers run"
    known = _REMEDIES.get(fault.err_code or 0) if isinstance(fault, APIError) else None
    return f"; {known}" if known else ""


def _words(fault: BaseException) -> str:
    """Without addresses: they may hold a password."""
    if isinstance(fault, APIError):
        return str(fault.description or "nobody answers for it")
    told = re.sub(r"\w+://\S+", "the server", str(fault))
    return f"{type(fault).__name__}: {told}" if told else type(fault).__name__


@asynccontextmanager
async def open_cluster(options: Options, *, patience_s: float = PATIENCE_S) -> AsyncIterator[Cluster]:
    """Connected while the block lasts, and again whenever a server is there. Raises ``StorageError``."""
    newest: Exception | None = None
    refused: Exception | None = None

    async def told(fault: Exception) -> None:
        nonlocal newest, refused
        newest = fault
        if "authorization" in str(fault).lower():
            refused = fault
        log.debug("NATS: %s", _words(fault), extra={"event": "nats.fault"})

    ends = asyncio.Event()

    async def lost() -> None:
        if ends.is_set():
            return
        log.warning("NATS is lost", extra={"event": "nats.lost"})

    async def back() -> None:
        log.info("NATS is back", extra={"event": "nats.back"})

    try:
        async with asyncio.timeout(patience_s):
            client = await nats.connect(
                servers=list(options.servers),
                name=options.name,
                connect_timeout=CONNECT_S,
                reconnect_time_wait=RECONNECT_S,
                max_reconnect_attempts=-1,
                ping_interval=PING_S,
                max_outstanding_pings=1,
                error_cb=told,
                disconnected_cb=lost,
                user=options.user,
                password=options.password.read() if options.user else None,
                user_credentials=str(options.credentials_file) if options.credentials_file else None,
                reconnected_cb=back,
            )
    except FAULTS as fault:
        if refused or "authorization" in str(fault).lower():  # a server that refuses may also just hang up
            raise StorageError(
                "NATS does not let this program in; check [streams] user and the password, which is read from"
                " password_env or password_file, or credentials_file."
            ) from fault
        why = newest or fault
        raise StorageError(
            f"NATS cannot be reached ({_words(why)}); check [streams] url and that a server runs there."
        ) from fault
    try:
        yield Cluster(client, client.jetstream(timeout=CALL_S), options, patience_s)
    finally:
        ends.set()
        with suppress(*FAULTS):  # of a line that is lost already
            await client.close()
