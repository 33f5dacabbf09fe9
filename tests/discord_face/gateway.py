"""The gateway of the local Discord: sessions that can be cut, resumed and made invalid."""

from __future__ import annotations

import asyncio
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15
"""GUILD_MEMBERS, GUILD_PRESENCES and MESSAGE_CONTENT."""
DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11


@dataclass
class Session:
    id: str
    events: list[dict[str, Any]] = field(default_factory=list)
    wire: Wire | None = None

    async def dispatch(self, name: str, data: Any) -> None:
        event = {"op": DISPATCH, "t": name, "s": len(self.events) + 1, "d": data}
        self.events.append(event)
        if self.wire is not None:
            await self.wire.send(event)


class Wire:
    """One websocket, compressed as a whole where the client asked for it."""

    def __init__(self, socket: web.WebSocketResponse, compress: str) -> None:
        self.socket = socket
        self._deflate = zlib.compressobj() if compress == "zlib-stream" else None

    async def send(self, event: dict[str, Any]) -> None:
        if self.socket.closed:
            return
        text = json.dumps(event)
        if self._deflate is None:
            await self.socket.send_str(text)
        else:
            await self.socket.send_bytes(
                self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            )


class Gateway:
    """``ready`` gives the events of a new session; ``token`` is the one that is accepted."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.url = ""
        self.ready: list[tuple[str, Any]] = []
        self.identified: list[dict[str, Any]] = []
        self.resumed: list[dict[str, Any]] = []
        self.sessions: dict[str, Session] = {}
        self.refuse_with: int | None = None
        """A close code for every IDENTIFY from now on."""
        self.connected = asyncio.Event()

    @property
    def session(self) -> Session:
        """The newest."""
        return list(self.sessions.values())[-1]

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        wire = Wire(socket, request.query.get("compress", ""))
        await wire.send({"op": HELLO, "d": {"heartbeat_interval": 41_250}})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            said = json.loads(message.data)
            if said["op"] == HEARTBEAT:
                await wire.send({"op": ACK})
            elif said["op"] == IDENTIFY:
                await self._identify(wire, said["d"])
            elif said["op"] == RESUME:
                await self._resume(wire, said["d"])
        return socket

    async def _identify(self, wire: Wire, said: dict[str, Any]) -> None:
        self.identified.append(said)
        code = self.refuse_with or (4004 if said["token"] != self.token else None)
        code = code or (4014 if said["intents"] & PRIVILEGED else None)
        if code is not None:
            await wire.socket.close(code=code)
            return
        session = Session(f"session-{len(self.sessions) + 1}", wire=wire)
        self.sessions[session.id] = session
        for name, data in self.ready:
            if name == "READY":
                data = {**data, "session_id": session.id, "resume_gateway_url": self.url}
                data |= {"shard": said["shard"]} if "shard" in said else {}
            await session.dispatch(name, data)
        self.connected.set()

    async def _resume(self, wire: Wire, said: dict[str, Any]) -> None:
        self.resumed.append(said)
        session = self.sessions.get(said["session_id"])
        if session is None or said["token"] != self.token:
            await wire.send({"op": INVALID, "d": False})
            return
        session.wire = wire
        for event in session.events[said["seq"] :]:
            await wire.send(event)
        await session.dispatch("RESUMED", {})
        self.connected.set()

    async def dispatch(self, name: str, data: Any) -> None:
        await self.session.dispatch(name, data)

    async def send(self, op: int, data: Any = None) -> None:
        assert self.session.wire
        await self.session.wire.send({"op": op, "d": data})

    async def cut(self) -> None:
        """The line breaks; what happens meanwhile is kept for the resume."""
        wire, self.session.wire = self.session.wire, None
        self.connected.clear()
        assert wire
        transport = wire.socket._req and wire.socket._req.transport
        assert transport
        transport.abort()

    async def close(self, code: int) -> None:
        wire, self.session.wire = self.session.wire, None
        self.connected.clear()
        assert wire
        await wire.socket.close(code=code)
