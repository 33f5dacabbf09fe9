from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.waves import Magnitude
from handlers.numbers import (
    Scale,
    coins,
    duration,
    moment,
    ordinal,
    percent,
    price,
    return_period,
    share,
    short_day,
    shortly,
    usd,
    usd_cell,
)
from handlers.speech import LANGUAGES, speaking
from handlers.titles import width

NOW = datetime(2025, 10, 10, 21, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (coins(-41_200, "BTC", signed=True), "−41,200 BTC"),
        (coins(12_345_678, "DOGE"), "12.35 M DOGE"),
        (coins(1.2345e12, "PEPE"), "1,234 B PEPE"),
        (coins(8.2041, "BTC"), "8.204 BTC"),
        (coins(0, "BTC", signed=True), "0 BTC"),
        (usd(8.1e9), "$8.1 B"),
        (usd(-3.4e9, signed=True), "−$3.4 B"),
        (usd(412e6), "$412 M"),
        (usd(3.21e9, fine=True), "$3.21 B"),
        (usd(999.7e6), "$1.0 B"),
        (usd(0), "$0"),
        (price(122_000), "$122,000"),
        (price(3412.5), "$3,412.50"),
        (price(0.00001234), "$0.00001234"),
        (percent(-0.099), "−9.9 %"),
        (percent(0.001), "+0.1 %"),
        (percent(-0.0001), "0.0 %"),
        (share(0.97), "97 %"),
        (share(0.9996), "99 %"),
        (share(1.0), "100 %"),
        (duration(timedelta(minutes=41)), "41 min"),
        (duration(timedelta(hours=1, minutes=52)), "1 h 52 min"),
        (duration(timedelta(days=7)), "7 days"),
        (duration(timedelta(days=2039)), "5.6 years"),
        (shortly(timedelta(seconds=1.94)), "1.9 s"),
        (shortly(timedelta(0)), "0.1 s"),
        (return_period(Magnitude(0.01, 0.01, 0.01)), "about hourly"),
        (return_period(Magnitude(2.2, 2.0, 2.4)), "about weekly"),
        (return_period(Magnitude(4.7, 4.25, 5.25)), "about once in 6 years (2–20)"),
        (ordinal(2), "second largest"),
        (ordinal(11), "11th largest"),
        (ordinal(22), "22nd largest"),
        (moment(NOW, NOW), "21:24 UTC"),
        (moment(NOW - timedelta(days=1), NOW), "9 Oct 21:24 UTC"),
        (short_day(datetime(2020, 3, 12, tzinfo=UTC), NOW), "Mar’20"),
    ],
)
def test_a_number_is_written_as_people_read_it(shown: str, wanted: str) -> None:
    assert shown == wanted


def as_number(shown: str) -> float:
    return float(shown.replace("−", "-").replace("$", "").replace(",", "").split()[0])


@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=12))
def test_rounded_parts_add_up_to_the_rounded_total(amounts: list[float]) -> None:
    scale = Scale(100.0, 1.0)
    assert sum(scale.parts(amounts)) == pytest.approx(round(sum(a / 100 for a in amounts)) * 100)


@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=12))
def test_no_part_is_moved_by_more_than_a_step(amounts: list[float]) -> None:
    scale = Scale(100.0, 1.0)
    assert all(abs(a - b) <= 100 for a, b in zip(amounts, scale.parts(amounts), strict=True))


@given(st.floats(1e-6, 1e14))
def test_coins_keep_four_digits(amount: float) -> None:
    shown = Scale.coins(amount).show(amount)
    powers = {"M": 1e6, "B": 1e9, "T": 1e12}
    assert as_number(shown) * powers.get(shown[-1], 1.0) == pytest.approx(amount, rel=6e-4)


@pytest.mark.parametrize(
    ("language", "wanted"),
    [("en", "$37.7B"), ("es", "$37,7B"), ("ru", "$37,7B"), ("zh", "$377亿"), ("tr", "$37,7B")],
)
def test_an_amount_in_a_table_is_narrow_in_every_language(language: str, wanted: str) -> None:
    with speaking(language):
        assert usd_cell(37.7e9) == wanted
        assert usd_cell(None) == "?"


@given(st.floats(0, 9e14), st.sampled_from(sorted(LANGUAGES)))
def test_no_amount_in_a_table_is_wider_than_a_phone_has_room_for(amount: float, language: str) -> None:
    with speaking(language):
        assert width(usd_cell(amount)) <= 9
