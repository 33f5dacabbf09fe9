"""Cards and chat lines as HTML fragments. Everything is escaped; there is no inline style or script.

Commands to tap belong to the page's one form ``tap``, so they work without JavaScript. On pages to read, a
command that has a page of its own is a link to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from html import escape

from bot.domain.cards import Attachment, Button, Card, Picture, Table, Tone
from bot.domain.posts import ChatMessage
from bot.domain.waves import Wave
from handlers.numbers import dated, day
from handlers.speech import N_, _, ngettext
from handlers.web.html import Child, Html, el, join

_AMOUNT = re.compile(
    r"(?<![\d:.,])[−+≥]?\$?\d[\d,.]*(?: (?:%|[kMBT]|s|min|h|days|[A-Z0-9]{2,6})(?!\w))+|[−+]\$[\d,.]+"
)
PICTURE = (800, 600)
"""How large pictures are made, so that a page leaves room for one that is still to come."""
_MARKS = re.compile(r"\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`")
_WAVE_COMMAND = re.compile(r"/(?P<what>wave|why) (?P<id>[\w-]+)")
_WAVES_COMMAND = re.compile(r"/resets (?P<coin>[a-z0-9]{1,20})")

TONE_WORDS = {
    Tone.FLUSH: N_("flush"),
    Tone.SQUEEZE: N_("squeeze"),
    Tone.UNWIND: N_("unwind"),
    Tone.OVER: N_("over"),
    Tone.RETRACTED: N_("retracted"),
    Tone.WARNING: N_("warning"),
}
PAGES = {
    "/resets": "/waves",
    "/scorecard": "/scorecard",
    "/venues": "/board#venues",
    "/top": "/board",
    "/oi": "/board",
}
"""Commands that a page answers."""

Tap = Callable[[str, Child, str], Html]
"""A command, what is shown for it, and a class: the element that says or shows it."""


def tapped(command: str, shown: Child, cls: str = "") -> Html:
    """A button that says the command."""
    return el("button", shown, cls=cls or None, form="tap", name="text", value=command)


def linked(command: str, shown: Child, cls: str = "") -> Html:
    """A link where a page answers the command, otherwise the words alone: for who may not say anything."""
    href = page_of(command)
    return el("a", shown, cls=cls or None, href=href) if href else el("code", shown)


def tapped_or_linked(command: str, shown: Child, cls: str = "") -> Html:
    """A link where a page answers the command, otherwise a button that says it."""
    return (linked if page_of(command) else tapped)(command, shown, cls)


def page_of(command: str) -> str | None:
    """The page that answers a command, where there is one."""
    if found := _WAVE_COMMAND.fullmatch(command):
        return f"/wave/{found['id']}{'#why' if found['what'] == 'why' else ''}"
    if found := _WAVES_COMMAND.fullmatch(command):
        return f"/waves?coin={found['coin'].upper()}"
    return PAGES.get(command)


def message_html(message: ChatMessage, quoted: ChatMessage | None = None) -> Html:
    """One ``<article>`` with its number and revision; ``quoted`` is the message it replies to."""
    mine = message.who == "you"
    kind = "you" if mine else f"bot tone-{message.card.tone if message.card else Tone.ANSWER}"
    return el(
        "article",
        _quote(message, quoted),
        card_html(message.card, _picture_url(message)) if message.card else el("p", message.text, cls="line"),
        file_html(message.card.attachment, message.number) if message.card else None,
        _when(message),
        cls=f"message {kind}",
        id=f"m{message.number}",
        data_number=message.number,
        data_revision=message.revision,
        aria_label=_("You") if mine else "Washout",
    )


def card_html(card: Card, picture_url: str, tap: Tap = tapped, *, heading: str = "h2") -> Html:
    """``picture_url`` is only used where the card has a picture; ``heading`` is the element of its title."""
    return join(
        (
            el("p", marked(card.banner, tap), cls="card-banner") if card.banner else None,
            el(heading, mark(card.tone), marked(card.title, tap), cls="title"),
            (el("p", marked(line.text, tap), cls="line") for line in card.lines),
            figure_html(card.picture, picture_url) if card.picture else None,
            table_html(card.table, unmarked(card.title), tap) if card.table else None,
            el("p", marked(card.footer, tap), cls="footer") if card.footer else None,
            buttons_html(card.buttons, tap),
        )
    )


def buttons_html(buttons: Iterable[Button], tap: Tap = tapped) -> Html | None:
    shown = [tap(button.command, unmarked(button.label), "") for button in buttons]
    return el("div", shown, cls="buttons") if shown else None


def marked(text: str, tap: Tap = tapped) -> Html:
    """``**bold**`` and `` `code` ``; code that begins with a slash is a command to tap."""
    parts, end = [], 0
    for found in _MARKS.finditer(text):
        parts.append(_unbroken(text[end : found.start()]))
        parts.append(_marked_part(found, tap))
        end = found.end()
    return join((*parts, _unbroken(text[end:])))


def unmarked(text: str) -> str:
    """The same words without the marks."""
    return _MARKS.sub(lambda found: unmarked(found["bold"] or found["code"]), text)


def stamp(at: datetime, *, year: bool = False) -> Html:
    """``10 Oct 21:24 UTC`` for a machine and a person."""
    told = dated(at) if year else day(at)
    full = f"{dated(at)} {at:%H:%M:%S} UTC"
    return el("time", f"{told} {at:%H:%M} UTC", datetime=f"{at:%Y-%m-%dT%H:%M:%SZ}", title=full)


def mark(tone: Tone) -> Html | None:
    """The coloured shape before a title; its name is read out."""
    if tone is Tone.ANSWER:
        return None
    return el("span", cls="mark", role="img", aria_label=_(TONE_WORDS[tone]))


def _unbroken(text: str) -> Html:
    """Browsers would leave the sign of −$3.4 B, or the 5.5 of 5.5 %, at the end of a line."""
    return Html(_AMOUNT.sub(r'<span class="sum">\g<0></span>', escape(text)))


def _marked_part(found: re.Match[str], tap: Tap) -> Html:
    if found["bold"] is not None:
        return el("strong", marked(found["bold"], tap))
    code = found["code"]
    return tap(code, code, "command") if code.startswith("/") else el("code", code)


def _quote(message: ChatMessage, quoted: ChatMessage | None) -> Html | None:
    if message.reply_to is None:
        return None
    if quoted is None:
        return el("p", _("follows an earlier message"), cls="quote")
    words = unmarked(quoted.card.title) if quoted.card else quoted.text
    follows = el("span", _("Follows:"), " ", cls="hidden")
    return el("a", follows, words, cls="quote", href=f"#m{quoted.number}")


def _when(message: ChatMessage) -> Html:
    if not message.revision:
        return el("p", stamp(message.at), cls="when")
    before, _sep, after = _("revised {time} · edit {count}").partition("{time}")
    times = ngettext("revised {n} time", "revised {n} times", message.revision).format(n=message.revision)
    return el("p", before, stamp(message.at), after.format(count=message.revision), cls="when", title=times)


def file_html(attached: Attachment | None, number: int) -> Html | None:
    """A link that saves the file."""
    if attached is None:
        return None
    link = el("a", attached.name, href=f"/file/{number}", download=attached.name)
    return el("p", link, cls="line")


def _picture_url(message: ChatMessage) -> str:
    return f"/picture/{message.number}-{message.revision}.svg"


def picture_path(wave: Wave) -> str:
    """Of a wave's picture, to whoever may read its page."""
    return f"/wave/{wave.id}/{wave.revision}.svg"


def figure_html(picture: Picture, url: str) -> Html:
    image = el(
        "img", src=url, alt=unmarked(picture.alt), decoding="async", width=PICTURE[0], height=PICTURE[1]
    )
    alone = _("Open the picture alone")
    return el("figure", el("a", image, href=url, target="_blank", rel="noopener", title=alone))


def table_html(table: Table, name: str, tap: Tap = tapped) -> Html:
    """A table that scrolls by itself where it is too wide, also by keyboard."""

    def side(place: int) -> str:
        return "right" if place in table.right else "left"

    heads = (
        el("th", marked(head, tap), cls=side(place), scope="col") for place, head in enumerate(table.heads)
    )
    rows = (
        el("tr", (_cell(place, cell, side(place), tap) for place, cell in enumerate(cells)))
        for cells in table.rows
    )
    return el(
        "div",
        el(
            "table",
            el("thead", el("tr", heads)) if any(table.heads) else None,
            el("tbody", rows),
        ),
        cls="table",
        role="group",
        tabindex=0,
        aria_label=name,
    )


def _cell(place: int, text: str, side: str, tap: Tap) -> Html:
    if place == 0:
        return el("th", marked(text, tap), cls=side, scope="row")
    return el("td", marked(text, tap), cls=side)
