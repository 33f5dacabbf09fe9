"""Cards and chat lines as HTML fragments. Everything is escaped; there is no inline style or script.

Buttons and tappable commands belong to the page's one form ``tap``, so they work without JavaScript.
"""

from __future__ import annotations

import re
from datetime import datetime
from html import escape

from bot.domain.cards import Button, Card, Picture, Table, Tone
from bot.domain.posts import ChatMessage

_AMOUNT = re.compile(r"[−+≥]?\$?\d[\d,.]*(?: (?:%|[kMBT]|s|min|h|days|[A-Z0-9]{2,6})(?!\w))+|[−+]\$[\d,.]+")
_MARKS = re.compile(r"\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`")


def message_html(message: ChatMessage, quoted: ChatMessage | None = None) -> str:
    """One ``<article>`` with its number and revision; ``quoted`` is the message it replies to."""
    mine = message.who == "you"
    kind = "you" if mine else f"bot tone-{message.card.tone if message.card else Tone.ANSWER}"
    body = card_html(message.card, _picture_url(message)) if message.card else _spoken(message.text)
    return (
        f'<article class="message {kind}" id="m{message.number}" data-number="{message.number}"'
        f' data-revision="{message.revision}" aria-label="{"You" if mine else "Washout"}">'
        f"{_quote(message, quoted)}{body}{_when(message)}</article>"
    )


def card_html(card: Card, picture_url: str) -> str:
    """``picture_url`` is only used where the card has a picture."""
    parts = [f'<p class="card-banner">{marked(card.banner)}</p>' if card.banner else ""]
    parts.append(f'<h2 class="title">{_mark(card.tone)}{marked(card.title)}</h2>')
    parts += [f'<p class="line">{marked(line.text)}</p>' for line in card.lines]
    if card.picture:
        parts.append(_figure(card.picture, picture_url))
    if card.table:
        parts.append(_table(card.table, card.title))
    if card.footer:
        parts.append(f'<p class="footer">{marked(card.footer)}</p>')
    if card.buttons:
        parts.append(f'<div class="buttons">{"".join(map(_button, card.buttons))}</div>')
    return "".join(parts)


def marked(text: str) -> str:
    """``**bold**`` and `` `code` ``; code that begins with a slash is a command to tap."""
    parts, end = [], 0
    for found in _MARKS.finditer(text):
        parts.append(_unbroken(text[end : found.start()]))
        parts.append(_marked_part(found))
        end = found.end()
    return "".join(parts) + _unbroken(text[end:])


def unmarked(text: str) -> str:
    """The same words without the marks."""
    return _MARKS.sub(lambda found: unmarked(found["bold"] or found["code"]), text)


def stamp(at: datetime, *, short: bool = False) -> str:
    """``10 Oct 21:24 UTC`` for a machine and a person."""
    text = f"{at:%H:%M}" if short else f"{at.day} {at:%b %H:%M} UTC"
    return f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}" title="{at.day} {at:%b %Y %H:%M:%S} UTC">{text}</time>'


def _unbroken(text: str) -> str:
    """Browsers would leave the sign of −$3.4 B, or the 5.5 of 5.5 %, at the end of a line."""
    return _AMOUNT.sub(r'<span class="sum">\g<0></span>', escape(text))


def _marked_part(found: re.Match[str]) -> str:
    if found["bold"] is not None:
        return f"<strong>{marked(found['bold'])}</strong>"
    code = found["code"]
    if code.startswith("/"):
        return f'<button class="command" {_tap(code)}>{escape(code)}</button>'
    return f"<code>{escape(code)}</code>"


def _tap(command: str) -> str:
    return f'form="tap" name="text" value="{escape(command)}"'


def _button(button: Button) -> str:
    return f"<button {_tap(button.command)}>{escape(unmarked(button.label))}</button>"


def _mark(tone: Tone) -> str:
    if tone is Tone.ANSWER:
        return ""
    return f'<span class="mark" role="img" aria-label="{tone}"></span>'


def _spoken(text: str) -> str:
    return f'<p class="line">{escape(text)}</p>'


def _quote(message: ChatMessage, quoted: ChatMessage | None) -> str:
    if message.reply_to is None:
        return ""
    if quoted is None:
        return '<p class="quote">follows an earlier message</p>'
    words = unmarked(quoted.card.title) if quoted.card else quoted.text
    return (
        f'<a class="quote" href="#m{quoted.number}"><span class="hidden">Follows: </span>{escape(words)}</a>'
    )


def _when(message: ChatMessage) -> str:
    if not message.revision:
        return f'<p class="when">{stamp(message.at)}</p>'
    times = "once" if message.revision == 1 else f"{message.revision} times"
    return (
        f'<p class="when" title="revised {times}">revised {stamp(message.at)} · edit {message.revision}</p>'
    )


def _picture_url(message: ChatMessage) -> str:
    return f"/picture/{message.number}-{message.revision}.svg"


def _figure(picture: Picture, url: str) -> str:
    return (
        f'<figure><a href="{url}" target="_blank" rel="noopener" title="Open the picture alone">'
        f'<img src="{url}" alt="{escape(unmarked(picture.alt))}" decoding="async"></a></figure>'
    )


def _table(table: Table, title: str) -> str:
    def row(tag: str, cells: tuple[str, ...]) -> str:
        return "".join(
            f'<{tag} class="{"right" if place in table.right else "left"}">{marked(cell)}</{tag}>'
            for place, cell in enumerate(cells)
        )

    heads = f"<thead><tr>{row('th', table.heads)}</tr></thead>" if any(table.heads) else ""
    rows = "".join(f"<tr>{row('td', cells)}</tr>" for cells in table.rows)
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{escape(unmarked(title))}">'
        f"<table>{heads}<tbody>{rows}</tbody></table></div>"
    )
