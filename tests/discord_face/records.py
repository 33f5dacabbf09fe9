"""What the local Discord was asked, what it is to answer wrongly, and what people did."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

TOKEN = "MTIz.a-secret-token.of-discord"


@dataclass
class Fault:
    """One answer instead of the usual one: ``after`` the request was carried out, or before."""

    status: int = 500
    code: int = 0
    message: str = "fault"
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    cut: bool = False
    body: dict[str, Any] | None = None


@dataclass
class Request:
    method: str
    path: str
    json: Any
    files: dict[str, bytes]
    headers: dict[str, str]
    at: float


@dataclass
class Interaction:
    """What a person did, and what was answered."""

    id: str
    token: str
    type: int
    at: float
    callback: dict[str, Any] | None = None
    message: dict[str, Any] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ephemeral(self) -> bool:
        assert self.callback
        return bool((self.callback.get("data") or {}).get("flags", 0) & 64)

    async def answer(self, within_s: float = 5.0) -> dict[str, Any]:
        async with asyncio.timeout(within_s):
            await self.done.wait()
        assert self.message
        return self.message
