"""When this chat is spoken to, and by which clock: /quiet, /mute and /timezone."""

from __future__ import annotations

import re
from datetime import timedelta

from msgspec.structs import replace

from bot.domain.cards import Button, Card, Line
from bot.domain.chats import ChatSettings
from bot.domain.posts import YEARLY_W
from bot.errors import AskError
from handlers.commands.changes import choose
from handlers.commands.registry import Ask, command
from handlers.desk import Desk
from handlers.quiet_words import (
    EXAMPLE,
    clock_words,
    hours_typed,
    hours_words,
    mute_words,
    quiet_words,
    read_quiet,
)
from handlers.words import Parameter, read_period, read_text
from handlers.zones import read_zone

HOURS = Parameter("hours|off", read_text, rest=True)
FOR = Parameter("period|off", read_text, rest=True)
ZONE = Parameter("city", read_text, rest=True)
LONGEST_MUTE = timedelta(days=30)
ZONES = ("Europe/London", "Europe/Berlin", "America/New_York", "Asia/Singapore", "Asia/Tokyo", "UTC")
"""Offered for a tap; every other one is typed."""
ALL = Button("All settings", "/settings")
_BREAK = re.compile(r"break[ -]?through(?:\s+(on|off|yes|no))?")


@command(
    "quiet",
    "Hours without a sound; one summary at their end",
    HOURS.optional,
    examples=("/quiet 23:00-07:00", "/quiet 23-7 Berlin", "/quiet off", "/quiet breakthrough on"),
    configures=True,
)
async def quiet(desk: Desk, ask: Ask) -> Card:
    before = await desk.settings(ask.destination)
    text = (ask.get(HOURS) or "").lower()
    if not text:
        return _quiet_card(desk, before, undo=None)
    if text == "off":
        after = replace(before, quiet=None)
    elif found := _BREAK.fullmatch(text):
        after = replace(before, break_through=found[1] not in ("off", "no"))
    elif text.startswith("break"):
        raise AskError(
            f"That is on or off: it is for waves of W {YEARLY_W} and more. `/quiet breakthrough on`",
            "/quiet breakthrough on",
            "/quiet breakthrough off",
        )
    else:
        hours, zone = read_quiet(text)
        after = replace(before, quiet=hours, zone=zone or before.zone)
    await choose(desk, ask, after)
    return _quiet_card(desk, after, undo=before if before != after else None)


def _quiet_card(desk: Desk, now: ChatSettings, undo: ChatSettings | None) -> Card:
    back = _undo(now, undo) if undo else ()
    if now.quiet is None:
        return Card(
            title="No quiet hours: I may speak at any time",
            lines=(Line(f"By the clock of {clock_words(now, desk.wall())}"),),
            footer=f"`{EXAMPLE}`, `{EXAMPLE} Europe/Berlin`",
            buttons=(*back, Button("Quiet 23:00–07:00", EXAMPLE), ALL),
        )
    through, turn, would, label = (
        ("may break through", "off", "holds them too", "Hold every wave")
        if now.break_through
        else ("are held as well", "on", "lets them through", "Let W ≥ 3.9 through")
    )
    return Card(
        title=f"Quiet from {now.quiet.begin:%H:%M} to {now.quiet.end:%H:%M}",
        lines=(
            Line(f"By the clock of {clock_words(now, desk.wall())}"),
            Line(f"New waves become one summary at {now.quiet.end:%H:%M}; what is shown is revised silently"),
            Line(f"Waves of W 3.9 and more (about yearly) {through}; `/quiet breakthrough {turn}` {would}"),
        ),
        footer="`/quiet off` · `/timezone` · `/mute 2h`",
        buttons=(*back, Button(label, f"/quiet breakthrough {turn}"), Button("Off", "/quiet off"), ALL),
    )


def _undo(now: ChatSettings, before: ChatSettings) -> tuple[Button, ...]:
    """Only where one line brings back all that there was, and no other button does that."""
    if before.quiet is None or now.break_through != before.break_through:
        return ()
    return (Button("Undo", f"/quiet {hours_typed(before.quiet)} {before.zone}"),)


@command(
    "mute",
    "Silence for a while; edits go on without a sound",
    FOR.optional,
    examples=("/mute 2h", "/mute 1d", "/mute off"),
    configures=True,
)
async def mute(desk: Desk, ask: Ask) -> Card:
    settings = await desk.settings(ask.destination)
    text, now = (ask.get(FOR) or "").lower(), desk.wall()
    if text == "off":
        settings = replace(settings, muted_until=None)
        await choose(desk, ask, settings)
    elif text:
        period = read_period(text)
        if period > LONGEST_MUTE:
            raise AskError(
                "I am silent for 30 days at most. To end alerts: `/unsubscribe all`", "/mute 30d", "/alerts"
            )
        settings = replace(settings, muted_until=now + period)
        await choose(desk, ask, settings)
    until = mute_words(settings, now)
    if until == "no":
        return Card(
            title="Not muted",
            lines=(Line(f"Quiet hours: {quiet_words(settings)}"),),
            footer="`/mute 2h`",
            buttons=(Button("2 h", "/mute 2h"), Button("8 h", "/mute 8h"), Button("1 day", "/mute 1d"), ALL),
        )
    return Card(
        title=f"Muted {until}",
        lines=(Line("New waves become one summary then; nothing breaks through. Questions are answered"),),
        footer="`/mute off` ends it now",
        buttons=(Button("Unmute", "/mute off"), Button("8 h instead", "/mute 8h"), ALL),
    )


@command(
    "timezone",
    "The clock of this chat",
    ZONE.optional,
    examples=("/timezone Europe/Berlin", "/timezone new york", "/timezone UTC+2"),
    configures=True,
)
async def timezone(desk: Desk, ask: Ask) -> Card:
    settings = await desk.settings(ask.destination)
    text = ask.get(ZONE)
    back: tuple[Button, ...] = ()
    if text:
        before = settings.zone
        settings = replace(settings, zone=read_zone(text))
        await choose(desk, ask, settings)
        back = (Button("Undo", f"/timezone {before}"),) if before != settings.zone else ()
    quiet = f"Quiet hours {hours_words(settings.quiet)} are on this clock" if settings.quiet else ""
    lines = ("Alerts and answers tell times by it; pictures keep UTC", quiet)
    choices = tuple(Button(zone.rpartition("/")[2].replace("_", " "), f"/timezone {zone}") for zone in ZONES)
    return Card(
        title=f"The clock here: {clock_words(settings, desk.wall())}",
        lines=tuple(Line(line) for line in lines if line),
        footer="`/timezone Sao Paulo` · `/timezone UTC+2`",
        buttons=(*back, ALL) if text else (*choices, ALL),
    )
