"""Published resets: every figure has its source, and only like is compared with like."""

from __future__ import annotations

from collections import Counter
from datetime import date
from urllib.parse import urlsplit

import pytest

from bot.domain.assets import Asset
from bot.known import CONFIDENCE, KINDS, Event, events, place_in_coins, place_in_usd, published

BTC = Asset("BTC")
COVID, MAY, OCTOBER = date(2020, 3, 12), date(2021, 5, 19), date(2025, 10, 10)
LATER = date(2026, 6, 1)


@pytest.mark.parametrize("event", events(), ids=lambda event: str(event.day))
def test_an_event_has_sources_and_a_confidence(event: Event) -> None:
    assert event.sources
    assert all(urlsplit(source).scheme == "https" and urlsplit(source).hostname for source in event.sources)
    assert event.confidence in CONFIDENCE
    assert event.kind in KINDS
    assert event.name
    assert all(fall.by and fall.scope and fall.span and (fall.usd or fall.coins) for fall in event.falls)
    assert bool(event.liquidated_usd) == bool(event.liquidated_of)
    assert bool(event.coins_at_least) == bool(event.coins_said_by) == bool(event.larger_than)
    assert event.falls or event.confidence == "weak"


def test_no_day_is_told_twice_and_the_record_goes_back_to_2020() -> None:
    assert max(Counter((event.asset, event.day) for event in events()).values()) == 1
    assert events()[0].day < COVID < events()[-1].day
    assert len(events()) > 30


def test_published_ones_are_told_newest_first_from_a_day_on() -> None:
    found = published(BTC, date(2025, 1, 1))
    assert [event.day for event in found] == sorted((event.day for event in found), reverse=True)
    assert found[-1].day >= date(2025, 1, 1)
    assert published(Asset("DOGE"), date(2019, 1, 1)) == []
    assert len(published(None, date(2019, 1, 1))) == len(events())


def test_the_tenth_of_october_2025_was_the_largest_in_dollars_and_second_in_coins() -> None:
    usd, coins = place_in_usd(BTC, 12e9, OCTOBER), place_in_coins(BTC, 79_000, OCTOBER)
    assert usd is not None
    assert (usd.place, usd.after) == (1, ())
    assert coins is not None
    assert (coins.place, coins.after) == (2, (COVID,))
    counted_by_others = place_in_coins(BTC, 85_000, OCTOBER)
    assert counted_by_others is not None
    assert (counted_by_others.place, counted_by_others.after) == (2, (COVID,))


def test_a_day_that_is_only_known_to_be_larger_than_less_is_named_not_ranked() -> None:
    place = place_in_coins(BTC, 100_000, LATER)
    assert place is not None
    assert (place.place, set(place.unclear)) == (1, {COVID})


def test_a_fall_between_two_bounds_is_not_ranked_with_that_day() -> None:
    place = place_in_coins(BTC, 70_000, LATER)
    assert place is not None
    assert (place.place, place.after, place.unclear) == (3, (OCTOBER, COVID), (MAY,))


def test_an_event_is_not_compared_with_itself_nor_with_what_came_later() -> None:
    assert place_in_usd(BTC, 12e9, OCTOBER) == place_in_usd(BTC, 12e9, date(2025, 10, 11))
    after = place_in_usd(BTC, 11e9, LATER)
    assert after is not None
    assert after.after == (OCTOBER,)
    assert place_in_usd(BTC, 1e9, date(2020, 1, 1)) is None
    assert place_in_usd(Asset("DOGE"), 1e9, LATER) is None


def test_falls_over_hours_of_one_venue_or_over_several_days_are_not_compared() -> None:
    """The six days of August 2024 fell by $10.3 B, the one day of it by $4.6 B."""
    place = place_in_usd(BTC, 9e9, LATER)
    assert place is not None
    assert date(2024, 8, 5) not in place.after
    august = next(event for event in events() if event.day == date(2024, 8, 5))
    assert august.day_usd is not None
    assert august.day_usd[1] == pytest.approx(4.57e9)
    bitmex = next(event for event in events() if event.day == COVID)
    assert [fall.comparable for fall in bitmex.falls] == [False, True]
