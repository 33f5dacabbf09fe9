"""The page of the local chat: one template, three files, no outside assets and nothing inline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from bot.domain.posts import ChatMessage
from handlers.card_html import message_html
from handlers.local_health import Freshness

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
    status: Mapping[str, object],
    status_text: str,
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
        state=escape(str(status["state"])),
        status=escape(status_text),
        messages=history_html(history),
        commands="".join(options),
        last_id=escape(last_id),
    )


def history_html(history: Sequence[ChatMessage]) -> str:
    known = {message.number: message for message in history}
    return "\n".join(message_html(message, known.get(message.reply_to or 0)) for message in history)


def status_facts(seen: Freshness, at: datetime, speed: float | None) -> dict[str, object]:
    """For the page's own clock; ``speed`` is market seconds per real second, ``None`` when live."""
    state = "blind" if not seen.fresh else "stale" if seen.stale else "fresh"
    return {
        "at": at.isoformat(),
        "speed": speed,
        "state": state,
        "venues": _venues_text(seen),
    }


def status_text(status: Mapping[str, object], at: datetime) -> str:
    """The same words as the page's script writes: venues, market time, speed."""
    speed = status["speed"]
    played = "" if speed is None else f" · played at {speed:g}×"
    return f"{status['venues']} · {at.day} {at:%b %Y %H:%M:%S} UTC{played}"


def _venues_text(seen: Freshness) -> str:
    if not seen.venues:
        return "no venue asked yet"
    text = f"{seen.fresh} of {seen.venues} venues fresh"
    return f"{text}, not {', '.join(seen.stale)}" if 0 < len(seen.stale) <= 2 else text
