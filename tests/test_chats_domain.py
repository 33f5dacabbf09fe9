"""When a chat is silent: quiet hours on its own clock, mute, and what may break through."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.domain.chats import ChatSettings, QuietHours, silent_until
from bot.domain.posts import YEARLY_W, Destination, summary_subject, summed_waves

CHAT = Destination("telegram", "-100200")
NIGHT = QuietHours(time(23), time(7))
BERLIN = ChatSettings(destination=CHAT, zone="Europe/Berlin", quiet=NIGHT)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-10 21:59:59", None),
        ("2026-01-10 22:00", "2026-01-11 06:00"),
        ("2026-01-11 05:59:59", "2026-01-11 06:00"),
        ("2026-01-11 06:00", None),
        ("2026-07-10 21:30", "2026-07-11 05:00"),
    ],
)
def test_quiet_hours_are_on_the_chats_own_clock(now: str, until: str | None) -> None:
    assert silent_until(BERLIN, utc(now)) == (utc(until) if until else None)


def test_quiet_hours_may_lie_within_a_day_and_empty_ones_are_none() -> None:
    siesta = replace(BERLIN, zone="UTC", quiet=QuietHours(time(13), time(15)))
    assert silent_until(siesta, utc("2026-01-10 14:00")) == utc("2026-01-10 15:00")
    assert silent_until(siesta, utc("2026-01-10 15:00")) is None
    assert silent_until(replace(siesta, quiet=QuietHours(time(7), time(7))), utc("2026-01-10 07:00")) is None


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # 25 October 2026: 03:00 becomes 02:00, so 02:30 comes twice and the later one counts.
        ("2026-10-25 00:15", "2026-10-25 01:30"),
        ("2026-10-25 01:15", "2026-10-25 01:30"),
        ("2026-10-25 01:30", None),
        # 29 March 2026: 02:00 becomes 03:00, so 02:30 never comes.
        ("2026-03-29 00:59", "2026-03-29 01:30"),
        ("2026-03-29 01:30", None),
    ],
)
def test_a_silence_that_ends_while_clocks_change_ends_in_the_future(now: str, until: str | None) -> None:
    settings = replace(BERLIN, quiet=QuietHours(time(23), time(2, 30)))
    assert silent_until(settings, utc(now)) == (utc(until) if until else None)


def test_mute_holds_back_everything_and_quiet_hours_may_be_broken_through() -> None:
    night = utc("2026-01-11 01:00")
    allowed = replace(BERLIN, break_through=True)
    muted = replace(allowed, muted_until=night + timedelta(hours=2))
    assert silent_until(BERLIN, night, YEARLY_W) == utc("2026-01-11 06:00")
    assert silent_until(allowed, night, YEARLY_W) is None
    assert silent_until(allowed, night, YEARLY_W - 0.01) == utc("2026-01-11 06:00")
    assert silent_until(muted, night, YEARLY_W) == utc("2026-01-11 03:00")
    assert silent_until(muted, night, 2.0) == utc("2026-01-11 06:00")
    assert silent_until(muted, night + timedelta(hours=2), YEARLY_W) is None


clocks = st.times(timezones=st.none()).map(lambda at: at.replace(fold=0, microsecond=0))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
nows = st.integers(0, 3 * 366 * 24 * 60).map(lambda n: utc("2025-01-01") + timedelta(minutes=n))
changes = st.sampled_from([utc("2026-10-25 00:00"), utc("2026-03-29 00:00"), utc("2026-11-01 05:00")])
near_changes = st.builds(lambda at, minutes: at + timedelta(minutes=minutes), changes, st.integers(0, 150))


@given(clocks, clocks, zones, nows | near_changes)
def test_whenever_its_clock_stands_within_quiet_hours_a_chat_is_silent(
    begin: time, end: time, zone: str, now: datetime
) -> None:
    settings = ChatSettings(destination=CHAT, zone=zone, quiet=QuietHours(begin, end))
    until = silent_until(settings, now)
    here = now.astimezone(ZoneInfo(zone)).time()
    within = begin <= here < end if begin < end else here >= begin or here < end
    assert until is not None or not within or begin == end
    assert until is None or until > now


def test_a_summary_knows_its_waves_and_nothing_else_is_one() -> None:
    assert list(summed_waves(summary_subject(["1a", "2b"]))) == ["1a", "2b"]
    assert list(summed_waves("1a")) == []
