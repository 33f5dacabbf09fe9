"""What a chat has chosen for itself, beside its subscriptions."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from bot.domain.posts import YEARLY_W, Destination


class QuietHours(msgspec.Struct, frozen=True):
    """From ``begin`` to ``end`` on the chat's own clock, over midnight where ``end`` is earlier."""

    begin: time
    end: time


class RolePing(msgspec.Struct, frozen=True):
    """A role that is pinged by waves of at least ``from_w``."""

    role: str
    from_w: float


class ChatSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One chat's choices; a chat that never chose has these defaults.

    ``destination`` is the chat as a whole (its ``topic`` is empty): quiet hours hold in every topic.
    ``zone`` is an IANA name. ``break_through`` lets waves of at least ``YEARLY_W`` speak while it is quiet.
    ``manager_role`` may change settings beside administrators, where the platform has roles.
    """

    destination: Destination
    zone: str = "UTC"
    quiet: QuietHours | None = None
    break_through: bool = False
    muted_until: datetime | None = None
    pings: tuple[RolePing, ...] = ()
    manager_role: str = ""
    language: str = ""


class SettingsChange(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``/settings log``."""

    destination: Destination
    at: datetime
    who: str
    what: str


def whole(destination: Destination) -> Destination:
    """The chat that a topic or thread belongs to."""
    return Destination(destination.platform, destination.chat)


def silent_until(settings: ChatSettings, now: datetime, w: float = 0.0) -> datetime | None:
    """When the chat may be spoken to about a wave of magnitude ``w``; ``None`` when it may be now.

    ``now`` is real time, aware. Mute is absolute; quiet hours may be broken through.
    """
    ends = [settings.muted_until] if settings.muted_until and settings.muted_until > now else []
    quiet = _quiet_until(settings, now)
    if quiet is not None and not (settings.break_through and w >= YEARLY_W):
        ends.append(quiet)
    return max(ends, default=None)


def _quiet_until(settings: ChatSettings, now: datetime) -> datetime | None:
    hours = settings.quiet
    if hours is None or hours.begin == hours.end:
        return None
    zone = ZoneInfo(settings.zone)
    here = now.astimezone(zone)
    for begin_day in (here.date() - timedelta(days=1), here.date()):
        begin = datetime.combine(begin_day, hours.begin, zone)
        over_midnight = hours.end <= hours.begin
        end = datetime.combine(begin_day + timedelta(days=int(over_midnight)), hours.end, zone)
        if begin <= here < end:
            return end.astimezone(now.tzinfo)
    return None
