"""What the bot says of itself, and what it says of mistakes, made into cards."""

from __future__ import annotations

import re

from bot.domain.cards import Button, Card, Line, Tone
from bot.domain.posts import Notice
from bot.errors import AskError
from handlers.core_words import retold
from handlers.numbers import clock
from handlers.speech import _

_STOP = re.compile(r"\. |。")
"""Between two sentences."""


def notice_card(notice: Notice) -> Card:
    """Something the bot must say of itself."""
    tone = Tone.OVER if notice.over else Tone.WARNING
    return Card(
        title=retold(notice.title),
        tone=tone,
        lines=(Line(retold(notice.text)),),
        footer=_("`/venues` · rev {revision} · {at}").format(revision=notice.revision, at=clock(notice.at)),
    )


def error_card(error: AskError) -> Card:
    """What was expected, and commands that would work. The first sentence is the title."""
    stop = _STOP.search(error.text)
    head, rest = (error.text[: stop.end()].strip(), error.text[stop.end() :]) if stop else (error.text, "")
    if "`" in head or "**" in head:  # a title is bold already and holds no marks
        head, rest = _("That did not work"), error.text
    return Card(
        title=head,
        tone=Tone.WARNING,
        lines=(Line(rest),) if rest else (),
        buttons=tuple(Button(command, command) for command in error.suggestions),
    )
