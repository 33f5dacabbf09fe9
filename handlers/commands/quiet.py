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
from handlers.numbers import number
from handlers.quiet_words import (
    EXAMPLE,
    clock_words,
    hours_typed,
    hours_words,
    is_muted,
    mute_words,
    quiet_words,
    read_quiet,
)
from handlers.speech import N_, _
from handlers.words import Parameter, read_period, read_text
from handlers.zones import read_zone, zone_typed

HOURS = Parameter("hours|off", read_text, rest=True)
FOR = Parameter("period|off", read_text, rest=True)
ZONE = Parameter("city", read_text, rest=True)
LONGEST_MUTE = timedelta(days=30)
ZONES = ("Europe/London", "Europe/Berlin", "America/New_York", "Asia/Singapore", "Asia/Tokyo", "UTC")
"""Offered for a tap; every other one is typed."""
_BREAK = re.compile(r"break[ -]?through(?:\s+(on|off|yes|no))?")


def _all() -> Button:
    return Button(_("All settings"), "/settings")


@command(
    "quiet",
    N_("Hours without a sound; one summary at their end"),
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
            _("That is on or off: it is for waves of W {w} and more. `/quiet breakthrough on`").format(
                w=number(YEARLY_W, 1)
            ),
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
            title=_("No quiet hours: I may speak at any time"),
            lines=tuple(Line(text) for text in (_by_the_clock(desk, now), *_once(now))),
            footer=f"`{EXAMPLE}`, `{EXAMPLE} Europe/Berlin`",
            buttons=(*back, Button(_("Quiet 23:00–07:00"), EXAMPLE), _all()),
        )
    begin, end = f"{now.quiet.begin:%H:%M}", f"{now.quiet.end:%H:%M}"
    if now.break_through:
        text = _(
            "Waves of W {w} and more (about yearly) may break through; "
            "`/quiet breakthrough off` holds them too"
        )
        turn = Button(_("Hold every wave"), "/quiet breakthrough off")
    else:
        text = _(
            "Waves of W {w} and more (about yearly) are held as well; "
            "`/quiet breakthrough on` lets them through"
        )
        turn = Button(_("Let W ≥ 3.9 through"), "/quiet breakthrough on")
    summed = _("New waves become one summary at {end}; what is shown is revised silently")
    return Card(
        title=_("Quiet from {begin} to {end}").format(begin=begin, end=end),
        lines=(
            Line(_by_the_clock(desk, now)),
            Line(summed.format(end=end)),
            Line(text.format(w=number(YEARLY_W, 1))),
        ),
        footer="`/quiet off` · `/timezone` · `/mute 2h`",
        buttons=(*back, turn, Button(_("Off"), "/quiet off"), _all()),
    )


def _once(now: ChatSettings) -> tuple[str, ...]:
    """What was chosen for quiet hours that there are not yet."""
    text = _("In quiet hours, once there are any, waves of W {w} and more may break through")
    return (text.format(w=number(YEARLY_W, 1)),) if now.break_through else ()


def _by_the_clock(desk: Desk, now: ChatSettings) -> str:
    return _("By the clock of {clock}").format(clock=clock_words(now, desk.wall()))


def _undo(now: ChatSettings, before: ChatSettings) -> tuple[Button, ...]:
    """Only where one line brings back all that there was, and no other button does that."""
    if before.quiet is None or now.break_through != before.break_through:
        return ()
    return (Button(_("Undo"), f"/quiet {hours_typed(before.quiet)} {zone_typed(before.zone)}"),)


@command(
    "mute",
    N_("Silence for a while; edits go on without a sound"),
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
                _("I am silent for 30 days at most. To end alerts: `/unsubscribe all`"),
                "/mute 30d",
                "/alerts",
            )
        settings = replace(settings, muted_until=now + period)
        await choose(desk, ask, settings)
    if not is_muted(settings, now):
        offered = ((_("2 h"), "/mute 2h"), (_("8 h"), "/mute 8h"), (_("1 day"), "/mute 1d"))
        return Card(
            title=_("Not muted"),
            lines=(Line(_("Quiet hours: {hours}").format(hours=quiet_words(settings))),),
            footer="`/mute 2h`",
            buttons=(*(Button(label, line) for label, line in offered), _all()),
        )
    summed = _("New waves become one summary then; nothing breaks through. Questions are answered")
    return Card(
        title=_("Muted {until}").format(until=mute_words(settings, now)),
        lines=(Line(summed),),
        footer=_("`/mute off` ends it now"),
        buttons=(Button(_("Unmute"), "/mute off"), Button(_("8 h instead"), "/mute 8h"), _all()),
    )


@command(
    "timezone",
    N_("The clock of this chat"),
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
        back = (Button(_("Undo"), f"/timezone {zone_typed(before)}"),) if before != settings.zone else ()
    lines = [_("Alerts and answers tell times by it; pictures keep UTC")]
    if settings.quiet:
        lines.append(_("Quiet hours {hours} are on this clock").format(hours=hours_words(settings.quiet)))
    choices = tuple(Button(zone.rpartition("/")[2].replace("_", " "), f"/timezone {zone}") for zone in ZONES)
    return Card(
        title=_("The clock here: {clock}").format(clock=clock_words(settings, desk.wall())),
        lines=tuple(Line(line) for line in lines),
        footer="`/timezone Sao Paulo` · `/timezone UTC+2`",
        buttons=(*back, _all()) if text else (*choices, _all()),
    )
