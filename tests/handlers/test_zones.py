from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import AskError
from handlers.numbers import clock, moment
from handlers.zones import PART_HOURS, in_zone, local, read_zone, zone_words
from tests.handlers.october import NOW, snapshot, wave

BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
SUMMER, WINTER = datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC)
instants = st.integers(0, 2_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("munich", "Europe/Berlin"),
        ("New  York", "America/New_York"),
        ("new_york", "America/New_York"),
        ("são paulo", "America/Sao_Paulo"),
        ("San Francisco", "America/Los_Angeles"),
        ("indianapolis", "America/Indianapolis"),
        ("Japan", "Japan"),
        ("utc", "UTC"),
        ("GMT", "UTC"),
        ("EST", "America/New_York"),
        ("UTC+2", "Etc/GMT-2"),
        ("gmt -3", "Etc/GMT+3"),
        ("+05:30", "Asia/Kolkata"),
        ("UTC−9:30", "Pacific/Marquesas"),
        ("UTC+0", "UTC"),
    ],
)
def test_a_zone_is_known_by_what_people_call_it(said: str, zone: str) -> None:
    assert read_zone(said) == zone


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("berln", "Europe/Berlin"),
        ("moskow", "Europe/Moscow"),
        ("Europe/Brlin", "Europe/Berlin"),
        ("tokio", "Asia/Tokyo"),
    ],
)
def test_a_mistaken_zone_names_the_nearest(said: str, meant: str) -> None:
    with pytest.raises(AskError) as error:
        read_zone(said)
    assert f"Did you mean **{meant}**?" in error.value.text
    assert error.value.suggestions == (f"/timezone {meant}",)


@pytest.mark.parametrize(
    "said", ["xxqqxx", "atlantis", "utopia", "xyz", "UTC+15", "UTC+10:30", "UTC-13", "Factory?!", ""]
)
def test_a_zone_that_is_none_says_how_to_name_one(said: str) -> None:
    with pytest.raises(AskError, match="large city"):
        read_zone(said)


@pytest.mark.parametrize("hours", range(-12, 15))
def test_an_offset_of_whole_hours_is_kept_all_year(hours: int) -> None:
    zone = ZoneInfo(read_zone(f"UTC{hours:+}"))
    assert (
        SUMMER.astimezone(zone).utcoffset() == WINTER.astimezone(zone).utcoffset() == timedelta(hours=hours)
    )


@pytest.mark.parametrize("offset", PART_HOURS)
def test_an_offset_of_part_hours_is_kept_all_year(offset: str) -> None:
    zone = ZoneInfo(read_zone(f"UTC{offset}"))
    assert f"{local(SUMMER, zone):%z}" == f"{local(WINTER, zone):%z}"
    hours, minutes = offset[1:].split(":")
    assert f"{local(SUMMER, zone):%z}" == f"{offset[0]}{int(hours):02}{minutes}"


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_zone_or_explained(said: str) -> None:
    with suppress(AskError):
        ZoneInfo(read_zone(said))


def test_a_time_carries_the_abbreviation_of_its_zone_then() -> None:
    assert clock(local(SUMMER, BERLIN)) == "14:00 CEST"
    assert clock(local(WINTER, BERLIN)) == "13:00 CET"
    assert clock(local(WINTER, ZoneInfo("Etc/GMT-2"))) == "14:00 UTC+2"
    assert clock(local(WINTER, ZoneInfo("Pacific/Marquesas"))) == "02:30 UTC−9:30"
    assert zone_words("Europe/Berlin", SUMMER) == "Berlin (CEST)"
    assert zone_words("Etc/GMT-2", SUMMER) == "UTC+2"
    assert zone_words("America/New_York", WINTER) == "New York (EST)"


def test_today_is_the_chats_today() -> None:
    late = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert moment(local(late, BERLIN), SUMMER) == "2 Jul 01:30 CEST"
    assert moment(local(late, BERLIN), late + timedelta(hours=1)) == "01:30 CEST"


@given(instants, instants, zones)
def test_a_zone_changes_neither_instants_nor_the_time_between_them(
    a: datetime, b: datetime, zone: str
) -> None:
    here = ZoneInfo(zone)
    assert local(a, here) == a
    assert local(b, here) - local(a, here) == b - a
    assert local(a, here).utcoffset() == a.astimezone(here).utcoffset()


def test_a_wave_over_the_end_of_summer_time_lasts_as_long_as_it_did() -> None:
    onset = datetime(2025, 10, 26, 0, 50, tzinfo=UTC)
    over = onset + timedelta(minutes=41)
    moved = in_zone(wave(onset=onset, over_at=over), BERLIN)
    assert moved.duration == timedelta(minutes=41)
    assert (clock(moved.onset), clock(over.astimezone(BERLIN))) == ("02:50 CEST", "02:31 CET")


def test_every_time_in_a_thing_is_told_by_the_zones_clock() -> None:
    moved = in_zone(wave(), KOLKATA)
    assert moved == wave()
    assert {f"{at:%Z}" for at in (moved.onset, moved.missing[0].since, moved.reports[0].as_of)} == {"IST"}
    assert f"{in_zone(snapshot(NOW, fallen=0.0), KOLKATA).venues[0].at:%Z}" == "IST"
