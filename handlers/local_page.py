"""The page of the local chat: one template, three files, no outside assets and nothing inline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

from bot.domain.posts import ChatMessage
from handlers.card_html import message_html
from handlers.local_health import Freshness
from handlers.local_tabs import event_block

FOLDER = Path(__file__).parent / "page"
ASSETS = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # "no-referrer" would make browsers send "Origin: null" with our own form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:; sandbox"


class Status(NamedTuple):
    """The status line; the page's script lets the clock run on between two of them.

    ``at`` is the market's time, ``speed`` its seconds per real second (``None`` when live).
    """

    at: datetime
    speed: float | None
    state: str
    venues: str

    def block(self) -> bytes:
        """As an event of the stream. It has no id: a page that missed one only needs the next."""
        words = {"at": self.at.isoformat(), "speed": self.speed, "state": self.state, "venues": self.venues}
        return event_block("status", json.dumps(words, ensure_ascii=False))


@cache
def asset(name: str) -> bytes:
    """Raises ``KeyError`` for a name that is not one of ours."""
    ASSETS[name]
    return (FOLDER / name).read_bytes()


@cache
def _template() -> Template:
    return Template((FOLDER / "index.html").read_text("utf-8"))


def page_html(
    history: Sequence[ChatMessage],
    *,
    status: Status,
    banner: str,
    commands: Mapping[str, str],
    last_id: str,
) -> str:
    """The whole page, readable without JavaScript. ``commands``: names without slash → what they answer."""
    options = (
        f'<option value="/{escape(name)}" label="{escape(words)}">' for name, words in commands.items()
    )
    return _template().substitute(
        banner=f'<p class="banner" role="note">{escape(banner)}</p>' if banner else "",
        state=status.state,
        venues=escape(status.venues),
        clock=escape(_clock_text(status)),
        messages=history_html(history),
        commands="".join(options),
        last_id=escape(last_id),
    )


def history_html(history: Sequence[ChatMessage]) -> str:
    known = {message.number: message for message in history}
    return "\n".join(message_html(message, known.get(message.reply_to or 0)) for message in history)


def status_now(seen: Freshness, at: datetime, speed: float | None) -> Status:
    state = "blind" if not seen.fresh else "stale" if seen.stale else "fresh"
    return Status(at, speed, state, _venues_text(seen))


def _clock_text(status: Status) -> str:
    """As the page's script writes it."""
    played = "" if status.speed is None else f" · played {status.speed:g}×"
    return f"{status.at.day} {status.at:%b %Y %H:%M:%S} UTC{played}"


def _venues_text(seen: Freshness) -> str:
    if not seen.venues:
        return "no venue asked yet"
    text = f"{seen.fresh} of {seen.venues} venues fresh"
    return f"{text}, not {', '.join(seen.stale)}" if 0 < len(seen.stale) <= 2 else text
