"""A local Discord: REST and gateway as documented, with every fault on demand."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from time import monotonic
from typing import Any

from aiohttp import web

from tests.discord_face.gateway import Gateway
from tests.discord_face.payloads import (
    ALERTS,
    APPLICATION,
    BOT,
    DIRECT,
    GUILD,
    MANAGE_GUILD,
    MEMBER,
    OWNER,
    POST,
    SECRET,
    SYSTEM,
    WRITE,
    channel,
    guild,
    member,
    user,
)
from tests.discord_face.records import TOKEN, Fault, Interaction, Request
from tests.discord_face.wire import body_of, cut, error, refused, refused_callback, reply

ACK_WITHIN_S = 3.0


class Discord:
    """The service with one server (guild), its channels, and a direct message."""

    def __init__(self) -> None:
        self.api = ""
        self.gateway = Gateway(TOKEN)
        self.requests: list[Request] = []
        self.commands: list[dict[str, Any]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.pictures: dict[str, dict[str, bytes]] = {}
        self.interactions: dict[str, Interaction] = {}
        self.channels = {SYSTEM, ALERTS, POST, SECRET, DIRECT}
        self.nonces: dict[tuple[str, str], str] = {}
        self.limit: tuple[int, float] = (1000, 1.0)
        """Requests to a channel within seconds."""
        self._sent: dict[str, deque[float]] = {}
        self._faults: list[tuple[str, re.Pattern[str], Fault]] = []
        self._ids = count(10_000_000)
        self.in_flight: dict[str, int] = {}
        self.most_in_flight = 0
        self.hold: asyncio.Event | None = None
        """Messages are answered once it is set."""
        self.gateway.ready = [
            ("READY", self._ready()),
            ("GUILD_CREATE", guild()),
        ]

    def fail(self, method: str, path: str, *faults_: Fault) -> None:
        """The next requests whose path matches are answered with these faults, in order."""
        self._faults += [(method, re.compile(path), fault) for fault in faults_]

    def asked(self, method: str, path: str) -> list[Request]:
        return [r for r in self.requests if r.method == method and re.fullmatch(path, r.path)]

    # --- what is served ----------------------------------------------------------------------------

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        app = web.Application(client_max_size=30 * 1024 * 1024)
        app.router.add_get("/gateway/", self.gateway.handle)
        app.router.add_route("*", "/api/v10/{path:.*}", self._rest)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]
            self.gateway.url = f"ws://127.0.0.1:{port}/gateway/"
            yield f"http://127.0.0.1:{port}/api/v10"
        finally:
            await runner.cleanup()

    async def _rest(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/api/v10")
        body, files = await body_of(request)
        asked = Request(request.method, path, body, files, dict(request.headers), monotonic())
        self.requests.append(asked)
        fault = self._fault(request.method, path)
        if fault is None or fault.after:
            found = await self._carry_out(asked)
        if fault is None:
            return found
        return cut(request) if fault.cut else self._refusal(fault)

    def _fault(self, method: str, path: str) -> Fault | None:
        for n, (wanted, pattern, fault) in enumerate(self._faults):
            if wanted == method and pattern.fullmatch(path):
                del self._faults[n]
                return fault
        return None

    def _refusal(self, fault: Fault) -> web.Response:
        body = fault.body if fault.body is not None else {"message": fault.message, "code": fault.code}
        return reply(body, fault.status, fault.headers)

    async def _carry_out(self, asked: Request) -> web.Response:
        for method, pattern, handler in self._routes():
            if method == asked.method and (found := re.fullmatch(pattern, asked.path)):
                named = asked.headers.get("Authorization") == f"Bot {TOKEN}"
                if not named and not asked.path.startswith(("/interactions/", "/webhooks/")):
                    return error(401, 0, "401: Unauthorized")
                answer: web.Response = await handler(asked, *found.groups())
                return answer
        return error(404, 0, "404: Not Found")

    def _routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        return [
            ("GET", "/users/@me", self._me),
            ("GET", "/oauth2/applications/@me", self._application),
            ("PUT", r"/applications/\d+/commands", self._commands),
            ("POST", "/users/@me/channels", self._direct),
            ("POST", r"/channels/(\d+)/messages", self._post),
            ("PATCH", r"/channels/(\d+)/messages/(\d+)", self._patch),
            ("POST", r"/interactions/(\d+)/([\w-]+)/callback", self._callback),
            ("PATCH", r"/webhooks/\d+/([\w-]+)/messages/@original", self._original),
        ]

    async def _me(self, _: Request) -> web.Response:
        return reply(user(BOT, bot=True))

    async def _application(self, _: Request) -> web.Response:
        return reply(
            {
                "id": APPLICATION,
                "name": "Washout",
                "icon": None,
                "description": "",
                "bot_public": True,
                "bot_require_code_grant": False,
                "summary": "",
                "verify_key": "",
                "flags": 0,
                "team": None,
                "owner": user(OWNER),
            }
        )

    async def _commands(self, request: Request) -> web.Response:
        self.commands = request.json
        made = [
            {"id": str(next(self._ids)), "application_id": APPLICATION, "version": "1", **command}
            for command in self.commands
        ]
        return reply(made)

    async def _direct(self, request: Request) -> web.Response:
        return reply({"id": DIRECT, "type": 1, "recipients": [user(str(request.json["recipient_id"]))]})

    # --- messages ----------------------------------------------------------------------------------

    async def _post(self, request: Request, channel: str) -> web.Response:
        if channel not in self.channels:
            return error(404, 10003, "Unknown Channel")
        if (limited := self._limited(channel)) is not None:
            return limited
        async with self._flight(channel):
            body = request.json
            if broken := refused(body):
                return broken
            name = (channel, str(body.get("nonce")))
            if body.get("enforce_nonce") and name in self.nonces:
                return reply(self.messages[self.nonces[name]], headers=self._headers(channel))
            made = self._message(channel, body, request.files)
            self.nonces[name] = made["id"]
            return reply(made, headers=self._headers(channel))

    async def _patch(self, request: Request, channel: str, message: str) -> web.Response:
        if channel not in self.channels:
            return error(404, 10003, "Unknown Channel")
        if message not in self.messages:
            return error(404, 10008, "Unknown Message")
        async with self._flight(channel):
            if broken := refused({**self.messages[message], **request.json}):
                return broken
            return reply(self._revise(message, request.json, request.files))

    @asynccontextmanager
    async def _flight(self, channel: str) -> AsyncIterator[None]:
        self.in_flight[channel] = self.in_flight.get(channel, 0) + 1
        self.most_in_flight = max(self.most_in_flight, *self.in_flight.values())
        try:
            if self.hold is not None:
                await self.hold.wait()
            yield
        finally:
            self.in_flight[channel] -= 1

    def _limited(self, channel: str) -> web.Response | None:
        limit, window = self.limit
        sent, now = self._sent.setdefault(channel, deque()), monotonic()
        while sent and sent[0] <= now - window:
            sent.popleft()
        if len(sent) < limit:
            sent.append(now)
            return None
        wait = round(sent[0] + window - now, 3)
        headers = {"Retry-After": str(int(wait) + 1), "Via": "1.1 google", "X-RateLimit-Scope": "user"}
        body = {"message": "You are being rate limited.", "retry_after": wait, "global": False}
        return reply(body, 429, headers)

    def _headers(self, channel: str) -> dict[str, str]:
        limit, window = self.limit
        left = limit - len(self._sent.get(channel, ()))
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(left, 0)),
            "X-RateLimit-Reset": "0",
            "X-RateLimit-Reset-After": f"{window:.3f}",
            "X-RateLimit-Bucket": "messages",
        }

    def _message(self, channel: str, body: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": str(next(self._ids)),
            "channel_id": channel,
            "author": user(BOT, bot=True),
            "timestamp": "2025-10-10T21:24:00.000000+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "pinned": False,
            "type": 0,
            "flags": body.get("flags", 0),
            "content": "",
            "embeds": [],
            "components": [],
            "attachments": [],
        }
        self.messages[made["id"]] = made
        if "message_reference" in body:
            made["message_reference"] = body["message_reference"]
        return self._revise(made["id"], body, files)

    def _revise(self, message: str, body: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
        made = self.messages[message]
        for name in ("content", "embeds", "components"):
            if name in body:
                made[name] = body[name] or ("" if name == "content" else [])
        if "attachments" in body:
            made["attachments"] = [
                {
                    "id": str(next(self._ids)),
                    "filename": entry["filename"],
                    "description": entry.get("description"),
                    "size": len(files[f"files[{entry['id']}]"]),
                    "url": "https://cdn.example/wave.png",
                    "proxy_url": "https://cdn.example/wave.png",
                }
                for entry in body["attachments"]
            ]
            self.pictures[message] = files
        made["roles_pinged"] = (body.get("allowed_mentions") or {}).get("roles", [])
        return made

    # --- interactions ------------------------------------------------------------------------------

    async def _callback(self, request: Request, number: str, token: str) -> web.Response:
        asked = self.interactions.get(number)
        if asked is None or asked.token != token or monotonic() - asked.at > ACK_WITHIN_S:
            return error(404, 10062, "Unknown interaction")
        if asked.callback is not None:
            return error(400, 40060, "Interaction has already been acknowledged.")
        body = request.json
        data = body.get("data") or {}
        if broken := refused_callback(asked.type, body):
            return broken
        asked.callback = body
        asked.acknowledged.set()
        if body["type"] in (4, 7):
            asked.message = self._message(SYSTEM, data, request.files)
            asked.files = request.files
        if body["type"] in (4, 7, 8, 9):
            asked.message = asked.message or data
            asked.done.set()
        made = {"id": number, "type": asked.type, "response_message_id": (asked.message or {}).get("id", "1")}
        resource = {"type": body["type"], "message": asked.message} if body["type"] in (4, 7) else None
        return reply({"interaction": made, **({"resource": resource} if resource else {})})

    async def _original(self, request: Request, token: str) -> web.Response:
        asked = next((i for i in self.interactions.values() if i.token == token), None)
        if asked is None or asked.callback is None:
            return error(404, 10015, "Unknown Webhook")
        if broken := refused(request.json):
            return broken
        if asked.message is None:
            asked.message = self._message(SYSTEM, request.json, request.files)
        else:
            self._revise(asked.message["id"], request.json, request.files)
        asked.files = request.files
        asked.done.set()
        return reply(asked.message)

    async def interact(self, kind: int, data: dict[str, Any], **more: Any) -> Interaction:
        """A person does something; ``more`` replaces fields of the event."""
        number = str(next(self._ids))
        asked = Interaction(number, f"interaction-token-{number}", kind, monotonic())
        self.interactions[number] = asked
        event = {
            "id": number,
            "application_id": APPLICATION,
            "type": kind,
            "token": asked.token,
            "version": 1,
            "data": data,
            "guild_id": GUILD,
            "channel_id": ALERTS,
            "channel": channel(ALERTS, 0, "alerts"),
            "member": member(MEMBER, permissions=WRITE),
            "app_permissions": str(WRITE),
            "locale": "en-US",
            "guild_locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": GUILD},
            "context": 0,
            "attachment_size_limit": 20 * 1024 * 1024,
            **more,
        }
        await self.gateway.dispatch("INTERACTION_CREATE", {k: v for k, v in event.items() if v is not None})
        return asked

    async def command(self, name: str, *, manager: bool = False, **options: str) -> Interaction:
        data = {
            "id": "1",
            "name": name,
            "type": 1,
            "options": [{"name": key, "type": 3, "value": value} for key, value in options.items()],
        }
        rights = WRITE | MANAGE_GUILD if manager else WRITE
        return await self.interact(2, data, member=member(MEMBER, permissions=rights))

    async def press(
        self, message: dict[str, Any], custom_id: str, *, rights: int = WRITE, values: list[str] | None = None
    ) -> Interaction:
        data: dict[str, Any] = {"custom_id": custom_id, "component_type": 3 if values else 2}
        if values:
            data["values"] = values
        return await self.interact(3, data, message=message, member=member(MEMBER, permissions=rights))

    def _ready(self) -> dict[str, Any]:
        return {
            "v": 10,
            "user": user(BOT, bot=True),
            "guilds": [{"id": GUILD, "unavailable": True}],
            "application": {"id": APPLICATION, "flags": 0},
        }
