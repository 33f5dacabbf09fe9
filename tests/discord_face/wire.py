"""Requests and answers as Discord writes them."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.discord_face.limits import faults, faults_of_modal, is_empty


def error(status: int, code: int, message: str, **more: Any) -> web.Response:
    return reply({"message": message, "code": code, **more}, status)


def reply(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    body = b"" if status == 204 else json.dumps(data).encode()
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


async def body_of(request: web.Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    if not request.can_read_body:
        return {}, {}
    if request.content_type != "multipart/form-data":
        return await request.json(), {}
    form = await request.post()
    files = {name: part.file.read() for name, part in form.items() if isinstance(part, web.FileField)}
    said = form["payload_json"]
    if isinstance(said, web.FileField):
        said = files.pop("payload_json").decode()
    return json.loads(str(said)), files


def refused(body: dict[str, Any]) -> web.Response | None:
    if broken := faults(body):
        return error(400, 50035, "Invalid Form Body", errors=broken)
    if is_empty(body):
        return error(400, 50006, "Cannot send an empty message")
    return None


ANSWERS = {
    2: {4, 5, 9},
    3: {4, 5, 6, 7, 9},
    4: {8},
    5: {4, 5, 6, 7},
}
"""First answers by kind of interaction: 4 message, 5 and 6 deferred, 7 update, 8 suggestions, 9 form."""


def refused_callback(kind: int, body: dict[str, Any]) -> web.Response | None:
    """A first answer that does not fit the interaction, or breaks a limit."""
    data = body.get("data") or {}
    if body["type"] not in ANSWERS[kind]:
        return error(400, 50035, "Invalid Form Body", errors={"type": {"_errors": []}})
    if body["type"] == 9 and (broken := faults_of_modal(data)):
        return error(400, 50035, "Invalid Form Body", errors=broken)
    return refused(data) if body["type"] in (4, 7) else None


def cut(request: web.Request) -> web.Response:
    """The connection ends without an answer."""
    assert request.transport
    request.transport.abort()
    return web.Response()
