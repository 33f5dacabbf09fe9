"""What this chat is told later: /followups and /digest."""

from __future__ import annotations

import re
from datetime import time, timedelta

from msgspec.structs import replace

from bot.domain.cards import Button, Card, Line, plain
from bot.domain.chats import ChatSettings, Digest
from bot.domain.waves import AFTER, MARKS
from bot.errors import AskError
from handlers.commands.changes import choose
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.later_cards import digest_words
from handlers.numbers import duration, moment
from handlers.quiet_words import clock_words
from handlers.speech import N_, _
from handlers.subscription_words import followed_words
from handlers.words import Parameter, read_text

WHICH = Parameter("on|off|1h off", read_text, rest=True)
WHEN = Parameter("daily 08:00|weekly mon 08:00|off", read_text, rest=True)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAILY, WEEKLY = "/digest daily 08:00", "/digest weekly mon 08:00"
_WHICH = re.compile(r"(?:(1h|24h|7d)\s+)?(on|off)")
_WHEN = re.compile(
    rf"(?:(daily)|(?:weekly\s+)?({'|'.join(DAYS)})(?:(?:s|nes|rs|ur)?days?)?|(weekly))(?:\s+(?:at\s+)?(\d{{1,2}})(?::?([0-5]\d))?)?"
)
MORNING = time(8)


@command(
    "followups",
    N_("Notes under a wave's message 1 h, 24 h and 7 days later"),
    WHICH.optional,
    examples=("/followups", "/followups 1h off", "/followups off", "/followups on"),
    configures=True,
)
async def followups(desk: Desk, ask: Ask) -> Card:
    chosen = await desk.settings(ask.destination)
    if text := (ask.get(WHICH) or "").lower():
        found = _WHICH.fullmatch(text)
        if found is None:
            raise AskError(
                _('I cannot read "{text}". Say which and whether: `/followups 1h off`').format(
                    text=plain(text[:24])
                ),
                "/followups 1h off",
                "/followups off",
            )
        which = {after for after in AFTER if found[1] in (None, MARKS[after])}
        left = set(chosen.unfollowed) - which if found[2] == "on" else set(chosen.unfollowed) | which
        chosen = replace(chosen, unfollowed=tuple(sorted(left)))
        await choose(desk, ask, chosen)
    return _followups_card(chosen)


def _followups_card(chosen: ChatSettings) -> Card:
    return Card(
        title=_("Follow-ups: {times}").format(times=followed_words(chosen)),
        lines=(
            Line(_("A quiet reply to the wave’s message: the price since the low, how much is open again")),
            Line(_("After 24 h and 7 days also what followed resets like it, beside random times")),
        ),
        footer="`/followups 1h off` · `/followups on`",
        buttons=(*(_turn(after, chosen) for after in AFTER), Button(_("All settings"), "/settings")),
    )


def _turn(after: timedelta, chosen: ChatSettings) -> Button:
    if after in chosen.unfollowed:
        return Button(_("With {time}").format(time=duration(after)), f"/followups {MARKS[after]} on")
    return Button(_("Without {time}").format(time=duration(after)), f"/followups {MARKS[after]} off")


@command(
    "digest",
    N_("A quiet summary each day or week"),
    WHEN.optional,
    examples=("/digest daily 08:00", "/digest weekly mon 08:00", "/digest off"),
    configures=True,
)
async def digest(desk: Desk, ask: Ask) -> Card:
    chosen = await desk.settings(ask.destination)
    if text := " ".join((ask.get(WHEN) or "").lower().split()):
        wanted = None if text == "off" else read_digest(text, ask.destination.topic)
        chosen = await choose(desk, ask, replace(chosen, digest=wanted))
    return _digest_card(desk, chosen)


def read_digest(text: str, topic: str = "") -> Digest:
    """``daily 08:00``, ``weekly mon 8``, ``friday 18:30``, ``daily``. Raises ``AskError``."""
    found = _WHEN.fullmatch(text)
    if found is None or int(found[4] or 0) > 23:
        raise AskError(
            _('I cannot read "{text}" as a time for a digest. Write it like `{daily}` or `{weekly}`').format(
                text=plain(text[:24]), daily=DAILY, weekly=WEEKLY
            ),
            DAILY,
            WEEKLY,
        )
    at = time(int(found[4]), int(found[5] or 0)) if found[4] else MORNING
    if found[1]:
        return Digest(at, None, topic)
    return Digest(at, DAYS.index(found[2]) if found[2] else 0, topic)


def _digest_card(desk: Desk, chosen: ChatSettings) -> Card:
    clock = Line(_("By the clock of {clock}").format(clock=clock_words(chosen, desk.wall())))
    choices = (Button(_("Daily 08:00"), DAILY), Button(_("Mondays 08:00"), WEEKLY))
    settings = Button(_("All settings"), "/settings")
    if chosen.digest is None or chosen.digest_due is None:
        return Card(
            title=_("No digest is sent here"),
            lines=(Line(_("It tells, without a sound, open interest, leverage, funding and waves")), clock),
            footer=f"`{DAILY}` · `{WEEKLY}`",
            buttons=(*choices, settings),
        )
    due = moment(desk.here(chosen.digest_due), desk.wall())
    return Card(
        title=_("Digest: {when}").format(when=digest_words(chosen.digest)),
        lines=(Line(_("The next one comes {time}, without a sound").format(time=due)), clock),
        footer="`/digest off` · `/timezone`",
        buttons=(*choices, Button(_("Off"), "/digest off"), settings),
    )
