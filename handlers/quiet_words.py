"""When a chat wants silence, read and in words."""

from __future__ import annotations

import re
from datetime import datetime, time
from zoneinfo import ZoneInfo

from bot.domain.cards import plain
from bot.domain.chats import ChatSettings, QuietHours
from bot.domain.posts import YEARLY_W
from bot.errors import AskError
from handlers.numbers import moment, number
from handlers.speech import _
from handlers.zones import local, read_zone, zone_words

_TIME = r"(\d{1,2})(?:[:.h]?([0-5]\d))?\s*(am|pm)?"
_HOURS = re.compile(rf"(?:from\s+)?{_TIME}\s*(?:-|–|—|to\b|until\b|till\b)\s*{_TIME}(?:\s+(?:in\s+)?(\S.*))?")
EXAMPLE = "/quiet 23:00-07:00"


def read_quiet(text: str) -> tuple[QuietHours, str | None]:
    """``23:00-07:00``, ``23-7 Berlin``, ``11pm to 7am UTC+2``: the hours, and the zone where one is named.

    Raises ``AskError``.
    """
    found = _HOURS.fullmatch(" ".join(text.lower().split()))
    if not found:
        raise AskError(
            _(
                'I cannot read "{text}" as quiet hours. Write them like `{example}` or '
                "`{example} Europe/Berlin`"
            ).format(text=plain(text.strip()[:24]), example=EXAMPLE),
            EXAMPLE,
        )
    begin, end = _time(*found.group(1, 2, 3)), _time(*found.group(4, 5, 6))
    if begin == end:
        raise AskError(
            _("Quiet hours begin and end at different times. To be silent for a while: `/mute 8h`")
        )
    hours = QuietHours(begin, end)
    return hours, read_zone(found[7], f"/quiet {hours_typed(hours)}") if found[7] else None


def _time(hours: str, minutes: str | None, half: str | None) -> time:
    hour = int(hours)
    if hour > (12 if half else 24) or (half and not hour):
        text = _("There is no {hour} o’clock. Write quiet hours like `{example}`")
        if half:
            text = _("There is no {hour}{half}. Write quiet hours like `{example}`")
        raise AskError(text.format(hour=hour, half=half, example=EXAMPLE), EXAMPLE)
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(hour % 24, int(minutes or 0))


def hours_words(hours: QuietHours) -> str:
    """``23:00–07:00``."""
    return f"{hours.begin:%H:%M}–{hours.end:%H:%M}"


def hours_typed(hours: QuietHours) -> str:
    """As a person would type them, so that they are read back as the same."""
    return f"{hours.begin:%H:%M}-{hours.end:%H:%M}"


def quiet_words(settings: ChatSettings) -> str:
    """``23:00–07:00; waves of W 3.9 and more may break through``."""
    if settings.quiet is None:
        # For translators: no quiet hours, no roles, no running waves.
        return _("none")
    hours = hours_words(settings.quiet)
    if settings.break_through:
        return _("{hours}; waves of W {w} and more may break through").format(
            hours=hours, w=number(YEARLY_W, 1)
        )
    return _("{hours}; waves of W {w} and more are held as well").format(hours=hours, w=number(YEARLY_W, 1))


def is_muted(settings: ChatSettings, wall: datetime) -> bool:
    return settings.muted_until is not None and settings.muted_until > wall


def mute_words(settings: ChatSettings, wall: datetime) -> str:
    """``until 20:45 CET``; ``wall`` is real time."""
    until = settings.muted_until
    if until is None or until <= wall:
        # For translators: the chat is not muted.
        return _("no")
    return _("until {at}").format(at=moment(local(until, ZoneInfo(settings.zone)), wall))


def clock_words(settings: ChatSettings, wall: datetime) -> str:
    """``Berlin (CET), now 18:45``."""
    at = f"{local(wall, ZoneInfo(settings.zone)):%H:%M}"
    return _("{zone}, now {at}").format(zone=zone_words(settings.zone, wall), at=at)
