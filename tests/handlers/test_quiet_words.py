from __future__ import annotations

from contextlib import suppress
from datetime import time, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.domain.chats import ChatSettings, QuietHours
from bot.errors import AskError
from handlers.quiet_words import clock_words, hours_typed, mute_words, quiet_words, read_quiet
from tests.handlers.conftest import HERE
from tests.handlers.october import NOW

NIGHT = QuietHours(time(23), time(7))
CHAT = ChatSettings(destination=HERE)
minutes = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@pytest.mark.parametrize(
    "said",
    [
        "23:00-07:00",
        "23-7",
        "23:00 – 7:00",
        "from 23 to 7",
        "11pm-7am",
        "11:00 PM until 7",
        "2300-0700",
        "23.00-07.00",
    ],
)
def test_quiet_hours_are_read(said: str) -> None:
    assert read_quiet(said) == (NIGHT, None)


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        ("0-24", None),
        ("24:00-6:00", QuietHours(time(0), time(6))),
        ("12am-12pm", QuietHours(time(0), time(12))),
    ],
)
def test_midnight_has_several_names(said: str, hours: QuietHours | None) -> None:
    if hours is None:
        with pytest.raises(AskError, match="different times"):
            read_quiet(said)
    else:
        assert read_quiet(said)[0] == hours


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ("23-7 Europe/Berlin", "Europe/Berlin"),
        ("23:00-07:00 new york", "America/New_York"),
        ("23-7 UTC+2", "Etc/GMT-2"),
    ],
)
def test_quiet_hours_may_name_their_clock(said: str, zone: str) -> None:
    assert read_quiet(said) == (NIGHT, zone)


@pytest.mark.parametrize(
    "said", ["", "nonsense", "23", "25-7", "23:70-7", "13pm-7am", "0am-7am", "23-7 berln"]
)
def test_quiet_hours_that_are_none_say_how_to_write_them(said: str) -> None:
    with pytest.raises(AskError) as error:
        read_quiet(said)
    assert error.value.suggestions


@given(minutes, minutes)
def test_quiet_hours_written_out_are_read_back_as_the_same(begin: time, end: time) -> None:
    assume(begin != end)
    hours = QuietHours(begin, end)
    assert read_quiet(hours_typed(hours))[0] == hours
    assert read_quiet(f"{begin:%I:%M %p} to {end:%I:%M %p}")[0] == hours


@given(st.text(alphabet="0123456789:.-–apm toUTC+/berlin", max_size=30))
def test_whatever_is_typed_is_read_or_explained(said: str) -> None:
    with suppress(AskError):
        hours, _ = read_quiet(said)
        assert hours.begin != hours.end


def test_what_a_chat_chose_is_said_on_its_clock() -> None:
    chat = replace(CHAT, zone="Europe/Berlin", quiet=NIGHT, muted_until=NOW + timedelta(hours=2))
    assert quiet_words(chat) == "23:00–07:00; waves of W 3.9 and more are held as well"
    assert quiet_words(replace(chat, break_through=True)).endswith("may break through")
    assert mute_words(chat, NOW) == "until 03:50 CEST"
    assert clock_words(chat, NOW) == "Berlin (CEST), now 01:50"
    assert (quiet_words(CHAT), clock_words(CHAT, NOW)) == ("none", "UTC, now 23:50")


def test_a_mute_that_is_over_is_none() -> None:
    assert mute_words(replace(CHAT, muted_until=NOW), NOW) == "no"
