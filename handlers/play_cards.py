"""What is said around a scenario that is played: what it is before it begins, and that it has ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.domain.cards import Button, Card, Line
from handlers.numbers import number
from handlers.speech import _, ngettext


def begin_card(
    title: str, begins: datetime, ends: datetime, speed: float, published: Iterable[tuple[str, str]]
) -> Card:
    """The first message of a play: what is shown, what was published (text and source), what is invented."""
    minutes = max(1, round((ends - begins).total_seconds() / speed / 60))
    shown = ngettext(
        "What follows is a reconstruction: {begin} to {end} UTC, played {speed} × as fast, so it takes "
        "about {n} minute.",
        "What follows is a reconstruction: {begin} to {end} UTC, played {speed} × as fast, so it takes "
        "about {n} minutes.",
        minutes,
    ).format(begin=f"{begins:%H:%M}", end=f"{ends:%H:%M}", speed=f"{speed:g}", n=number(minutes))
    quoted = _("Published: {text} ({source})")
    return Card(
        title=_("{scenario}, told again").format(scenario=title),
        lines=(
            Line(shown),
            *(Line(quoted.format(text=text, source=source), 2) for text, source in published),
            Line(_("What is not quoted here is invented to be plausible; docs/scenarios.md says what.")),
            Line(
                _(
                    "Venues are played by local servers in their own wire format; all else is the real "
                    "program."
                )
            ),
            Line(_("This chat is subscribed. Ask anything meanwhile:")),
        ),
        buttons=(
            Button(_("Open interest"), "/oi btc 24h"),
            Button(_("Venues"), "/venues"),
            Button(_("Help"), "/help"),
        ),
    )


def end_card() -> Card:
    return Card(
        title=_("The reconstruction ends here"),
        lines=(
            Line(
                _(
                    "The market stands nearly still from now on. Everything that was recorded can still be "
                    "asked."
                )
            ),
            Line(_("Start Washout again to see it from the beginning.")),
        ),
    )
