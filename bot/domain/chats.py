"""What a chat has chosen for itself, beside its subscriptions."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from bot.domain.posts import YEARLY_W, Destination, Subscription


class QuietHours(msgspec.Struct, frozen=True):
    """From ``begin`` to ``end`` on the chat's own clock, over midnight where ``end`` is earlier."""

    begin: time
    end: time


class RolePing(msgspec.Struct, frozen=True):
    """A role that is pinged by waves of at least ``from_w``."""

    role: str
    from_w: float


class Digest(msgspec.Struct, frozen=True):
    """A summary at ``at`` on the chat's own clock: each day, or on one ``weekday`` (0 is Monday).

    ``topic`` is where in the chat it was asked for.
    """

    at: time
    weekday: int | None = None
    topic: str = ""

    @property
    def period(self) -> timedelta:
        return timedelta(days=1 if self.weekday is None else 7)


class ChatSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One chat's choices; a chat that never chose has these defaults.

    ``destination`` is the chat as a whole (its ``topic`` is empty): quiet hours hold in every topic.
    ``zone`` is an IANA name. ``break_through`` lets waves of at least ``YEARLY_W`` speak while it is quiet.
    ``manager_role`` may change settings beside administrators, where the platform has roles. ``language`` is
    a code (``es``); empty where none was chosen and the platform named none.
    """

    destination: Destination
    zone: str = "UTC"
    quiet: QuietHours | None = None
    break_through: bool = False
    muted_until: datetime | None = None
    pings: tuple[RolePing, ...] = ()
    manager_role: str = ""
    language: str = ""
    unfollowed: tuple[timedelta, ...] = ()
    """The follow-ups (how long after a wave's end) that the chat does not want."""
    digest: Digest | None = None
    digest_due: datetime | None = None
    """When the next digest is to be told, real time."""


class Changed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What there was and what there is: settings, or subscriptions."""

    settings: tuple[ChatSettings, ChatSettings] | None = None
    alerts: tuple[tuple[Subscription, ...], tuple[Subscription, ...]] | None = None

    def written(self) -> str:
        """For ``SettingsChange.what``."""
        return msgspec.json.encode(self).decode()


class SettingsChange(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``/settings log``. ``what`` is a ``Changed``, or words as releases before 0.4 kept them."""

    destination: Destination
    at: datetime
    who: str
    what: str

    @property
    def changed(self) -> Changed | None:
        """``None`` where it is words."""
        return msgspec.json.decode(self.what, type=Changed) if self.what.startswith("{") else None


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
    """Counted in UTC: on the two nights a year when clocks change, local times cannot be compared."""
    hours = settings.quiet
    if hours is None or hours.begin == hours.end:
        return None
    zone = ZoneInfo(settings.zone)
    today = now.astimezone(zone).date()
    over_midnight = timedelta(days=int(hours.end <= hours.begin))
    for begin_day in (today - timedelta(days=1), today):
        begin = min(_instants(begin_day, hours.begin, zone))
        end = max(_instants(begin_day + over_midnight, hours.end, zone))
        if begin <= now < end:
            return end
    return None


def _instants(day: date, clock: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """What a local time may mean, in UTC: two instants where clocks go back or forth, else twice the same."""
    local = datetime.combine(day, clock, zone)
    return local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)


def next_digest(settings: ChatSettings, now: datetime) -> datetime | None:
    """When the next digest is due after ``now`` (real time), in UTC; ``None`` where none is wanted.

    A time that the clock skips or has twice when it changes is told once.
    """
    if settings.digest is None:
        return None
    zone = ZoneInfo(settings.zone)
    today = now.astimezone(zone).date()
    days = (today + timedelta(days=n) for n in range(9))
    fitting = (day for day in days if settings.digest.weekday in (None, day.weekday()))
    instants = (min(_instants(day, settings.digest.at, zone)) for day in fitting)
    return next(at for at in instants if at > now)
