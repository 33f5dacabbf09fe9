"""Updates that the library cannot read: one of them must not hold up all that come behind it."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
from telegram import Update

from handlers.telegram.faults import Wire

log = logging.getLogger(__name__)

UNREADABLE = (TypeError, KeyError, AttributeError)
"""What the library raises for an object with a field missing, or of another type than it knows."""


class NewsWire(Wire):
    """The line for ``getUpdates``: the library gives up on all updates of an answer for one of them."""

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        code, payload = await super().do_request(*args, **kwargs)
        if code != httpx.codes.OK:
            return code, payload
        try:
            answer = json.loads(payload)
            answer["result"] = [readable(raw) for raw in answer["result"]]
        except (ValueError, *UNREADABLE):
            return code, payload  # no list of updates: the library says what is wrong
        return code, json.dumps(answer).encode()


def readable(raw: dict[str, Any]) -> dict[str, Any]:
    """The update as it came, or nothing but its number, which counts it as heard."""
    try:
        Update.de_json(dict(raw))
    except (ValueError, *UNREADABLE) as why:
        log.error("an update cannot be read: %s", why, extra={"event": "telegram.unreadable"})
        return {"update_id": raw["update_id"]}
    return raw
