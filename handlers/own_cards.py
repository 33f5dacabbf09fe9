"""What the bot says of itself, and what it says of mistakes, made into cards."""

from __future__ import annotations

from bot.domain.cards import Button, Card, Line, Tone
from bot.domain.posts import Notice
from bot.errors import AskError
from handlers.numbers import clock


def notice_card(notice: Notice) -> Card:
    """Something the bot must say of itself."""
    tone = Tone.OVER if notice.over else Tone.WARNING
    return Card(
        title=notice.title,
        tone=tone,
        lines=(Line(notice.text),),
        footer=f"`/venues` · rev {notice.revision} · {clock(notice.at)}",
    )


def error_card(error: AskError) -> Card:
    """What was expected, and commands that would work. The first sentence is the title."""
    head, stop, rest = error.text.partition(". ")
    if "`" in head or "**" in head:  # a title is bold already and holds no marks
        head, stop, rest = "That did not work", "", error.text
    return Card(
        title=head + stop.strip(),
        tone=Tone.WARNING,
        lines=(Line(rest),) if rest else (),
        buttons=tuple(Button(command, command) for command in error.suggestions),
    )
