"""Who asks which venue: each by exactly one, and nobody's venues move for another's coming or going."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.fleet import owner, share
from bot.domain.market import Venue
from bot.exchanges import EXCHANGES

names = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=8, unique=True)
VENUES = tuple(EXCHANGES)


@given(names)
def test_every_venue_is_asked_by_exactly_one(members: list[str]) -> None:
    shares = [share(VENUES, me, members) for me in members]
    assert sorted(venue for mine in shares for venue in mine) == sorted(VENUES)


@given(names)
def test_the_order_in_which_they_are_known_is_no_matter(members: list[str]) -> None:
    mixed = sorted(members, reverse=True)
    assert [owner(venue, members) for venue in VENUES] == [owner(venue, mixed) for venue in VENUES]


@given(names, st.data())
def test_who_goes_moves_only_what_it_had(members: list[str], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(members))
    left = [member for member in members if member != gone]
    for venue in VENUES:
        before = owner(venue, members)
        assert owner(venue, left) == before or before == gone


@given(names, st.text(min_size=1, max_size=20))
def test_who_comes_takes_only_what_it_gets(members: list[str], newcomer: str) -> None:
    for venue in VENUES:
        after = owner(venue, {*members, newcomer})
        assert after in (owner(venue, members), newcomer)


def test_nobody_there_owns_nothing() -> None:
    assert owner(Venue("acme"), []) is None
