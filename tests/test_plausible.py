"""Figures that do not fit what is told beside them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.assets import Asset
from bot.domain.market import Venue
from bot.domain.plausible import Odd, oddities
from bot.domain.statistics import Statistics, VenueStatistics

BTC = Asset("BTC")
AT = datetime(2025, 10, 10, 21, 15, tzinfo=UTC)
PRICE_USD = 113_000.0


def told(
    name: str, usd: float | None, volume_usd: float | None, price_usd: float = PRICE_USD
) -> VenueStatistics:
    coins = usd / price_usd if usd is not None else 1.0
    return VenueStatistics(Venue(name), coins, 0.0, usd=usd, volume_usd=volume_usd)


def statistics(*venues: VenueStatistics) -> Statistics:
    return Statistics(BTC, AT, venues)


def found(*venues: VenueStatistics) -> list[tuple[str, Odd]]:
    return [(odd.venue, odd.what) for odd in oddities(statistics(*venues))]


USUAL = (told("a", 9e9, 15e9), told("b", 2e9, 1e9), told("c", 1e9, 0.1e9))


def test_venues_as_they_are_fit() -> None:
    assert found(*USUAL) == []
    assert found() == []


@pytest.mark.parametrize("factor", [1000.0, 1 / 1000])
def test_contracts_read_a_thousand_times_too_large_or_too_small_do_not_fit(factor: float) -> None:
    wrong = told("d", 1.5e9 * factor, 2e9)
    assert found(*USUAL, wrong) == [("d", Odd.VOLUME)]
    (odd,) = oddities(statistics(*USUAL, wrong))
    assert (odd.asset, odd.told, odd.beside) == (BTC, 1.5e9 * factor, 2e9)


def test_a_venue_too_small_to_matter_is_not_named() -> None:
    assert found(*USUAL, told("tiny", 5e7, 1e5)) == []
    assert found(*USUAL, told("large", 5e8, 1e6)) == [("large", Odd.VOLUME)]


def test_what_is_not_told_does_not_count_against_a_venue() -> None:
    assert found(*USUAL, told("d", 5e9, None), told("e", None, 3e9), told("f", 5e9, 0.0)) == []


def test_a_price_on_another_scale_does_not_fit() -> None:
    scaled = told("d", 1e9, 1e9, PRICE_USD / 10)
    assert found(*USUAL, scaled) == [("d", Odd.PRICE)]
    (odd,) = oddities(statistics(*USUAL, scaled))
    assert [odd.told, odd.beside] == pytest.approx([PRICE_USD / 10, PRICE_USD])


def test_a_crash_that_venues_feel_unlike_is_none() -> None:
    assert found(*USUAL, told("d", 1e9, 1e9, PRICE_USD * 0.72)) == []


def test_two_prices_do_not_say_which_is_wrong() -> None:
    assert found(told("a", 1e9, 1e9), told("b", 1e9, 1e9, PRICE_USD * 10)) == []


@given(
    st.lists(st.tuples(st.floats(1e6, 1e11), st.floats(1e6, 1e11)), max_size=6),
    st.floats(1e-3, 1e3),
)
def test_another_currency_changes_nothing(rows: list[tuple[float, float]], rate: float) -> None:
    """All dollars times the same: only relations count."""
    one = [told(str(n), usd, volume) for n, (usd, volume) in enumerate(rows)]
    other = [
        told(str(n), usd * rate, volume * rate, PRICE_USD * rate) for n, (usd, volume) in enumerate(rows)
    ]
    near = [abs(usd / volume / edge - 1) for usd, volume in rows for edge in (100, 1 / 200)]
    near += [abs(part / sum(column) / 0.01 - 1) for column in zip(*rows, strict=True) for part in column]
    if min(near, default=1.0) > 1e-9:
        assert found(*one) == found(*other)
