"""What Telegram looks at in a request, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from aiohttp import web

TOKEN = "123456:a-secret-nobody-may-see"
USERNAME = "washout_bot"
BOT = {"id": 123456, "is_bot": True, "first_name": "Washout", "username": USERNAME}
TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote"}

Said = Mapping[str, Any]


@dataclass
class Failure:
    """What is answered instead: a description with its code, or raw bytes, or nothing at all."""

    code: int
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    drop: bool = False
    after: bool = False
    """The request is carried out first, and only its answer is lost."""


class _Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.open, self.bad = "", list[str](), ""
        self.feed(text)
        self.close()
        if self.open:
            self.bad = f"can't find end tag corresponding to start tag {self.open[-1]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.bad = f'unsupported start tag "{tag}"'
        if {"code", "pre"} & set(self.open):
            self.bad = f'nested tag "{tag}"'
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.bad = f'unexpected end tag "{tag}"'

    def handle_data(self, data: str) -> None:
        self.text += data


class Refused(Exception):
    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.failure = Failure(code, description, parameters)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def parsed(text: str, most: int, what: str) -> str:
    """The text as it is shown. Raises ``Refused`` as Telegram does."""
    found = _Parsed(text)
    if found.bad:
        raise Refused(400, f"Bad Request: can't parse entities: {found.bad}")
    shown = found.text.strip()
    if units(shown) > most:
        raise Refused(400, f"Bad Request: message {what}is too long")
    return shown


RIGHTS = (
    *("can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats"),
    *("can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users"),
    *("can_post_stories", "can_edit_stories", "can_delete_stories"),
)
GIFTS = dict.fromkeys(
    ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), True
)


def user(number: int) -> dict[str, Any]:
    return {"id": number, "is_bot": False, "first_name": f"Person {number}", "username": f"person{number}"}


def markup_of(data: Said) -> dict[str, Any]:
    markup = data.get("reply_markup")
    if markup is None:
        return {}
    buttons = [button for row in markup["inline_keyboard"] for button in row]
    assert len(buttons) <= 100
    assert all(len(row) <= 8 for row in markup["inline_keyboard"])
    if any(not 1 <= len(button["callback_data"].encode()) <= 64 for button in buttons):
        raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
    return {"reply_markup": markup}


async def fields_of(request: web.Request) -> dict[str, Any]:
    """Fields, with what is JSON decoded; files stand together under the empty name, and ``file_name``."""
    data: dict[str, Any] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            data.setdefault("", {})[name] = value.file.read()
            data["file_name"] = value.filename
        elif isinstance(value, str) and value[:1] in ("{", "["):
            data[name] = json.loads(value)
        else:
            data[name] = value
    return data
